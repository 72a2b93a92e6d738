"""Waiting for executions, and what keeps one from starting."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from rich.console import Console
from typer.testing import CliRunner, Result

from commands import program
from commands.aws import status
from commands.executions.states import ExecutionState, StepState
from commands.program import app
from commands.terminal import places
from commands.terminal.aws import AwsCallError, UnknownNameError
from commands.terminal.exit_codes import ExitCode
from commands.terminal.options import MissingParameterError
from constructs_lib.language.steps import steps_of
from constructs_lib.suggestions import suggestion
from tests.command_line.registered_pipeline import DEFINITION, NAME, write_record

STARTED = datetime(2026, 11, 2, 12, tzinfo=UTC)
RUNNING = ExecutionState(
    pipeline=NAME,
    id="abc123",
    arn=f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{NAME}/execution/abc123",
    status="Executing",
    start_time=STARTED,
    end_time=None,
    failure_reason=None,
    steps=(StepState(name="Package", status="Executing", duration_in_second=1.0),),
)
FAILED = replace(
    RUNNING,
    status="Failed",
    end_time=STARTED + timedelta(hours=2, minutes=5),
    steps=(
        StepState(
            name="Package",
            status="Failed",
            duration_in_second=75.2,
            reason="[Errno 28] No space left on device",
            log="https://console/" + "x" * 150,
        ),
    ),
)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Result:
    """What ``status --watch`` prints of an execution that fails while it is watched."""
    states = iter([RUNNING, RUNNING, FAILED])
    monkeypatch.setattr(status, "read_state", lambda *_: next(states))
    monkeypatch.setattr("time.sleep", lambda _: None)
    return CliRunner().invoke(app, ["status", NAME, "--watch", "--local"])


def test_watching_ends_with_the_execution(watched: Result) -> None:
    assert watched.exit_code == ExitCode.ERROR
    assert "Execution abc123 of returns-risk: Failed, 2 h 5 min" in watched.stdout
    assert "Executing" not in watched.stdout  # only on a terminal, which it is not


def test_the_reason_and_the_whole_link_to_the_log_are_shown(watched: Result) -> None:
    (row,) = [line for line in watched.stdout.splitlines() if line.startswith("Package ")][:1]
    assert "1 min 15 s" in row
    assert "[Errno 28] No space left on device" in row
    assert f"Package  {FAILED.steps[0].log}" in watched.stdout.splitlines()


def test_a_table_fits_on_a_narrow_terminal() -> None:
    long = replace(FAILED.steps[0], name="Registration-EU", reason="too " * 60)
    printed = io.StringIO()

    Console(file=printed, width=80).print(status.table(replace(FAILED, steps=(long,))))

    assert max(map(len, printed.getvalue().splitlines())) <= 80
    assert printed.getvalue().count("too") == 60


def test_a_running_execution_shows_what_waits_and_where_to_look() -> None:
    log = "https://console/log"
    steps = (
        replace(RUNNING.steps[0], log=log),
        StepState(name="Verify", status="NotExecuted"),
        StepState(name="Stop", status="NotExecuted", reason="Condition 'Gate' was true."),
    )
    printed = io.StringIO()

    console = Console(file=printed, width=80, force_terminal=True, color_system="standard")
    console.print(status.table(replace(RUNNING, steps=steps)))

    text = re.sub(r"\x1b\[[0-9;]*m", "", printed.getvalue())
    assert re.search("Verify +waiting", text)
    assert re.search("Stop +NotExecuted", text)
    assert text.count(f";{log}\x1b") == 2  # a click on the step or on the line opens it


def _definition_with(*parameters: dict[str, str]) -> dict[str, Any]:
    definition = {**DEFINITION, "Parameters": [*DEFINITION["Parameters"], *parameters]}
    return {"PipelineDefinition": json.dumps(definition)}


def test_start_says_how_to_follow_in_the_same_aws(stubs: dict[str, Stubber]) -> None:
    stubs["sagemaker"].add_response("describe_pipeline", _definition_with())
    stubs["sagemaker"].add_response(
        "start_pipeline_execution", {"PipelineExecutionArn": RUNNING.arn}
    )

    result = CliRunner().invoke(app, ["start", NAME, "--profile", "prod", "--region", "us-west-2"])

    assert result.stdout == (
        f"Started {RUNNING.arn}\n"
        f"Follow it: release status {NAME} --watch --profile prod --region us-west-2\n"
    )


@pytest.mark.parametrize(
    ("name", "fix"),
    [("ModelS3Uri", "add --model"), ("Another", "add --parameter Another=VALUE")],
)
def test_a_missing_parameter_is_told_before_anything_starts(
    stubs: dict[str, Stubber], name: str, fix: str
) -> None:
    answer = _definition_with({"Name": name, "Type": "String"})
    stubs["sagemaker"].add_response("describe_pipeline", answer, {"PipelineName": NAME})

    error = CliRunner().invoke(app, ["start", NAME]).exception

    assert isinstance(error, MissingParameterError)
    assert fix in str(error)


def test_a_model_for_a_pipeline_that_trains_is_refused_with_the_reason(
    stubs: dict[str, Stubber],
) -> None:
    definition = {**DEFINITION, "Steps": [{"Name": "Train", "Type": "Training"}]}
    answer = {"PipelineDefinition": json.dumps(definition)}
    stubs["sagemaker"].add_response("describe_pipeline", answer, {"PipelineName": NAME})

    error = CliRunner().invoke(app, ["start", NAME, "--model", "s3://b/model.tar.gz"]).exception

    assert isinstance(error, MissingParameterError)
    assert "no parameter ModelS3Uri, because it trains its model" in str(error)


def test_run_suggests_the_pipeline_that_was_meant(release: Callable[..., Result]) -> None:
    error = release("run", "return-risk", "--model", "s3://bucket/model.tar.gz").exception

    assert isinstance(error, UnknownNameError)
    assert f"Did you mean '{NAME}'?" in str(error)


def test_a_model_that_is_neither_file_nor_s3_uri_is_refused(
    release: Callable[..., Result],
) -> None:
    error = release("run", NAME, "--model", "gs://bucket/model.tar.gz", "--as-deployed").exception

    assert "starts with 's3://'" in str(error)


def test_a_region_without_pipelines_says_how_to_deploy(release: Callable[..., Result]) -> None:
    error = release("packages", NAME, "--region", "us-west-2").exception

    assert "release deploy-local" in str(error)


def test_what_is_no_url_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:4566")

    for arguments in (["packages", NAME], ["run", NAME]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == ExitCode.USAGE
        assert "http://localhost:4566" in result.stderr


def test_credentials_that_cannot_be_loaded_are_told_with_a_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text(
        "[profile prod]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
        "[sso-session s]\nsso_start_url = https://example.com\nsso_region = us-east-1\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))

    error = CliRunner().invoke(app, ["packages", NAME, "--profile", "prod"]).exception

    assert isinstance(error, AwsCallError)
    assert "aws sso login" in str(error)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where local commands leave what they do."""
    monkeypatch.setattr(places, "STATE", tmp_path)
    return tmp_path


def test_a_damaged_record_hides_no_other(state: Path) -> None:
    write_record(state / "executions" / "abc123")
    damaged = state / "executions" / "damaged"
    damaged.mkdir()
    (damaged / "execution.json").write_text("{")

    result = CliRunner().invoke(app, ["status", NAME, "--local"])

    assert "Execution abc123" in result.stdout
    assert f"warning: {damaged}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([NAME, "abc12"], "Did you mean 'abc123'?"),
        (["return-risk"], f"Did you mean '{NAME}'?"),
    ],
)
def test_a_mistyped_name_of_a_local_execution_gets_a_suggestion(
    state: Path, arguments: list[str], hint: str
) -> None:
    write_record(state / "executions" / "abc123")

    error = CliRunner().invoke(app, ["status", *arguments, "--local"]).exception

    assert isinstance(error, UnknownNameError)
    assert hint in str(error)


def test_nobody_is_told_to_run_a_pipeline_that_there_is_not(state: Path) -> None:
    write_record(state / "executions" / "abc123")

    error = CliRunner().invoke(app, ["status", "nothing-like-it", "--local"]).exception

    assert "Start one: release run PIPELINE --model FILE." in str(error)


def test_a_report_of_nothing_says_where_executions_are(state: Path) -> None:
    error = CliRunner().invoke(app, ["report", str(state)]).exception

    assert isinstance(error, places.OutputError)
    assert "executions/EXECUTION" in str(error)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", ".local"), ".local: Permission denied"),
        (OSError(28, "No space left on device"), "the output: No space left on device"),
    ],
)
def test_a_disk_that_cannot_be_used_is_one_message(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: OSError,
    message: str,
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(program, "app", fail)
    with pytest.raises(SystemExit) as ended:
        program.main()

    assert ended.value.code == ExitCode.ERROR
    assert capfd.readouterr().err == f"error: Cannot use {message}.\n"


def test_another_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise OSError

    monkeypatch.setattr(program, "app", fail)
    with pytest.raises(OSError, match=r"^$"):
        program.main()


def test_a_suggestion_names_the_closest_or_all() -> None:
    assert suggestion("return-risk", ["returns-risk", "churn"]) == " Did you mean 'returns-risk'?"
    assert suggestion("x", ["b", "a"]) == " There are: a, b."
    assert suggestion("x", []) == " There are: none."


def test_steps_of_branches_follow_their_condition() -> None:
    names = [step["Name"] for step in steps_of(DEFINITION)]

    assert names == ["Gate", "Registration-EU", "Registration-NA"]
