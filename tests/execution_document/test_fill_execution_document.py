from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.errors import ReleaseError
from constructs_lib.registration.execution_document import (
    DocumentStructureError,
    ExecutionDocumentError,
    UnresolvedVariableError,
    fill_execution_document,
    fill_in_place,
    read_document,
    write_document,
)

STEP_CONFIGS = {
    "Registration-NA": {"source_model_region": "us-east-1", "instance_types": ["ml.m5.large"]},
    "Registration-EU": {"source_model_region": "eu-west-1", "instance_types": ["ml.m5.large"]},
}


def document(*registration_steps: str) -> dict[str, Any]:
    """Make a document with steps of all the kinds that are in use."""
    steps: dict[str, Any] = {
        "CradleDataLoading": {
            "STEP_TYPE": ["WORKFLOW_INPUT", "CradleDataLoadingStep"],
            "STEP_CONFIG": {"query": "select 1"},
        },
        "Training": {"STEP_TYPE": "TRAINING_STEP"},
    }
    for name in registration_steps:
        steps[name] = {
            "STEP_TYPE": ["PROCESSING_STEP", "ModelRegistration"],
            "STEP_CONFIG": {"stale": True},
        }
    return {"PIPELINE_STEP_CONFIGS": steps, "PIPELINE_ADDITIONAL_PARAMS": {"a": 1}}


def test_fills_the_step_of_each_region_with_its_own_config() -> None:
    filled = fill_execution_document(document("Registration-NA", "Registration-EU"), STEP_CONFIGS)
    steps = filled["PIPELINE_STEP_CONFIGS"]
    for name, step_config in STEP_CONFIGS.items():
        assert steps[name]["STEP_CONFIG"] == step_config
        assert steps[name]["STEP_TYPE"] == ["PROCESSING_STEP", "ModelRegistration"]


@pytest.mark.parametrize("name", ["ModelRegistration-NA", "Registration_NA"])
def test_finds_the_step_under_its_other_names(name: str) -> None:
    filled = fill_execution_document(document(name), {"Registration-NA": {"filled": True}})
    assert filled["PIPELINE_STEP_CONFIGS"][name]["STEP_CONFIG"] == {"filled": True}


def test_adds_a_step_config_where_there_is_none() -> None:
    unfilled = document("Registration-NA")
    del unfilled["PIPELINE_STEP_CONFIGS"]["Registration-NA"]["STEP_CONFIG"]
    filled = fill_execution_document(unfilled, STEP_CONFIGS)
    step = filled["PIPELINE_STEP_CONFIGS"]["Registration-NA"]
    assert step["STEP_CONFIG"] == STEP_CONFIGS["Registration-NA"]


def test_leaves_everything_else_alone() -> None:
    unfilled = document("Registration-NA")
    filled = fill_execution_document(unfilled, STEP_CONFIGS)
    del filled["PIPELINE_STEP_CONFIGS"]["Registration-NA"]
    del unfilled["PIPELINE_STEP_CONFIGS"]["Registration-NA"]
    assert filled == unfilled


def test_changes_neither_argument_and_shares_nothing_with_them() -> None:
    unfilled = document("Registration-NA")
    unfilled_before, step_configs = copy.deepcopy(unfilled), copy.deepcopy(STEP_CONFIGS)
    filled = fill_execution_document(unfilled, step_configs)
    steps = filled["PIPELINE_STEP_CONFIGS"]
    steps["Registration-NA"]["STEP_CONFIG"]["instance_types"].append("ml.c5.large")
    steps["CradleDataLoading"]["STEP_CONFIG"].clear()
    assert unfilled == unfilled_before
    assert step_configs == STEP_CONFIGS


def test_a_region_that_the_document_lacks_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        fill_execution_document(document("Registration-NA"), STEP_CONFIGS)
    assert "no step Registration-EU" in caplog.text


def test_nothing_to_fill_in_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="generate the pipeline before") as failure:
        fill_execution_document(document("Registration-NA"), {})
    assert isinstance(failure.value, ReleaseError)


def test_a_document_without_step_configs_is_a_key_error() -> None:
    with pytest.raises(KeyError) as failure:
        fill_execution_document({"STEPS": {}}, STEP_CONFIGS)
    assert isinstance(failure.value, ReleaseError)
    assert str(failure.value) == (
        "The execution document has no 'PIPELINE_STEP_CONFIGS'; its keys are 'STEPS'."
    )


def test_a_document_without_any_step_to_fill_lists_what_it_has() -> None:
    with pytest.raises(DocumentStructureError) as failure:
        fill_execution_document(document("Registration-FE"), {"Registration-NA": {}})
    assert str(failure.value) == (
        "The execution document has no step to fill. Expected one of Registration-NA, "
        "ModelRegistration-NA, Registration_NA; it has CradleDataLoading, Training, "
        "Registration-FE."
    )


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([], "PIPELINE_STEP_CONFIGS must be an object of step names, got a list"),
        (None, "got null"),
        ({"Registration-NA": "text"}, "PIPELINE_STEP_CONFIGS.Registration-NA must be an object"),
    ],
)
def test_other_shapes_are_errors(steps: object, problem: str) -> None:
    with pytest.raises(ExecutionDocumentError, match=problem):
        fill_execution_document({"PIPELINE_STEP_CONFIGS": steps}, STEP_CONFIGS)


def test_a_document_survives_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    written = {"PIPELINE_STEP_CONFIGS": {"b": {"STEP_TYPE": "Größe"}, "a": {}}}
    write_document(written, path)
    assert list(read_document(path)["PIPELINE_STEP_CONFIGS"]) == ["b", "a"]
    assert read_document(path) == written
    assert "Größe" in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": 1,\n  b}', "is not JSON: line 2, column 3: "),
        (b"", "is not JSON: line 1, column 1: "),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"9" * 5000, "json holds a whole number of 5,000 digits; read are numbers of up to 4,300"),
        (b"[1]", "must hold a JSON object with 'PIPELINE_STEP_CONFIGS', got a list"),
        (b'"a"', "got a text"),
        (b"1", "got a number"),
    ],
)
def test_what_is_no_document_is_not_read(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(content)
    with pytest.raises(ExecutionDocumentError, match=problem):
        read_document(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing.json"
    with pytest.raises(ExecutionDocumentError, match=r"missing\.json: No such file"):
        read_document(path)


def test_a_document_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.mkdir()
    with pytest.raises(ExecutionDocumentError, match=r"Cannot write .*document\.json: "):
        write_document(document(), path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(document()).encode())
    assert read_document(path) == document()


def test_filling_in_place_changes_the_document_itself() -> None:
    unfilled = document("Registration-NA")
    step = unfilled["PIPELINE_STEP_CONFIGS"]["Registration-NA"]

    fill_in_place(unfilled, STEP_CONFIGS)

    assert step["STEP_CONFIG"] == STEP_CONFIGS["Registration-NA"]


def test_a_variable_of_a_deployment_is_refused_and_nothing_is_filled() -> None:
    unfilled = document("Registration-NA", "Registration-EU")
    before = copy.deepcopy(unfilled)
    step_configs: dict[str, dict[str, Any]] = {
        **STEP_CONFIGS,
        "Registration-EU": {"bucket": "${RegistryBucketNameEU}"},
    }

    with pytest.raises(UnresolvedVariableError, match=r"Registration-EU .*RegistryBucketNameEU"):
        fill_in_place(unfilled, step_configs)

    assert unfilled == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": "\\ud800"}', "$.a: holds half of a character pair"),
        ('{"a": {"\\udfff": 1}}', "$.a: holds half of a character pair"),
        ('{"a": {"b": 1, "b": 2}}', "$.a.b: is there more than once"),
        ('{"a": [1e400]}', "$.a[0]: must be a finite number"),
        ('{"a": NaN}', "$.a: must be a finite number"),
        ('{"a": 1' + "0" * 400 + "}", "$.a: must be a finite number"),
        ('{"a": 0.12345678901234567890123}', "more digits than readers of JSON keep"),
    ],
)
def test_what_writing_would_lose_is_refused_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "document.json"
    file.write_text(text)

    with pytest.raises(ExecutionDocumentError) as error:
        read_document(file)

    assert str(file) in str(error.value)
    assert message in str(error.value)
    assert file.read_text() == text


@pytest.mark.parametrize("value", ["\ud800", float("inf"), 10**400])
def test_what_is_no_json_is_not_written(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "document.json"
    file.write_text("as it was")

    with pytest.raises(ExecutionDocumentError, match="Cannot write"):
        write_document({"a": value}, file)

    assert file.read_text() == "as it was"


def test_numbers_and_texts_are_written_as_they_were_read(tmp_path: Path) -> None:
    file = tmp_path / "document.json"
    text = '{"a": [0.1, 1.10, 1e-7, -0.0, 12345678901234567890], "b": "\U0001f600 \u200b"}'
    file.write_text(text)

    write_document(read_document(file), file)

    assert json.loads(file.read_text()) == json.loads(text)
