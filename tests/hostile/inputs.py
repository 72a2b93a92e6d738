"""Hostile values of config files; ``docs/security.md`` counts them."""

from __future__ import annotations

from typing import Any

SHARED = "$.configuration.shared"
MODEL = "$.configuration.specific.PytorchModel"
PAYLOAD = "$.configuration.specific.Payload"
PACKAGE = "$.configuration.processing.Package"

PATHS_THAT_LEAVE: list[tuple[str, Any]] = [
    (f"{SHARED}.source_dir", "/etc"),
    (f"{SHARED}.source_dir", "../../../../../../etc"),
    (f"{SHARED}.source_dir", "s3://bucket/a b"),
    (f"{SHARED}.source_dir", "s3://../bucket"),
    (f"{SHARED}.source_dir", "file:///etc"),
    (f"{SHARED}.source_dir", "~"),
    (f"{SHARED}.source_dir", "$HOME"),
    (f"{MODEL}.inference_entry_point", "../config.json"),
    (f"{MODEL}.inference_entry_point", "/etc/passwd"),
    (f"{MODEL}.inference_entry_point", "s3://bucket/inference.py"),
    (f"{PACKAGE}.processing_entry_point", "../../../etc/passwd"),
    (f"{PACKAGE}.processing_entry_point", "/etc/passwd"),
]
SHELL_WORDS: list[tuple[str, Any]] = [
    (f"{MODEL}.inference_entry_point", "$(touch pwned).py"),
    (f"{MODEL}.inference_entry_point", "inference.py; touch pwned"),
    (f"{MODEL}.inference_entry_point", "--output=/etc/passwd"),
    (f"{SHARED}.pipeline_name", "$(touch pwned)"),
    (f"{SHARED}.pipeline_name", "a;touch pwned"),
    (f"{SHARED}.pipeline_name", "../other"),
    (f"{SHARED}.framework_version", "2.1.0`touch pwned`"),
    (f"{PACKAGE}.processing_instance_type_small", "ml.m5.xlarge|touch"),
    (f"{PACKAGE}.processing_script_arguments", ["--output", "/etc/passwd"]),
    (f"{PACKAGE}.processing_script_arguments", ["--outp=/etc/passwd"]),
    (f"{PACKAGE}.processing_script_arguments", ["--copy", "/", "/opt/ml/processing/output/model"]),
]
INVISIBLE: list[tuple[str, Any]] = [
    (f"{SHARED}.model_owner", "team\0"),
    (f"{SHARED}.model_owner", "team\x1b[2Jgone"),
    (f"{SHARED}.pipeline_description", "paid\u202edesrever"),
    (f"{SHARED}.model_registration_domain", "zero\u200bwidth"),
    (f"{PAYLOAD}.special_field_values", {"customer_comment": "a\0b"}),
    (f"{PACKAGE}.processing_script_arguments", ["\x7f"]),
    (f"{SHARED}.source_model_inference_input_variable_list", [["amount\x00", "NUMERIC"]]),
    (f"{SHARED}.source_dir", "inference\0"),
]
FOREIGN_LETTERS: list[tuple[str, Any]] = [
    (f"{SHARED}.pipeline_name", "rеturns"),  # noqa: RUF001  a Cyrillic letter
    (f"{SHARED}.region", "ＮＡ"),  # noqa: RUF001  wide letters
    (f"{MODEL}.inference_entry_point", "infеrence.py"),  # noqa: RUF001
    (f"{SHARED}.registration_regions", ["NА"]),  # noqa: RUF001  a Cyrillic letter
]
OUT_OF_RANGE: list[tuple[str, Any]] = [
    (f"{PAYLOAD}.default_numeric_value", 10**400),
    (f"{PAYLOAD}.expected_tps", 10**30),
    (f"{PAYLOAD}.max_acceptable_error_rate", float("nan")),
    (f"{SHARED}.framework_version", "2" * 65),
]
REFUSED_EDITS: dict[str, list[tuple[str, Any]]] = {
    "paths that leave the folder": PATHS_THAT_LEAVE,
    "shell characters and options in names and arguments": SHELL_WORDS,
    "NUL, control and invisible characters": INVISIBLE,
    "letters that look alike": FOREIGN_LETTERS,
    "numbers out of range": OUT_OF_RANGE,
}
"""A value, and where in the config it is put, by kind."""

TEXTS = [
    '"},{"Name":"Extra","Type":"Fail"}',
    "$(touch pwned)",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "%s%n",
    "'; DROP TABLE models; --",
    "../../etc/passwd",
]
"""Texts that are kept as they are where people write for people."""

NAMES = [
    "../../etc",
    "/etc/passwd",
    "returns_risk/../../..",
    "$(touch pwned)",
    "returns_risk; touch pwned",
    "rеturns_risk",  # noqa: RUF001  a Cyrillic letter
    "a\x1b[2Jb",
    "x" * 10_000,
]
"""Names of pipelines on the command line."""
