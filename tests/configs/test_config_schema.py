from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from constructs_lib.configs import CONFIG_CLASSES
from constructs_lib.configs.schema import SCHEMA_FILE, config_schema, main, schema_text
from tests.example_pipeline import CONFIG


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = config_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _wrong_paths(validator: Draft202012Validator, file: Path) -> set[str]:
    return {error.json_path for error in validator.iter_errors(json.loads(file.read_text()))}


def test_the_exported_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run python -m constructs_lib.configs.schema"


def test_the_check_fails_on_an_outdated_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.schema.json"
    monkeypatch.setattr("constructs_lib.configs.schema.SCHEMA_FILE", file)

    assert main(["--check"]) == 1
    assert "is outdated: run python -m constructs_lib.configs.schema" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert main(["--chek"]) == 2


@pytest.mark.parametrize(
    "file",
    [
        Path(__file__).parent / "data" / "g4.json",
        CONFIG,
    ],
    ids=lambda file: file.parent.name,
)
def test_example_files_follow_the_schema(validator: Draft202012Validator, file: Path) -> None:
    assert _wrong_paths(validator, file) == set()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.configuration.shared.region", "Ireland"),
        ("$.configuration.shared.source_model_inference_content_types", ["text/plain"]),
        ("$.configuration.shared.processing_framework_version", "9"),
        ("$.configuration.shared.current_date", "yesterday"),
        ("$.configuration.specific.PytorchModel.max_payload_size", 101),
        ("$.configuration.specific.Payload.expected_tps", "5"),
        ("$.configuration.processing.Package.processing_volume_size", 5),
        ("$.metadata.config_types.Package", "PayloadConfig"),
        ("$.configuration", []),
    ],
)
def test_the_schema_finds_what_a_schema_can_find(
    validator: Draft202012Validator, write_config: Callable[..., Path], path: str, value: Any
) -> None:
    wrong = _wrong_paths(validator, write_config((path, value)))

    assert wrong
    assert all(each.startswith(path) for each in wrong)


def test_the_schema_takes_an_object_of_variables_in_any_case(
    validator: Draft202012Validator, write_config: Callable[..., Path]
) -> None:
    variables = "$.configuration.shared.source_model_inference_input_variable_list"

    assert not _wrong_paths(validator, write_config((variables, {"dialogue": "text"})))


def test_every_field_has_a_description_for_editors() -> None:
    definitions = config_schema()["$defs"]

    assert all(
        field.get("description")
        for name in CONFIG_CLASSES
        for field in definitions[name]["properties"].values()
    )
