"""``clean-models`` deletes what ended executions left behind, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner, Result

from commands.program import app
from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from local.emulator import EmbeddedAws
from tests.command_line.registered_pipeline import ARN, DEFINITION, NAME, STARTED, write_record

FAILED = "pipelines-abc123-CreateModel-x1"
SUCCEEDED = "pipelines-def456-CreateModel-x2"
DEPLOYED = "pipelines-def456-CreateModel-x3"
OTHERS = ("pipelines-other-CreateModel-x4", "my-model")


@pytest.fixture
def models(
    embedded: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], set[str]]]:
    """Models of two executions and others; returns the names of those that are left."""
    monkeypatch.setattr(places, "STATE", tmp_path)
    write_record(tmp_path / "executions" / "abc123")
    record = write_record(tmp_path / "executions" / "def456") / "execution.json"
    ended_well = record.read_text().replace("abc123", "def456").replace("Failed", "Succeeded")
    record.write_text(ended_well)
    sagemaker = embedded.client("sagemaker")
    made = [FAILED, SUCCEEDED, DEPLOYED, *OTHERS]
    for name in made:
        sagemaker.create_model(ModelName=name, ExecutionRoleArn="arn:aws:iam::123456789012:role/r")
    sagemaker.create_endpoint_config(
        EndpointConfigName="live",
        ProductionVariants=[
            {
                "VariantName": "all",
                "ModelName": DEPLOYED,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        ],
    )

    def left() -> set[str]:
        return {each["ModelName"] for each in sagemaker.list_models()["Models"]}

    yield left
    sagemaker.delete_endpoint_config(EndpointConfigName="live")
    for name in left():
        sagemaker.delete_model(ModelName=name)


def test_models_of_executions_that_succeeded_are_deleted(
    release: Callable[..., Result], models: Callable[[], set[str]]
) -> None:
    result = release("clean-models", NAME, "--yes", "--json")

    assert result.exit_code == ExitCode.DONE, result.output
    assert json.loads(result.stdout) == {
        "deleted": [SUCCEEDED],
        "kept": [{"name": DEPLOYED, "endpoint_config": "live"}],
    }
    assert models() == {FAILED, DEPLOYED, *OTHERS}
    assert f"{DEPLOYED}  of an execution that succeeded, stays: " in result.stderr
    assert "Left: 1 model of executions that failed" in result.stderr
    assert "add --every-ended to delete it" in result.stderr


def test_those_of_failed_executions_are_deleted_when_asked_for(
    release: Callable[..., Result], models: Callable[[], set[str]]
) -> None:
    result = release("clean-models", NAME, "--every-ended", "--yes")

    assert result.stdout == "Deleted: 2, kept: 1\n"
    assert "--every-ended" not in result.stderr
    assert models() == {DEPLOYED, *OTHERS}


def test_nothing_is_deleted_before_the_answer(
    release: Callable[..., Result], models: Callable[[], set[str]]
) -> None:
    before = models()

    result = release("clean-models", NAME)

    assert result.exit_code == ExitCode.ERROR
    assert "Delete this model?" in result.stderr
    assert f"{SUCCEEDED}  of an execution that succeeded" in result.stderr
    assert models() == before


def test_nothing_left_behind_is_no_question(
    release: Callable[..., Result], embedded: EmbeddedAws, models: Callable[[], set[str]]
) -> None:
    embedded.client("sagemaker").delete_model(ModelName=SUCCEEDED)
    result = release("clean-models", NAME)

    assert (result.exit_code, result.stdout) == (ExitCode.DONE, "Deleted: 0, kept: 1\n")


def _summary(id_: str, status: str) -> dict[str, Any]:
    return {"PipelineExecutionArn": ARN.replace("abc123", id_), "PipelineExecutionStatus": status}


def test_in_aws_models_of_a_running_execution_stay(stubs: dict[str, Stubber]) -> None:
    sagemaker = stubs["sagemaker"]
    arn = ARN.partition("/execution")[0]
    sagemaker.add_response(
        "describe_pipeline", {"PipelineArn": arn, "PipelineDefinition": json.dumps(DEFINITION)}
    )
    sagemaker.add_response(
        "list_pipeline_executions",
        {"PipelineExecutionSummaries": [_summary("a", "Executing"), _summary("b", "Succeeded")]},
    )
    names = ("pipelines-a-CreateModel-1", "pipelines-b-CreateModel-2")
    made = {"ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m", "CreationTime": STARTED}
    sagemaker.add_response("list_models", {"Models": [{"ModelName": n, **made} for n in names]})
    sagemaker.add_response("list_endpoint_configs", {"EndpointConfigs": []})
    sagemaker.add_response("delete_model", {}, {"ModelName": names[1]})

    result = CliRunner().invoke(app, ["clean-models", NAME, "--every-ended", "--yes", "--json"])

    assert json.loads(result.stdout) == {"deleted": [names[1]], "kept": []}
