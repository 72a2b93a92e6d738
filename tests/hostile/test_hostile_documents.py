"""Execution documents and references of any shape: the right answer, or an error in words."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.errors import ReleaseError
from constructs_lib.registration.execution_document import fill_execution_document, read_document
from constructs_lib.registration.file import read_registration_file
from constructs_lib.registration.request import RegistrationRequestError
from local.runner.language.errors import ReferenceResolutionError
from local.runner.language.references import StepScope, functions_in, references_in, resolve

STEP_CONFIGS: dict[str, dict[str, Any]] = {
    "Registration-NA": {"model_owner": "team", "load_testing_info_map": {"expected_tps": 2}},
    "Registration-EU": {"model_owner": "team"},
}
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
STEP_NAMES = st.sampled_from(
    ["Registration-NA", "ModelRegistration-EU", "Registration_NA", "Registration-na", "Train", ""]
) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
STEPS = JSON | st.dictionaries(
    STEP_NAMES,
    JSON | st.fixed_dictionaries({"STEP_CONFIG": JSON}, optional={"STEP_TYPE": JSON}),
    max_size=5,
)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"PIPELINE_STEP_CONFIGS": STEPS, "PIPELINE_ADDITIONAL_PARAMS": JSON, "other": JSON}
)


@settings(deadline=None, max_examples=300)
@given(document=DOCUMENTS)
def test_a_document_of_any_shape_is_filled_or_refused(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)

    refused = None
    try:
        filled = fill_execution_document(document, STEP_CONFIGS)
    except ReleaseError as error:
        refused = str(error)

    if refused is None:
        _assert_only_registrations_changed(before, filled)
    assert refused != ""
    assert document == before


def _assert_only_registrations_changed(before: dict[str, Any], filled: dict[str, Any]) -> None:
    steps = filled["PIPELINE_STEP_CONFIGS"]
    changed = [
        name for name, step in steps.items() if step != before["PIPELINE_STEP_CONFIGS"][name]
    ]
    assert all(name.replace("_", "-").endswith(("-NA", "-EU")) for name in changed)
    for name, step in steps.items():
        others = {key: value for key, value in step.items() if key != "STEP_CONFIG"}
        was = before["PIPELINE_STEP_CONFIGS"][name]
        assert others == {key: value for key, value in was.items() if key != "STEP_CONFIG"}
    assert {**filled, "PIPELINE_STEP_CONFIGS": None} == {**before, "PIPELINE_STEP_CONFIGS": None}


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "document.json"
    file.write_bytes(content)

    refused = None
    try:
        document = read_document(file)
    except ReleaseError as error:
        refused = str(error)

    if refused is None:
        assert document == json.loads(content)
    else:
        assert str(file) in refused


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"PIPELINE_STEP_CONFIGS":' * 102 + b"1" + b"}" * 102,
        b"1" * 10_000,
    ],
)
def test_documents_that_overflow_a_reader_are_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "overflow.json"
    file.write_bytes(content)

    with pytest.raises(ReleaseError):
        read_document(file)


def test_ten_megabytes_of_text_in_a_document_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    large = {"PIPELINE_STEP_CONFIGS": {"Registration-NA": {}}, "note": "x" * 10_000_000}
    file.write_text(json.dumps(large))

    filled = fill_execution_document(read_document(file), STEP_CONFIGS)

    assert filled["note"] == large["note"]


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_registration_file_is_read_or_refused(content: bytes) -> None:
    with pytest.raises(RegistrationRequestError):
        read_registration_file(content)


PATHS = st.text(st.sampled_from(list("abOutputs.['\"]0123 -")), max_size=20)
REFERENCES = st.one_of(
    st.sampled_from(
        ["Parameters.Bucket", "Steps.Train.Outputs['a']", "Execution.Name", "Steps", ""]
    ),
    PATHS.map("Steps.Train.{}".format),
    st.text(max_size=12),
)
EXPRESSIONS = st.recursive(
    SCALARS
    | REFERENCES.map(lambda text: {"Get": text})
    | st.tuples(REFERENCES, PATHS).map(
        lambda each: {"Std:JsonGet": {"PropertyFile": {"Get": each[0]}, "Path": each[1]}}
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.lists(inner, max_size=3).map(lambda items: {"Std:Join": {"On": "/", "Values": items}})
    ),
    max_leaves=10,
)
SCOPE = StepScope(
    step="Package",
    parameters={"Bucket": "models", "Count": 3},
    variables={"Name": "release"},
    properties={
        "Train": {"Outputs": [{"OutputName": "a", "Uri": "s3://b"}, 1, None, [2]], "b": {}}
    },
    property_files={"Train": {"Report": {"a": [1, {"b": 2}]}}},
)


@settings(deadline=None, max_examples=500)
@given(value=EXPRESSIONS)
def test_any_expression_resolves_or_names_what_it_refers_to(value: Any) -> None:
    before = copy.deepcopy(value)

    refused = None
    try:
        resolved = resolve(value, SCOPE)
    except ReferenceResolutionError as error:
        refused = str(error)

    if refused is None:
        assert not [name for name, _ in functions_in(resolved) if name == "Std:Join"]
        assert not list(references_in(resolved))
    else:
        assert refused.startswith("Step 'Package' refers to")
    assert value == before
