from __future__ import annotations

import csv
import io
import json
import tarfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.configs import PayloadConfig, VariableType
from constructs_lib.release.archives import archive
from constructs_lib.release.payloads import sample_payloads, sample_values

CSV_NAME = "payload_text_csv_0.csv"
JSON_NAME = "payload_application_json_0.json"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def _config(content_type: str = "text/csv", **fields: Any) -> PayloadConfig:
    return PayloadConfig(
        **{
            "author": "alice",
            "current_date": "2026-03-14",
            "model_owner": "team",
            "model_registration_domain": "domain",
            "model_registration_objective": "objective",
            "source_model_inference_content_types": [content_type],
            "source_model_inference_input_variable_list": [
                ["z_amount", "NUMERIC"],
                ["comment", "TEXT"],
                ["a_reason", "TEXT"],
            ],
            **fields,
        }
    )


def test_a_csv_payload_is_one_line_of_values_in_declared_order() -> None:
    assert sample_payloads(_config()) == {CSV_NAME: b"0.0,DEFAULT_TEXT,DEFAULT_TEXT"}


def test_a_json_payload_is_one_flat_object_in_declared_order() -> None:
    payloads = sample_payloads(_config("application/json", default_numeric_value=2.5))

    assert payloads == {
        JSON_NAME: b'{"z_amount": 2.5, "comment": "DEFAULT_TEXT", "a_reason": "DEFAULT_TEXT"}'
    }


def test_csv_values_are_quoted_where_needed() -> None:
    config = _config(
        special_field_values={"comment": 'empty, "as if"\nnever used', "a_reason": "plain text"}
    )

    assert sample_payloads(config)[CSV_NAME] == (b'0.0,"empty, ""as if""\nnever used",plain text')


def test_a_timestamp_is_the_start_of_the_configs_day() -> None:
    config = _config(
        default_text_value="not a template: {timestamp}",
        special_field_values={"comment": 'at {timestamp} {"json": 1}'},
    )

    assert sample_values(config) == {
        "z_amount": 0.0,
        "comment": 'at 2026-03-14 00:00:00 {"json": 1}',
        "a_reason": "not a template: {timestamp}",
    }


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ('{{"said": "{timestamp}"}}', '{"said": "2026-03-14 00:00:00"}'),
        ('{{"a": {{"b": 1}}}}', '{"a": {"b": 1}}'),
        ("{{timestamp}} {{x}}", "{timestamp} {x}"),
        ('{"a": {"b": "{timestamp}"}}', '{"a": {"b": "2026-03-14 00:00:00"}}'),
        ("{}", "{}"),
        ("{{{timestamp}}}", "{2026-03-14 00:00:00}"),
        ("{", "{"),
    ],
)
def test_doubled_braces_of_a_template_mean_single_ones(template: str, value: str) -> None:
    config = _config(special_field_values={"comment": template})

    assert sample_values(config)["comment"] == value


def test_a_numeric_input_has_its_own_value_as_it_is_written() -> None:
    config = _config(default_numeric_value=1.0, numeric_field_values={"z_amount": 18})

    assert sample_payloads(config) == {CSV_NAME: b"18,DEFAULT_TEXT,DEFAULT_TEXT"}


def test_several_values_make_several_requests_in_the_order_of_the_list() -> None:
    config = _config(
        source_model_inference_content_types=["text/csv", "application/json"],
        source_model_inference_input_variable_list={"a": "NUMERIC", "b": "NUMERIC", "c": "NUMERIC"},
        numeric_field_values={"a": [1, 2.5, -3], "b": [7, 8]},
    )

    assert sample_payloads(config) == {
        "payload_text_csv_0.csv": b"1,7,0.0",
        "payload_text_csv_0_1.csv": b"2.5,8,0.0",
        "payload_text_csv_0_2.csv": b"-3,7,0.0",
        "payload_application_json_1.json": b'{"a": 1, "b": 7, "c": 0.0}',
        "payload_application_json_1_1.json": b'{"a": 2.5, "b": 8, "c": 0.0}',
        "payload_application_json_1_2.json": b'{"a": -3, "b": 7, "c": 0.0}',
    }


@settings(deadline=None)
@given(
    variables=st.dictionaries(
        TEXTS.filter(lambda text: bool(text.strip())), st.sampled_from(VariableType), min_size=1
    ),
    number=st.floats(allow_nan=False, allow_infinity=False),
    text=TEXTS,
)
def test_readers_get_back_the_values(
    variables: dict[str, VariableType], number: float, text: str
) -> None:
    fields = {
        "source_model_inference_input_variable_list": variables,
        "default_numeric_value": number,
        "default_text_value": text,
    }
    values = {
        name: number if type_ is VariableType.NUMERIC else text for name, type_ in variables.items()
    }

    json_payload = sample_payloads(_config("application/json", **fields))[JSON_NAME]
    csv_payload = sample_payloads(_config("text/csv", **fields))[CSV_NAME].decode()
    [row] = csv.reader(io.StringIO(csv_payload, newline=""))

    assert list(json.loads(json_payload).items()) == list(values.items())
    assert row == [str(value) for value in values.values()]


@pytest.mark.parametrize(
    ("content_type", "name"), [("text/csv", CSV_NAME), ("application/json", JSON_NAME)]
)
def test_the_archive_holds_the_payload_at_its_root(content_type: str, name: str) -> None:
    config = _config(content_type)

    with tarfile.open(fileobj=io.BytesIO(archive(sample_payloads(config))), mode="r:gz") as tar:
        members = {
            member.name: (reader.read() if (reader := tar.extractfile(member)) else None)
            for member in tar
        }

    assert members == sample_payloads(config)
    assert list(members) == [name]


def test_the_same_config_gives_the_same_archive() -> None:
    assert archive(sample_payloads(_config())) == archive(sample_payloads(_config()))
