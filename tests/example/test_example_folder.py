"""The example's files fit each other."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.configs.registration import VariableType
from constructs_lib.regions import EU, FE, NA
from constructs_lib.release.payloads import sample_payloads
from tests.example_pipeline import ROOT

MOST_ARTIFACT_BYTES = 200_000


@pytest.fixture
def configs(example: Path) -> PipelineConfigs:
    """The example's configs."""
    return PipelineConfigs.load(example / "config.json")


def test_the_config_loads_without_a_warning(
    example: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configs = PipelineConfigs.load(example / "config.json")
    assert configs.registration.regions == (NA, EU, FE)
    assert caplog.records == []


def test_the_config_has_the_form_that_editors_check(example: Path) -> None:
    config = json.loads((example / "config.json").read_text())
    schema_file = Path(os.path.normpath(ROOT / "pipelines" / example.name / config["$schema"]))
    schema = json.loads(schema_file.read_text())
    jsonschema.Draft202012Validator(schema).validate(config)


def test_the_source_folder_holds_what_is_packaged_and_nothing_else(
    example: Path, configs: PipelineConfigs
) -> None:
    source_dir = example / str(configs.model.source_dir)
    files = [path.name for path in source_dir.iterdir() if path.name != "__pycache__"]
    assert files == [configs.model.inference_entry_point]


def test_the_artifact_is_small_and_has_its_files_at_the_root(example: Path) -> None:
    path = example / "model/model.tar.gz"
    assert path.stat().st_size < MOST_ARTIFACT_BYTES
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == ["model.json", "model.pth", "weights.npz"]
    assert {(member.mtime, member.uid, member.uname) for member in members} == {(0, 0, "")}


def test_the_model_takes_the_declared_inputs_in_their_order(
    model_dir: Path, configs: PipelineConfigs
) -> None:
    description = json.loads((model_dir / "model.json").read_text())
    declared = configs.payload.input_variables
    assert description["inputs"] == list(declared)
    assert set(description["scaling"]) == {
        name for name, type_ in declared.items() if type_ is VariableType.NUMERIC
    }
    assert [description["output"]] == list(
        configs.payload.source_model_inference_output_variable_list
    )


def test_the_model_answers_its_own_sample_payload(
    serving: ModuleType, model: object, configs: PipelineConfigs
) -> None:
    content_types = configs.payload.source_model_inference_content_types
    payloads = sample_payloads(configs.payload).values()
    scores = []
    for content_type, payload in zip(content_types, payloads, strict=True):
        prediction = serving.predict_fn(serving.input_fn(payload, content_type), model)
        [(name, score)] = json.loads(serving.output_fn(prediction, "application/json")).items()
        assert name == "legacy-score"
        assert float(serving.output_fn(prediction, "text/csv")) == pytest.approx(score)
        scores.append(score)
    assert 0 < scores[0] < 1
    assert scores[0] == scores[1]


def test_the_sample_payload_needs_quoting(configs: PipelineConfigs) -> None:
    payload, _ = sample_payloads(configs.payload).values()
    assert b',"The box was empty, reported 2026-11-02' in payload
