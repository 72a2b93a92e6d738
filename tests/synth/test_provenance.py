"""Findings name the config file, the JSON path and the field that caused them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from constructs_lib.compilation.checks import pipeline_findings
from constructs_lib.compilation.provenance import ORIGINS, rule_of, traced
from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.findings import Finding, render_path

WritePipeline = Callable[[Path, str], Path]

SECTIONS: Final = {
    "base": "Base",
    "model": "PytorchModel",
    "package": "Package",
    "payload": "Payload",
    "registration": "Registration",
    "training": "PytorchTraining",
}
OTHER_VALUES: Final[Mapping[str, object]] = {
    "base.pipeline_description": "Another",
    "base.pipeline_name": "another-name",
    "base.pipeline_version": "1.0.1",
    "model.container_memory_limit": 8192,
    "model.container_startup_health_check_timeout": 301,
    "model.data_download_timeout": 901,
    "model.environment_variables": {"SCORE_SCALE": "1000"},
    "model.framework_version": "2.0.1",
    "model.inference_entry_point": "features.py",
    "model.inference_instance_type": "ml.c5.large",
    "model.inference_memory_limit": 4096,
    "model.max_concurrent_invocations": 11,
    "model.max_payload_size": 7,
    "model.model_server_workers": 3,
    "model.serving_image_digests": {"us-east-1": f"sha256:{'a' * 64}"},
    "model.source_dir": "s3://bucket/code.tar.gz",
    "package.allowed_pickle_globals": ["shop.Net"],
    "package.pickle_policy": "refuse",
    "package.processing_framework_version": "1.0-1",
    "package.processing_instance_type_small": "ml.r5d.large",
    "package.processing_script_arguments": ["--single-folder", "flatten"],
    "package.processing_volume_size": 31,
    "package.use_large_processing_instance": True,
    "payload.expected_tps": 21,
    "payload.inference_instance_types": ["ml.c5.large", "ml.m5.large"],
    "payload.max_acceptable_error_rate": 0.02,
    "payload.max_latency_in_millisecond": 201,
    "payload.model_owner": "someone",
    "payload.model_registration_domain": "Other",
    "payload.model_registration_objective": "Other",
    "payload.source_model_inference_content_types": ["text/csv"],
    "payload.source_model_inference_response_types": ["text/csv"],
    "payload.verification_instance_type": "ml.r5d.large",
    "payload.verification_load_seconds": 31,
    "training.checkpoint_path": "s3://returns-data/other/1",
    "training.enable_network_isolation": False,
    "training.hyperparameters": {"max_epochs": 4},
    "training.input_path": "s3://returns-data/other/1",
    "training.output_path": "s3://returns-data/other/1",
    "training.source_dir": "s3://bucket/code.tar.gz",
    "training.training_entry_point": "other.py",
    "training.training_instance_count": 2,
    "training.training_instance_type": "ml.m5.4xlarge",
    "training.training_volume_size": 31,
}
"""Every field that shows in a definition, with a value that the example does not have."""

SHARE_THEIR_PLACE: Final = {
    "model.py_version",
    "model.serving_container",
    "model.serving_images",
    "model.transformers_version",
    "package.processing_instance_type_large",
    "training.framework_version",
    "training.py_version",
}
"""Fields that show only together with, or instead of, another that is changed here."""

_DIGEST: Final = re.compile(r"/registration/[0-9a-f]{16}")


def _configure(path: Path, changes: Mapping[str, object]) -> None:
    """Set fields where the file has them, otherwise in their own section."""
    document = json.loads(path.read_text())
    configuration = document["configuration"]
    for origin, value in changes.items():
        section, _, field = origin.partition(".")
        own = configuration["specific"].setdefault(SECTIONS[section], {})
        is_own = field in own or section == "training" or field not in configuration["shared"]
        (own if is_own else configuration["shared"])[field] = value
    path.write_text(json.dumps(document))


def _compile(path: Path) -> CompiledPipeline:
    return compile_pipeline(PipelineConfigs.load(path))


def _texts(compiled: CompiledPipeline) -> dict[tuple[str, str], object]:
    """Every value of a definition, and of what its steps register, by step and path."""
    found = _texts_by_path(compiled.definition)
    for code, region in json.loads(compiled.registration_file)["regions"].items():
        step = f"Registration-{code}"
        registered = _texts_by_path(region["model_package_arguments"], step)
        found |= registered
    return found


def _texts_by_path(document: Mapping[str, Any], step: str = "") -> dict[tuple[str, str], object]:
    """Every value of a document by its step and its path; which digests differ says nothing."""
    found: dict[tuple[str, str], object] = {}

    def walk(value: object, path: tuple[str | int, ...], step: str) -> None:
        if isinstance(value, dict):
            name = value.get("Name", step) if path[-2:-1] and "Steps" in str(path[-2]) else step
            for key, member in value.items():
                walk(member, (*path, key), name)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, (*path, index), step)
        else:
            text = _DIGEST.sub("/registration/digest", value) if isinstance(value, str) else value
            found[step, render_path(path)] = text

    walk(document, (), step)
    return found


def _changed(before: CompiledPipeline, after: CompiledPipeline) -> Iterator[Finding]:
    """A finding at each value that differs."""
    old, new = _texts(before), _texts(after)
    for step, path in old.keys() | new.keys():
        if old.get((step, path)) != new.get((step, path)):
            yield Finding(severity="error", step=step or None, path=path, message="", value=None)


@pytest.fixture(scope="module")
def training_pipeline(
    tmp_path_factory: pytest.TempPathFactory, write_pipeline: WritePipeline
) -> Callable[[Mapping[str, object]], Path]:
    """Write the example with training, and with some fields changed."""

    def write(changes: Mapping[str, object]) -> Path:
        path = write_pipeline(tmp_path_factory.mktemp("changed"), "with_training")
        for folder, name in (("training", "other.py"), ("inference", "features.py")):
            (path.parent / folder / name).write_text("")
        _configure(path, {"registration.registration_regions": ["NA", "EU"], **changes})
        return path

    return write


@pytest.fixture(scope="module")
def changes(
    training_pipeline: Callable[[Mapping[str, object]], Path],
) -> dict[str, list[Finding]]:
    """What each field changes in the definition."""
    unchanged = _compile(training_pipeline({}))
    return {
        origin: list(_changed(unchanged, _compile(training_pipeline({origin: value}))))
        for origin, value in OTHER_VALUES.items()
    }


@pytest.mark.parametrize("origin", OTHER_VALUES)
def test_whatever_a_field_changes_is_traced_to_it(
    origin: str, changes: dict[str, list[Finding]]
) -> None:
    field = origin.partition(".")[2]
    rules = {rule_of(change) for change in changes[origin] if not _is_of_many_fields(change)}

    assert changes[origin]
    elsewhere = [
        rule for rule in rules if field not in {each.partition(".")[2] for each in ORIGINS[rule]}
    ]
    assert elsewhere == []


def _is_of_many_fields(change: Finding) -> bool:
    return "ModelCardContent" in change.path


def test_every_rule_is_of_something_that_a_field_changes(
    changes: dict[str, list[Finding]],
) -> None:
    """A rule whose path the builders no longer write would stay behind unnoticed."""
    of_fields = {rule for rule, origins in ORIGINS.items() if "." in origins[0]}
    of_requests = {":PipelineName", ":PipelineDescription"}

    used = {rule_of(change) for found in changes.values() for change in found}
    assert of_fields - used == of_requests


def test_every_field_of_the_table_is_changed_here() -> None:
    fields = {each for origins in ORIGINS.values() for each in origins if "." in each}

    assert fields - OTHER_VALUES.keys() == SHARE_THEIR_PLACE


@pytest.mark.parametrize(
    ("origin", "value", "place"),
    [
        ("base.pipeline_description", "x" * 4000, "shared.pipeline_description"),
        ("package.processing_script_arguments", ["-v", "x" * 300], "_script_arguments[1]"),
        ("package.processing_instance_type_small", "ml.m99.large", "_instance_type_small"),
        ("training.training_instance_type", "ml.m99.large", "Training.training_instance_type"),
        ("training.hyperparameters", {"label": "\n"}, "PytorchTraining.hyperparameters.label"),
    ],
)
def test_a_refused_value_is_reported_where_it_is_set(
    origin: str,
    value: object,
    place: str,
    training_pipeline: Callable[[Mapping[str, object]], Path],
) -> None:
    configs = PipelineConfigs.load(training_pipeline({origin: value}))

    findings = traced(pipeline_findings(configs, compile_pipeline(configs)), configs)

    assert findings
    for finding in findings:
        assert finding.cause is not None
        assert "/with_training/config.json $.configuration." in finding.cause
        assert finding.cause.endswith(place)
        assert str(finding).endswith(f"; set in {finding.cause}")


def test_a_value_that_is_a_default_is_reported_where_it_would_be_set(
    training_pipeline: Callable[[Mapping[str, object]], Path],
) -> None:
    configs = PipelineConfigs.load(training_pipeline({}))
    path = "$.Steps[0].Arguments.ResourceConfig.VolumeSizeInGB"
    finding = Finding(severity="error", step="Train", path=path, message="", value=30)

    [with_cause] = traced([finding], configs)

    assert with_cause.cause is not None
    assert with_cause.cause.endswith(
        "$.configuration.specific.PytorchTraining.training_volume_size, which is not set"
    )


def test_what_many_fields_make_is_traced_to_their_section(
    training_pipeline: Callable[[Mapping[str, object]], Path],
) -> None:
    configs = PipelineConfigs.load(training_pipeline({}))
    path = "$.Steps[3].Arguments.ElseSteps[0].Arguments.ModelCard.ModelCardContent"
    finding = Finding(severity="error", step="Registration-NA", path=path, message="", value="")

    [with_cause] = traced([finding], configs)

    assert with_cause.cause is not None
    assert with_cause.cause.endswith("config.json $.configuration.specific.Registration")


def test_a_refused_registration_is_reported_where_it_is_set(
    training_pipeline: Callable[[Mapping[str, object]], Path],
) -> None:
    path = training_pipeline({"payload.inference_instance_types": ["ml.m5.large", "ml.m99.large"]})
    configs = PipelineConfigs.load(path)

    findings = traced(pipeline_findings(configs, compile_pipeline(configs)), configs)

    assert findings
    for finding in findings:
        assert str(finding.cause).endswith("Payload.inference_instance_types[1]")
    messages = [(finding.step, finding.message) for finding in findings]
    assert len(messages) == len(set(messages))


@pytest.mark.parametrize("step", ["Registration", "Stage"])
@pytest.mark.parametrize("code", ["NA", "AP", "ap-southeast-2"])
def test_steps_of_any_region_have_the_rules_of_their_kind(step: str, code: str) -> None:
    member = "model_package_group_name"

    def rule(name: str) -> str:
        path = f"$.Steps[0].Arguments.{member}"
        return rule_of(Finding(severity="error", step=name, path=path, message="", value=None))

    assert rule(f"{step}-{code}") == f"{step}:{member}"


def test_configs_that_are_of_no_file_have_findings_without_a_place(
    training_pipeline: Callable[[Mapping[str, object]], Path],
) -> None:
    configs = replace(PipelineConfigs.load(training_pipeline({})), file=None)
    finding = Finding(severity="error", step="Train", path="$.Steps[0]", message="", value={})

    assert traced([finding], configs) == [finding]
