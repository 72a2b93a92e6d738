"""Which containers are told of on which day, with what to change, and who tells it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from commands.health.checks import Check
from commands.health.containers import container_checks
from commands.program import app
from commands.terminal import places
from constructs_lib.configs import PackageStepConfig, PipelineConfigs
from constructs_lib.release.patches import (
    BuildDateError,
    UnpatchedContainersError,
    patch_findings,
    tell_unpatched,
    today,
)
from constructs_lib.service_model.patches import CONTAINERS
from constructs_lib.serving.pytorch import pytorch_criteria
from constructs_lib.steps.images import published_image, sklearn_image
from tests.example_pipeline import copy_example, serve_by_pytorch
from tests.synth.app_copy import AFTER_AN_END, BEFORE_ANY_END
from tests.synth.conftest import TRAINING

SHARED = "$.configuration.shared"
PACKAGE = "$.configuration.processing.Package.processing_framework_version"
PATCHED = {"framework_version": "2.6.0", "py_version": "py312"}
"""Until the summer of 2026."""

MOVE = (
    "AWS makes no newer one, and ended the last on 2026-06-30: release move returns_risk --to ray"
    " moves the pipeline to Ray Serve's container, which AWS patches"
)

Configs = Callable[..., PipelineConfigs]


@pytest.fixture
def configs(tmp_path: Path) -> Configs:
    """Load the example with other versions; Package's is in ``package``."""

    def load(package: dict[str, Any] | None = None, **shared: Any) -> PipelineConfigs:
        path = tmp_path / "models" / "returns_risk" / "config.json"
        if not path.exists():
            serve_by_pytorch(copy_example(path.parent))
        document = json.loads(path.read_text())
        configuration = document["configuration"]
        configuration["shared"] |= shared
        if package is not None:
            del configuration["processing"]["Package"]["processing_framework_version"]
            configuration["processing"]["Package"] |= package
        path.write_text(json.dumps(document))
        return PipelineConfigs.load(path)

    return load


def _trained(configs: PipelineConfigs, **versions: Any) -> PipelineConfigs:
    assert configs.file is not None
    path = configs.file.file
    document = json.loads(path.read_text())
    document["metadata"]["config_types"]["PytorchTraining"] = "PytorchTrainingConfig"
    document["configuration"]["specific"]["PytorchTraining"] = {**TRAINING, **versions}
    path.write_text(json.dumps(document))
    return PipelineConfigs.load(path)


def _told(configs: PipelineConfigs, *day: int) -> list[str]:
    found = patch_findings(configs, "warn", date(*day))
    assert {each.severity for each in found} <= {"warning"}
    return [str(each.problem) for each in found]


def test_a_container_is_told_of_half_a_year_before_its_end_and_from_the_day_after(
    configs: Configs,
) -> None:
    loaded = configs(**PATCHED)
    name = f"{SHARED}.framework_version: the PyTorch 2.6.0 container for inference"
    soon = f'{name} gets patches until 2026-06-30 only; {MOVE} (got "2.6.0")'

    assert _told(loaded, 2025, 12, 28) == []
    assert _told(loaded, 2025, 12, 29) == [soon]
    assert _told(loaded, 2026, 6, 30) == [soon]
    assert _told(loaded, 2026, 7, 1) == [
        f'{name} has had no patches since 2026-06-30; {MOVE} (got "2.6.0")'
    ]


def test_a_version_that_is_still_patched_is_named_with_its_end(configs: Configs) -> None:
    loaded = configs({"processing_framework_version": "1.4-2-py312"}, **PATCHED)
    name = f"{PACKAGE}: the scikit-learn 1.4-2-py312 container"
    change = (
        'set processing_framework_version to "1.9-0" in Package, which gets them until 2027-07-16'
    )

    assert _told(loaded, 2026, 11, 28)[1:] == [
        f'{name} has had no patches since 2026-10-30; {change} (got "1.4-2-py312")'
    ]


def test_where_none_is_patched_the_message_says_so(configs: Configs) -> None:
    loaded = configs()

    assert _told(loaded, 2026, 11, 28) == [
        f"{SHARED}.framework_version: the PyTorch 2.1.0 container for inference has had no patches"
        f' since 2024-10-04; {MOVE} (got "2.1.0")'
    ]
    assert _told(loaded, 2028, 1, 1)[1:] == [
        f"{PACKAGE}: the scikit-learn 1.9-0 container has had no patches since 2027-07-16;"
        ' this app knows no newer one: look for one in AWS\'s support policy (got "1.9-0")'
    ]
    other = configs({"processing_framework_version": "1.4-2-py312"})
    assert _told(other, 2028, 1, 1)[1].endswith(
        "this app knows none that gets any now, the last got them until 2027-07-16: set"
        ' processing_framework_version to "1.9-0" in Package (got "1.4-2-py312")'
    )


def test_a_version_before_those_with_an_end_has_none(configs: Configs) -> None:
    loaded = configs(framework_version="1.12.1", py_version="py38", package={})

    framework, package = patch_findings(loaded, "refuse", date(2020, 1, 1))

    assert framework.what == (
        "the PyTorch 1.12.1 container for inference is older than all of which AWS tells an end of"
        " patches"
    )
    assert framework.severity == package.severity == "error"
    # The file leaves it to the default: there is a place to set it, and no value that was got.
    assert loaded.file is not None
    assert package.place == loaded.file.locate("Package", "processing_framework_version")[0]
    assert package.value is None
    assert package.what.startswith("the scikit-learn 1.2-1 container is older than all")


def test_a_version_after_those_with_an_end_is_not_judged(configs: Configs) -> None:
    loaded = configs(framework_version="2.12.0", py_version="py313")

    assert _told(loaded, 2026, 11, 28) == []


def test_training_has_a_container_of_its_own(configs: Configs) -> None:
    loaded = _trained(configs(**PATCHED), framework_version="2.9.0")
    place = "$.configuration.specific.PytorchTraining.framework_version"

    assert _told(loaded, 2026, 11, 28)[1:] == [
        f"{place}: the PyTorch 2.9.0 container for training has had no patches since 2026-10-15;"
        ' set framework_version to "2.10.0" and py_version to "py313" in PytorchTraining, which'
        ' gets them until 2027-01-21 (got "2.9.0")'
    ]


def test_a_pipeline_that_does_not_train_needs_no_container_for_it(configs: Configs) -> None:
    loaded = _trained(configs(**PATCHED), framework_version="2.9.0", train_in_pipeline=False)

    assert len(_told(loaded, 2026, 11, 28)) == 1


def test_refusing_leaves_what_is_still_patched_a_warning(configs: Configs) -> None:
    day = date(2027, 7, 16)

    assert [each.severity for each in patch_findings(configs(), "refuse", day)] == [
        "error",
        "warning",
    ]


def test_where_ray_does_not_run_another_type_comes_first(configs: Configs) -> None:
    path = configs().file
    assert path is not None
    document = json.loads(path.file.read_text())
    model = document["configuration"]["specific"]["PytorchModel"]
    model["inference_instance_type"] = "ml.m7g.large"
    path.file.write_text(json.dumps(document))

    (told,) = _told(PipelineConfigs.load(path.file), 2026, 11, 28)
    assert "serve on a type of x86 instead of ml.m7g.large, then release move" in told


@pytest.mark.parametrize(
    ("model", "versions"),
    [
        ({"serving_container": "ray"}, {"framework_version": "2.10.0", "py_version": "py313"}),
        (
            {"serving_container": "huggingface", "transformers_version": "4.51.3"},
            {"framework_version": "2.6.0", "py_version": "py312"},
        ),
    ],
)
def test_containers_of_which_aws_tells_no_end_pass(
    model: dict[str, Any], versions: dict[str, str], configs: Configs
) -> None:
    loaded = configs(**versions)
    assert loaded.file is not None
    document = json.loads(loaded.file.file.read_text())
    document["configuration"]["specific"]["PytorchModel"] |= model
    loaded.file.file.write_text(json.dumps(document))

    tell_unpatched({"one": PipelineConfigs.load(loaded.file.file)}, "refuse", date(2026, 11, 28))


@pytest.mark.parametrize(
    ("scope", "family"),
    [("inference", "PyTorch inference"), ("training", "PyTorch training")],
)
def test_aws_publishes_every_pytorch_container_of_the_table(scope: Any, family: Any) -> None:
    for each in CONTAINERS[family]:
        criteria = pytorch_criteria(
            region="us-east-1",
            framework_version=each.version,
            py_version=each.python,
            instance_type="ml.m5.large",
            scope=scope,
        )
        image = published_image(criteria)
        assert image.endswith(f"/pytorch-{scope}:{each.version}-cpu-{each.python}")


def test_aws_publishes_every_scikit_learn_container_that_a_config_may_name() -> None:
    versions = get_args(PackageStepConfig.model_fields["processing_framework_version"].annotation)

    assert {each.version for each in CONTAINERS["scikit-learn"]} <= set(versions)
    for version in versions:
        image = sklearn_image(
            region="eu-west-1", framework_version=version, instance_type="ml.m5.xlarge"
        )
        tag = "0.20.0" if version == "0.20.0-1" else version
        assert image.endswith(f"/sagemaker-scikit-learn:{tag}-cpu-py3")


def test_the_day_is_that_of_source_date_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225599")
    assert today() == date(2025, 12, 31)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    assert today() == date(2026, 1, 1)


def test_without_source_date_epoch_it_is_this_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    monkeypatch.setattr("time.time", lambda: 1798761599.9)

    assert today() == date(2026, 12, 31)


@pytest.mark.parametrize("given", ["", "yesterday", "1e9", str(10**20)])
def test_a_day_that_is_none_is_told(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)

    with pytest.raises(
        BuildDateError, match=r"SOURCE_DATE_EPOCH in the environment is '.*unset it"
    ):
        today()


def test_synthesis_logs_what_it_does_not_refuse(
    configs: Configs, caplog: pytest.LogCaptureFixture
) -> None:
    pipelines = {"returns_risk": configs()}

    tell_unpatched(pipelines, "warn", date(2026, 11, 28))
    (warned,) = caplog.messages
    with pytest.raises(UnpatchedContainersError) as refused:
        tell_unpatched(pipelines, "refuse", date(2026, 11, 28))

    assert len(caplog.messages) == 1
    assert str(refused.value).splitlines() == [
        'unpatched_containers in cdk.json is "refuse":',
        f"  {warned}",
    ]


@pytest.fixture
def validate(
    configs: Configs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Validate the example with settings; returns the exit code and what ``--json`` prints."""
    monkeypatch.setattr(places, "ROOT", tmp_path)

    def run(day: str, **settings: Any) -> tuple[int, dict[str, Any]]:
        configs()
        context = {"model-release": {"pipelines_dir": "models", **settings}}
        (tmp_path / "cdk.json").write_text(json.dumps({"context": context}))
        monkeypatch.setenv("SOURCE_DATE_EPOCH", day)
        result = CliRunner().invoke(app, ["validate", "--json"])
        return result.exit_code, json.loads(result.stdout)[0]

    return run


def test_validate_tells_by_the_day_although_the_definition_is_cached(
    validate: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    _, before = validate(str(BEFORE_ANY_END))
    exit_code, after = validate(str(AFTER_AN_END))

    assert before["findings"] == []
    assert (exit_code, after["valid"]) == (0, True)
    (finding,) = after["findings"]
    assert finding["severity"] == "warning"
    assert finding["text"].startswith(f"warning {SHARED}.framework_version: the PyTorch 2.1.0")


def test_validate_fails_where_the_settings_refuse(
    validate: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    exit_code, told = validate(str(AFTER_AN_END), unpatched_containers="refuse")

    assert (exit_code, told["valid"], told["error"]) == (1, False, None)
    assert [each["severity"] for each in told["findings"]] == ["error"]


def test_the_doctor_lists_each_container_with_the_change(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(AFTER_AN_END))
    pipelines = {"one": configs(**PATCHED), "two": configs(package={}, framework_version="2.1.0")}

    checks = list(container_checks(pipelines, "warn"))

    assert [(each.name, each.state) for each in checks] == [
        ("containers of one", "warning"),
        ("containers of two", "warning"),
        ("containers of two", "warning"),
    ]
    assert checks[2].fix == (
        'set processing_framework_version to "1.9-0" in Package, which gets them until 2027-07-16'
        f" ({PACKAGE.replace('processing.P', 'specific.P')})"
    )
    assert {each.state for each in container_checks(pipelines, "refuse")} == {"problem"}


def test_the_doctor_says_when_all_are_patched(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(BEFORE_ANY_END))

    assert list(container_checks({"one": configs(**PATCHED)}, "refuse")) == [
        Check(
            "containers",
            "ok",
            "none reaches its end of patches within half a year, as far as AWS tells",
        )
    ]
