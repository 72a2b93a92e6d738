"""Config values that are meant to break out: refused with their place, or kept as mere data."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.configs import ConfigFileError, PipelineConfigs
from constructs_lib.definition import DeployTimeVariableError, compile_pipeline
from constructs_lib.release.archives import archive
from constructs_lib.release.payloads import sample_payloads
from tests.example_pipeline import CONFIG, copy_example
from tests.hostile.inputs import MODEL, PAYLOAD, REFUSED_EDITS, SHARED, TEXTS

TEN_MEGABYTES = "x" * 10_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "model"
    copy_example(folder)
    return folder


def _load(folder: Path, *edits: tuple[str, Any]) -> PipelineConfigs:
    document = json.loads(CONFIG.read_text())
    for path, value in edits:
        *parents, last = path.removeprefix("$.").split(".")
        node = document
        for key in parents:
            node = node[key]
        node[last] = value
    (folder / "config.json").write_text(json.dumps(document))
    return PipelineConfigs.load(folder / "config.json")


@pytest.mark.parametrize(
    ("path", "value"), [edit for edits in REFUSED_EDITS.values() for edit in edits]
)
def test_a_hostile_value_is_refused_where_it_stands(folder: Path, path: str, value: Any) -> None:
    before = _files(folder.parent)

    with pytest.raises(ConfigFileError) as error:
        _load(folder, (path, value))

    # A folder that exists is refused at the entry point that it lacks.
    fields = (path.rpartition(".")[2], "inference_entry_point")
    assert any(field in problem.path for problem in error.value.problems for field in fields)
    # What a terminal would act on is shown escaped.
    assert all(
        unicodedata.category(each) not in ("Cc", "Cf") or each == "\n" for each in str(error.value)
    )
    assert _files(folder.parent) == before


@pytest.mark.parametrize(
    "path",
    [
        f"{SHARED}.model_owner",
        f"{SHARED}.source_dir",
        f"{MODEL}.inference_entry_point",
        f"{PAYLOAD}.default_text_value",
        "$.configuration.comment",
    ],
)
def test_ten_megabytes_of_text_are_refused_with_a_short_message(folder: Path, path: str) -> None:
    with pytest.raises(ConfigFileError, match="is larger than 4194304 bytes") as error:
        _load(folder, (path, TEN_MEGABYTES))

    assert len(str(error.value)) < 500


@pytest.mark.parametrize("depth", [101, 2_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(folder: Path, depth: int, opening: str, closing: str) -> None:
    nested = opening * depth + "1" + closing * depth
    (folder / "config.json").write_text(f'{{"configuration": {nested}}}')

    with pytest.raises(ConfigFileError, match=r"nested deeper|nested too deeply"):
        PipelineConfigs.load(folder / "config.json")


@pytest.mark.parametrize(
    "text",
    ["${AWS::AccountId}", "{{resolve:secretsmanager:prod/password}}", "{{resolve:ssm:/key:1}}"],
)
@pytest.mark.parametrize("field", ["pipeline_description", "model_owner"])
def test_cloudformation_gets_nothing_to_replace(folder: Path, field: str, text: str) -> None:
    configs = _load(folder, (f"{SHARED}.{field}", f"see {text}"))

    with pytest.raises(DeployTimeVariableError, match="CloudFormation"):
        compile_pipeline(configs)


@pytest.mark.parametrize("text", TEXTS)
def test_people_may_write_what_they_like_and_it_stays_text(folder: Path, text: str) -> None:
    plain = compile_pipeline(_load(folder)).definition
    compiled = compile_pipeline(_load(folder, (f"{SHARED}.model_registration_objective", text)))

    assert _shape(compiled.definition) == _shape(plain)
    (request, *_) = compiled.registration_requests.values()
    assert request.model_objective == text


def _shape(definition: Any) -> Any:
    """Everything but the texts, which name digests and quote the configs."""
    if isinstance(definition, dict):
        return {key: _shape(each) for key, each in definition.items()}
    if isinstance(definition, list):
        return [_shape(each) for each in definition]
    return type(definition)


INJECTED = st.text(
    st.sampled_from([*"\",'\n\r\t;=+-@|<>&{}[]\\ab:", "\u2028", "é", "😀"]), max_size=30
).filter(lambda text: "{" not in text)


@settings(deadline=None, max_examples=150)
@given(comment=INJECTED, default=INJECTED, number=st.floats(allow_nan=False, allow_infinity=False))
def test_no_value_adds_a_field_or_a_row_to_a_payload(
    folder: Path, comment: str, default: str, number: float
) -> None:
    payload = _load(
        folder,
        (f"{PAYLOAD}.special_field_values", {"customer_comment": comment}),
        (f"{PAYLOAD}.default_text_value", default),
        (f"{PAYLOAD}.default_numeric_value", number),
    ).payload
    names = list(payload.input_variables)
    by_type = {
        name.rpartition(".")[2]: content for name, content in sample_payloads(payload).items()
    }

    (row,) = csv.reader(io.StringIO(by_type["csv"].decode(), newline=""), strict=True)
    document = json.loads(by_type["json"])

    assert list(document) == names
    assert len(row) == len(names)
    try:  # as the earlier system did: in what is a template, doubled braces are single ones
        shown = comment.format()
    except (ValueError, KeyError, IndexError):
        shown = comment
    assert row[names.index("customer_comment")] == document["customer_comment"] == shown
    assert row[names.index("return_reason")] == document["return_reason"] == default
    assert archive(sample_payloads(payload)) == archive(sample_payloads(payload))


def test_names_that_look_alike_stay_apart(folder: Path) -> None:
    latin, cyrillic = "amount", "аmount"  # noqa: RUF001
    payload = _load(
        folder,
        (f"{PAYLOAD}.special_field_values", {cyrillic: "special"}),
        (
            f"{SHARED}.source_model_inference_input_variable_list",
            [[latin, "TEXT"], [cyrillic, "TEXT"]],
        ),
    ).payload

    document = json.loads(sample_payloads(payload)["payload_application_json_1.json"])

    assert document == {latin: "changed_mind", cyrillic: "special"}


def _files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))
