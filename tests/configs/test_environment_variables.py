"""Environment variables of the container that a config gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from constructs_lib.configs import ConfigProblem, PipelineConfigs
from constructs_lib.configs.schema import config_schema
from constructs_lib.definition import compile_pipeline
from constructs_lib.regions import EU
from constructs_lib.registration.step_config import step_config
from constructs_lib.release.doctor import HEALTHY, UNHEALTHY, examine
from tests.example_pipeline import MODEL, copy_example

Problems = Callable[..., tuple[ConfigProblem, ...]]

FIELD: Final = "$.configuration.specific.PytorchModel.environment_variables"
OWN: Final = {"SCORE_SCALE": "1000", "HUB": "/opt/ml/model/hub", "Empty_1": ""}
PLENTY: Final = {f"NAME_{number}": "x" for number in range(89)}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SAGEMAKER_PROGRAM", "is set from the field inference_entry_point: set that one"),
        ("MMS_DEFAULT_RESPONSE_TIMEOUT", "the field container_startup_health_check_timeout"),
        ("SAGEMAKER_SUBMIT_DIRECTORY", "is set by the app"),
        ("SAGEMAKER_REGION", "is set by the app"),
        ("AWS_REGION", "is set by the app"),
        ("AWS_SECRET_ACCESS_KEY", "belongs to AWS's libraries"),
        ("SM_MODEL_DIR", "is set by SageMaker when it starts a container"),
        ("SAGEMAKER_BASE_DIR", "is set by SageMaker when it starts a container"),
        ("PYTHONPATH", "is set by the image"),
        ("1ST", "must be 1 to 1024 letters, digits and underscores"),
        ("WITH-HYPHEN", "must be 1 to 1024 letters, digits and underscores"),
        ("", "must be 1 to 1024 letters, digits and underscores"),
        ("N" * 1025, "must be 1 to 1024 letters, digits and underscores"),
    ],
)
def test_a_name_that_cannot_be_given_is_refused_with_its_reason_and_without_its_value(
    name: str, reason: str, problems_of: Problems
) -> None:
    (problem,) = problems_of((FIELD, {"FINE": "1", name: "hidden value"}))

    assert problem.path.startswith(FIELD)
    assert reason in problem.message
    assert "hidden" not in str(problem)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * 1025, "has 1025 bytes; a variable's value has at most 1024"),
        ("é" * 513, "has 1026 bytes"),
        (8, "should be text, in quotes"),
    ],
)
def test_a_value_that_cannot_be_set_is_refused_at_its_place(
    value: object, reason: str, problems_of: Problems
) -> None:
    (problem,) = problems_of((FIELD, {"FINE": "1", "OTHER": value}))

    assert problem.path == f"{FIELD}.OTHER"
    assert reason in problem.message


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        (PLENTY | {"MORE": "x"}, "has 90 variables: a container has at most 100, of which the app"),
        ({f"N{number}": "x" * 1000 for number in range(32)}, "has 32086 bytes of names and values"),
    ],
)
def test_too_many_and_too_large_ones_are_refused(
    variables: dict[str, str], reason: str, problems_of: Problems
) -> None:
    (problem,) = problems_of((FIELD, variables))

    assert problem.path == FIELD
    assert reason in problem.message


def test_as_many_as_fit_have_a_pipeline_that_the_service_takes(
    write_config: Callable[..., Path],
) -> None:
    configs = PipelineConfigs.load(write_config((FIELD, PLENTY)))

    assert len(configs.model.container_environment("eu-west-1")) == 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_TOKEN", "0123456789"),
        ("db_password", "correct horse"),
        ("SETTING", "postgres://user:word@example.com/db"),
        ("SETTING", f"AKI{'A'}ABCDEFGHIJKLMNOP"),
        ("SETTING", f"-----BEGIN {'PRIVATE'} KEY-----\nMII"),
    ],
)
def test_what_seems_to_be_a_secret_is_warned_about_without_its_value(
    name: str, value: str, write_config: Callable[..., Path]
) -> None:
    configs = PipelineConfigs.read(write_config((FIELD, {name: value})))

    (warning,) = configs.warnings
    assert warning.path == f"{FIELD}.{name}"
    assert "seems to be a secret" in warning.message
    assert value not in str(warning)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PAD_TOKEN", "[PAD]"), ("TOKENIZERS_PARALLELISM", "false" * 3), ("URL", "https://a.b/c@d")],
)
def test_what_is_no_secret_is_not_warned_about(
    name: str, value: str, write_config: Callable[..., Path]
) -> None:
    assert PipelineConfigs.read(write_config((FIELD, {name: value}))).warnings == ()


def configured(folder: Path, **fields: Any) -> PipelineConfigs:
    """Return the example's configs with fields of the model's section."""
    path = copy_example(folder / "example")
    document = json.loads(path.read_text())
    document["configuration"]["specific"]["PytorchModel"] |= fields
    path.write_text(json.dumps(document))
    return PipelineConfigs.load(path)


def test_they_reach_the_model_and_what_is_registered_in_every_region(tmp_path: Path) -> None:
    configs = configured(tmp_path, environment_variables=OWN)

    compiled = compile_pipeline(configs)

    steps = {each["Name"]: each for each in compiled.definition["Steps"]}
    created = steps["CreateModel"]["Arguments"]["PrimaryContainer"]["Environment"]
    assert created.items() >= OWN.items()
    regions = json.loads(compiled.registration_file)["regions"]
    assert set(regions) == {"NA", "EU", "FE"}
    for region in regions.values():
        [container] = region["model_package_arguments"]["InferenceSpecification"]["Containers"]
        assert container["Environment"].items() >= OWN.items()
        assert region["request"]["environment"].items() >= OWN.items()


def test_they_reach_execution_documents(tmp_path: Path) -> None:
    configs = configured(tmp_path, environment_variables=OWN)
    request = compile_pipeline(configs).registration_requests[EU]

    variables = step_config(request, "s3://bucket/key")["source_model_environment_variable_map"]

    assert set(variables) == {
        *OWN,
        "SAGEMAKER_CONTAINER_LOG_LEVEL",
        "SAGEMAKER_PROGRAM",
        "SAGEMAKER_REGION",
        "SAGEMAKER_SUBMIT_DIRECTORY",
    }


@pytest.mark.parametrize(("variables", "exit_code"), [(OWN, HEALTHY), (None, UNHEALTHY)])
def test_code_that_reads_them_is_checked_with_them(
    tmp_path: Path, variables: dict[str, str] | None, exit_code: int
) -> None:
    configs = configured(tmp_path, environment_variables=variables)
    code = tmp_path / "example" / "inference" / "inference.py"
    text = code.read_text()
    code.write_text(f"{text}\nimport os\nassert os.environ['SCORE_SCALE'] == '1000'\n")

    assert examine(configs, MODEL, put_code_in=True, load_seconds=0) == exit_code


def test_editors_know_the_same_limits() -> None:
    field = config_schema()["$defs"]["PytorchModelCreationConfig"]["properties"][
        "environment_variables"
    ]

    variables, _ = field["anyOf"]
    assert variables["maxProperties"] == len(PLENTY)
    assert "SAGEMAKER_PROGRAM" in json.dumps(variables["propertyNames"]["not"])
