"""The report of a real execution, and what its records hold for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from constructs_lib.aws.handle import AccessKey, AwsHandle
from local.release import release
from local.runner import ConsoleReporter, EmulatedAws, Execution, StepStatus, read_execution

Release = Callable[..., tuple[Execution, str]]


@pytest.fixture
def run_release(aws: EmulatedAws, administrator: AccessKey, tmp_path: Path) -> Release:
    """Execute a pipeline as the commands do; the execution, and what was printed."""

    def run(pipeline: str, **parameters: str) -> tuple[Execution, str]:
        console = Console(file=io.StringIO(), width=500)
        execution = release(
            pipeline,
            None,
            aws=AwsHandle(aws.region, aws.environment["AWS_ENDPOINT_URL"], administrator),
            state_dir=tmp_path / "state",
            console=console,
            parameters=parameters,
        )
        assert isinstance(console.file, io.StringIO)
        return execution, console.file.getvalue()

    return run


def test_the_record_holds_what_steps_wait_for_and_which_parameters_were_given(
    deploy: Callable[..., str],
    execute: Callable[..., Execution],
    processing_step: Callable[..., dict[str, Any]],
) -> None:
    first = processing_step("First", "")
    second = processing_step("Second", "", DependsOn=["First"])
    parameters = [{"Name": name, "Type": "String", "DefaultValue": "x"} for name in ("A", "B")]

    execution = execute(deploy(first, second, parameters=parameters), {"B": "y"})

    assert read_execution(execution.folder) == execution
    assert execution.step("Second").depends_on == ("First",)
    assert execution.given_parameters == ("B",)


def test_the_report_of_a_success_holds_the_digest_of_an_output(
    run_release: Release,
    deploy: Callable[..., str],
    processing_step: Callable[..., dict[str, Any]],
    bucket: str,
) -> None:
    script = "open('/opt/ml/processing/output/out/a.txt'.replace('/opt', ROOT), 'w').write('a')"
    code = f"import os\nROOT = os.getcwd() + '/opt'\n{script}"
    step = processing_step("Write", code, outputs={"out": f"s3://{bucket}/out"})

    execution, printed = run_release(deploy(step))

    assert execution.failure_reason is None
    page = (execution.folder / "report.html").read_text(encoding="utf-8")
    assert f"s3://{bucket}/out/a.txt" in page
    assert "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" in page
    assert "Run report" not in printed


def test_a_failure_has_a_report_too_and_its_path_is_printed(
    run_release: Release,
    deploy: Callable[..., str],
    processing_step: Callable[..., dict[str, Any]],
) -> None:
    step = processing_step("Break", "raise SystemExit('the archive is damaged')")

    execution, printed = run_release(deploy(step))

    report = execution.folder / "report.html"
    assert f"Run report: {report}" in printed
    assert "the archive is damaged" in report.read_text(encoding="utf-8")


def test_a_stopped_execution_has_a_report_too(
    run_release: Release,
    deploy: Callable[..., str],
    processing_step: Callable[..., dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(ConsoleReporter):
        def __call__(self, execution: Execution, step: Any) -> None:
            if step is not None and step.status is StepStatus.EXECUTING:
                raise KeyboardInterrupt

    monkeypatch.setattr("local.release.ConsoleReporter", Interrupted)

    with pytest.raises(KeyboardInterrupt):
        run_release(deploy(processing_step("Slow", "import time; time.sleep(60)")))

    (report,) = (tmp_path / "state").glob("*/report.html")
    assert "The execution was stopped before its end." in report.read_text(encoding="utf-8")


@pytest.mark.usefixtures("one_identity")
def test_reasons_of_retries_are_recorded(
    deploy: Callable[..., str],
    execute: Callable[..., Execution],
    processing_step: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    aws: EmulatedAws,
) -> None:
    create, calls = aws.sagemaker.create_processing_job, []

    def throttled_once(**request: Any) -> Any:
        calls.append(request)
        if len(calls) == 1:
            raise aws.sagemaker.exceptions.ClientError(
                {
                    "Error": {"Code": "ThrottlingException", "Message": "slow down"},
                    "ResponseMetadata": {"HTTPStatusCode": 400},
                },
                "CreateProcessingJob",
            )
        return create(**request)

    monkeypatch.setattr(aws.sagemaker, "create_processing_job", throttled_once)

    execution = execute(deploy(processing_step("Job", "")))

    step = execution.step("Job")
    assert step.status is StepStatus.SUCCEEDED
    assert step.retry_reasons == ("ClientError: ThrottlingException: slow down",)
    assert read_execution(execution.folder).step("Job") == step
