"""``executions``, ``stop`` and ``retry``: on a stubbed AWS, and of what ``run`` has recorded."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer
from botocore.stub import ANY, Stubber
from typer.testing import CliRunner, Result

from commands.aws import executions as module
from commands.program import app
from commands.terminal import places
from commands.terminal.aws import UnknownNameError
from commands.terminal.exit_codes import ExitCode
from tests.command_line.registered_pipeline import (
    ARN,
    DEFINITION,
    NAME,
    STARTED,
    write_record,
)

FAILED_STEP = {"StepName": "Package", "StepStatus": "Failed", "FailureReason": "exit code 1"}
FAIL_STEP = {
    "StepName": "VerificationFailed",
    "StepStatus": "Failed",
    "Metadata": {"Fail": {"ErrorMessage": "latency p99 is above the limit."}},
}


def _release(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=answer)


def _listed(id_: str, status: str) -> dict[str, Any]:
    return {
        "PipelineExecutionArn": ARN.replace("abc123", id_),
        "PipelineExecutionStatus": status,
        "StartTime": STARTED,
    }


@pytest.fixture
def sagemaker(stubs: dict[str, Stubber]) -> Stubber:
    """The real AWS, with the pipeline."""
    answer = {"PipelineDefinition": json.dumps(DEFINITION)}
    stubs["sagemaker"].add_response("describe_pipeline", answer, {"PipelineName": NAME})
    return stubs["sagemaker"]


def _expect_newest(stub: Stubber, status: str, *steps: dict[str, Any], again: bool = False) -> None:
    """Answer what is asked to read the newest execution; ``again``: and its steps once more."""
    listed = {"PipelineExecutionSummaries": [_listed("abc123", status)]}
    stub.add_response("list_pipeline_executions", listed, None)
    _expect_state(stub, status, *steps)
    stub.add_client_error("describe_pipeline_definition_for_execution", "AccessDeniedException")
    if again:
        found = {"PipelineExecutionSteps": list(steps)}
        asked = {"PipelineExecutionArn": ARN, "MaxResults": 100}
        stub.add_response("list_pipeline_execution_steps", found, asked)


def _expect_state(stub: Stubber, status: str, *steps: dict[str, Any]) -> None:
    description = {
        "PipelineExecutionStatus": status,
        "CreationTime": STARTED,
        "LastModifiedTime": STARTED + timedelta(seconds=60),
    }
    stub.add_response("describe_pipeline_execution", description, {"PipelineExecutionArn": ARN})
    found = {"PipelineExecutionSteps": list(steps)}
    stub.add_response("list_pipeline_execution_steps", found, None)


def test_executions_are_listed_newest_first_with_how_long_they_took(sagemaker: Stubber) -> None:
    listed = [_listed("new1", "Executing"), _listed("old2", "Failed"), _listed("old3", "Failed")]
    sagemaker.add_response("list_pipeline_executions", {"PipelineExecutionSummaries": listed}, None)
    description = {"LastModifiedTime": STARTED + timedelta(seconds=90)}
    sagemaker.add_response("describe_pipeline_execution", description, None)

    result = _release("executions", NAME, "--limit", "2")

    assert result.exit_code == ExitCode.DONE, result.output
    _, _, newest, older = result.stdout.splitlines()
    assert re.match(r"new1 +Executing +2026-11-02 12:00", newest)
    assert re.match(r"old2 +Failed +2026-11-02 12:00 +1 min 30 s", older)


def test_executions_are_one_document(sagemaker: Stubber) -> None:
    listed = {"PipelineExecutionSummaries": [_listed("old", "Stopped")]}
    sagemaker.add_response("list_pipeline_executions", listed, None)
    description = {"LastModifiedTime": STARTED + timedelta(seconds=5)}
    sagemaker.add_response("describe_pipeline_execution", description, None)

    (document,) = json.loads(_release("executions", NAME, "--json").stdout)

    assert document == {
        "id": "old",
        "arn": ARN.replace("abc123", "old"),
        "status": "Stopped",
        "start_time": STARTED.isoformat(),
        "end_time": (STARTED + timedelta(seconds=5)).isoformat(),
        "duration_in_second": 5.0,
    }


def test_a_pipeline_without_executions_is_no_error(sagemaker: Stubber) -> None:
    sagemaker.add_response("list_pipeline_executions", {"PipelineExecutionSummaries": []}, None)

    assert _release("executions", NAME).stdout == f"{NAME} was not executed yet.\n"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ``run`` leaves records; holds one."""
    monkeypatch.setattr(places, "STATE", tmp_path)
    return write_record(tmp_path / "executions" / "abc123")


@pytest.mark.usefixtures("state")
def test_what_ran_on_the_embedded_aws_is_listed_from_the_records() -> None:
    result = _release("executions", NAME, "--local")

    assert re.search(r"abc123 +Failed +2026-11-02 12:00 +3.0 s", result.stdout)
    assert isinstance(_release("executions", "another", "--local").exception, UnknownNameError)


def test_a_running_execution_is_stopped_after_asking(sagemaker: Stubber) -> None:
    _expect_newest(sagemaker, "Executing")
    sagemaker.add_response(
        "stop_pipeline_execution",
        {"PipelineExecutionArn": ARN},
        {"PipelineExecutionArn": ARN, "ClientRequestToken": ANY},
    )

    result = _release("stop", NAME, "--profile", "prod", answer="y\n")

    assert result.exit_code == ExitCode.DONE, result.output
    assert "Stop the execution abc123" in result.stderr
    assert f"release status {NAME} abc123 --watch --profile prod\n" in result.stdout


def test_without_a_yes_nothing_is_stopped(sagemaker: Stubber) -> None:
    _expect_newest(sagemaker, "Executing")

    result = _release("stop", NAME, answer="n\n")

    assert result.exit_code == ExitCode.ERROR
    assert "Nothing changed." in result.stderr


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("stop", "Succeeded", "is Succeeded: only one that is Executing can be stopped"),
        ("retry", "Succeeded", "is Succeeded: only one that is Failed or Stopped can be retried"),
        ("retry", "Executing", "is Executing: only one that is Failed or Stopped can be retried"),
    ],
)
def test_an_execution_in_another_status_is_left_alone_with_the_reason(
    command: str, status: str, message: str, sagemaker: Stubber
) -> None:
    _expect_newest(sagemaker, status)

    error = _release(command, NAME).exception

    assert isinstance(error, module.WrongStatusError)
    assert message in str(error)


def test_a_failed_execution_is_retried(sagemaker: Stubber) -> None:
    _expect_newest(sagemaker, "Failed", FAILED_STEP, again=True)
    sagemaker.add_response(
        "retry_pipeline_execution",
        {"PipelineExecutionArn": ARN},
        {"PipelineExecutionArn": ARN, "ClientRequestToken": ANY},
    )

    result = _release("retry", NAME, "--json")

    assert json.loads(result.stdout) == {"pipeline": NAME, "id": "abc123", "arn": ARN}


@pytest.mark.parametrize(("end", "code"), [("Succeeded", 0), ("Failed", 1)])
def test_a_retry_can_be_waited_for(end: str, code: int, sagemaker: Stubber) -> None:
    _expect_newest(sagemaker, "Failed", FAILED_STEP, again=True)
    sagemaker.add_response("retry_pipeline_execution", {"PipelineExecutionArn": ARN}, None)
    _expect_state(sagemaker, end)

    result = _release("retry", NAME, "--wait")

    assert result.exit_code == code, result.output
    assert f"abc123 of {NAME}: {end}" in result.stdout


def test_what_a_fail_step_has_ended_is_not_retried_and_it_is_told_why(sagemaker: Stubber) -> None:
    _expect_newest(sagemaker, "Failed", FAIL_STEP, again=True)

    error = _release("retry", NAME).exception

    assert isinstance(error, module.WrongStatusError)
    assert "The Fail step VerificationFailed has ended the execution abc123" in str(error)
    assert "latency p99 is above the limit." in str(error)
    assert f"release start {NAME} --model MODEL" in str(error)


def _write_fail_step(folder: Path) -> None:
    document = json.loads((folder / "execution.json").read_text())
    document["Steps"].append(
        {
            "StepName": "VerificationFailed",
            "StepType": "Fail",
            "StepStatus": "Failed",
            "StartTime": STARTED.isoformat(),
            "EndTime": STARTED.isoformat(),
            "Reason": "latency p99 is above the limit.",
        }
    )
    (folder / "execution.json").write_text(json.dumps(document))


def test_a_local_one_that_a_fail_step_has_ended_is_not_retried_either(state: Path) -> None:
    _write_fail_step(state)

    error = _release("retry", NAME, "--local").exception

    assert isinstance(error, module.WrongStatusError)
    assert "latency p99 is above the limit." in str(error)


@pytest.mark.usefixtures("state")
def test_a_local_one_is_retried_by_the_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    retried: list[str] = []

    def retry(_aws: object, state: Any, *, as_json: bool) -> NoReturn:
        retried.append(state.arn)
        raise typer.Exit(int(as_json))

    monkeypatch.setattr(module, "retry_locally", retry)

    assert _release("retry", NAME, "--local").exit_code == 0
    assert retried == [ARN]


def test_a_local_one_that_runs_is_stopped_where_it_runs(state: Path) -> None:
    document = json.loads((state / "execution.json").read_text())
    document["PipelineExecutionStatus"] = "Executing"
    (state / "execution.json").write_text(json.dumps(document))

    error = _release("stop", NAME, "--local", "--yes").exception

    assert "end that with Ctrl-C" in str(error)
