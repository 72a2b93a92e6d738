from __future__ import annotations

import io
import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from rich.console import Console

from local.runner import (
    ConsoleReporter,
    EmulatedAws,
    Execution,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    read_execution,
    retry_execution,
)
from local.runner.language.errors import (
    DefinitionError,
    EmulatedAwsError,
    NotRetriedError,
    ParameterError,
    PipelineNotFoundError,
    UnsupportedStepError,
)

Build = Callable[..., dict[str, Any]]
Deploy = Callable[..., str]
Execute = Callable[..., Execution]

ENDPOINT = {
    "AWS_ENDPOINT_URL": "http://localhost:1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def condition_step(name: str, left: Any, right: Any, **members: Any) -> dict[str, Any]:
    branches = {key: members.pop(key) for key in ("IfSteps", "ElseSteps") if key in members}
    condition = {"Type": "Equals", "LeftValue": left, "RightValue": right}
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": [condition], **branches},
        **members,
    }


def fail_step(name: str, message: Any = "no", **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **members}


def statuses(execution: Execution) -> dict[str, str]:
    return {step.name: step.status.value for step in execution.steps}


def test_the_execution_is_known_to_the_emulated_service(
    deploy: Deploy, execute: Execute, aws: EmulatedAws
) -> None:
    parameters = [{"Name": "A", "Type": "String"}, {"Name": "B", "DefaultValue": "b"}]
    name = deploy(condition_step("Gate", 1, 1), parameters=parameters)

    execution = execute(name, {"A": "a"})

    (summary,) = aws.sagemaker.list_pipeline_executions(PipelineName=name)[
        "PipelineExecutionSummaries"
    ]
    assert summary["PipelineExecutionArn"] == execution.arn
    assert execution.parameters == {"A": "a", "B": "b"}
    assert read_execution(execution.folder) == execution


def test_execution_variables_resolve(deploy: Deploy, execute: Execute) -> None:
    variables = ["PipelineName", "PipelineArn", "PipelineExecutionId", "PipelineExecutionArn"]
    values = [{"Get": f"Execution.{name}"} for name in [*variables, "StartDateTime"]]
    name = deploy(fail_step("Show", {"Std:Join": {"On": " ", "Values": values}}))

    execution = execute(name)

    reason = execution.step("Show").reason
    assert reason is not None
    *ids, start = reason.split(" ")
    assert ids == [name, execution.pipeline_arn, execution.id, execution.arn]
    assert start.endswith("Z")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Approved", {"Gate": "Succeeded", "If": "Succeeded", "Else": "NotExecuted"}),
        ("Pending", {"Gate": "Succeeded", "If": "NotExecuted", "Else": "Succeeded"}),
    ],
)
def test_a_condition_chooses_the_branch(
    deploy: Deploy, execute: Execute, lambda_step: Build, status: str, expected: dict[str, str]
) -> None:
    code = "def handler(event, context): return {}"
    gate = condition_step(
        "Gate",
        {"Get": "Parameters.Status"},
        "Approved",
        IfSteps=[lambda_step("If", code)],
        ElseSteps=[lambda_step("Else", code)],
    )

    execution = execute(deploy(gate, parameters=[{"Name": "Status"}]), {"Status": status})

    assert execution.status is ExecutionStatus.SUCCEEDED
    assert statuses(execution) == expected
    assert execution.step("Gate").properties == {"Outcome": status == "Approved"}


def test_steps_after_a_branch_not_taken_are_not_executed(deploy: Deploy, execute: Execute) -> None:
    gate = condition_step("Gate", 1, 2, IfSteps=[fail_step("If")])

    execution = execute(deploy(gate, condition_step("After", 1, 1, DependsOn=["If"])))

    assert execution.status is ExecutionStatus.SUCCEEDED
    assert execution.step("If").reason == "Condition 'Gate' was false."
    assert execution.step("After").reason == "Step 'If', which it waits for, was not executed."


def test_a_fail_step_ends_the_execution_with_its_message(deploy: Deploy, execute: Execute) -> None:
    message = {"Std:Join": {"Values": ["score ", {"Get": "Parameters.Score"}, " is too low"]}}
    name = deploy(
        fail_step("TooLow", message),
        condition_step("Later", 1, 1),
        parameters=[{"Name": "Score", "Type": "Float", "DefaultValue": 0.25}],
        max_parallel=1,
    )

    execution = execute(name)

    assert execution.status is ExecutionStatus.FAILED
    assert execution.failure_reason == "Step 'TooLow' failed: score 0.25 is too low"
    assert execution.step("Later").reason == "Fail step 'TooLow' ended the execution."


def test_a_failed_step_stops_its_dependants_and_no_others(deploy: Deploy, execute: Execute) -> None:
    name = deploy(
        condition_step("Bad", 1, "1"),
        condition_step("Dependant", 1, 1, DependsOn=["Bad"]),
        condition_step("Far", 1, 1, DependsOn=["Dependant"]),
        condition_step("Independent", 1, 1),
        condition_step("Next", 1, 1, DependsOn=["Independent"]),
    )

    execution = execute(name)

    assert execution.status is ExecutionStatus.FAILED
    assert statuses(execution) == {
        "Bad": "Failed",
        "Dependant": "NotExecuted",
        "Far": "NotExecuted",
        "Independent": "Succeeded",
        "Next": "Succeeded",
    }
    assert execution.step("Dependant").reason == "Step 'Bad', which it waits for, failed."


def test_a_step_that_runs_when_another_fails_ends_on_its_own(
    deploy: Deploy, execute: Execute, processing_step: Build, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    slow = f"""
        import os, time
        while not os.path.exists({str(told)!r}):
            time.sleep(0.01)
    """
    name = deploy(
        processing_step("Slow", slow),
        processing_step("First", ""),
        fail_step("Stop", DependsOn=["First"]),
    )

    def tell(_execution: Execution, step: StepExecution | None) -> None:
        if step is not None and (step.name, step.status) == ("Stop", StepStatus.FAILED):
            told.touch()

    execution = execute(name, on_event=tell)

    assert execution.status is ExecutionStatus.FAILED
    assert statuses(execution) == {"Slow": "Succeeded", "First": "Succeeded", "Stop": "Failed"}


def failing_once(processing_step: Build, put: Callable[[str, str | bytes], str]) -> dict[str, Any]:
    """A step that succeeds once its input tells it to."""
    return processing_step(
        "Second",
        """
        import pathlib, sys
        sys.exit(pathlib.Path("opt/ml/processing/input/told/told.txt").read_text() != "succeed")
        """,
        inputs={"told": put("told.txt", "fail")},
        DependsOn=["First"],
    )


def test_a_failed_execution_is_retried_from_the_steps_that_did_not_succeed(
    deploy: Deploy,
    execute: Execute,
    processing_step: Build,
    put: Callable[[str, str | bytes], str],
    aws: EmulatedAws,
    tmp_path: Path,
) -> None:
    first = processing_step("First", "print('once')")
    second = failing_once(processing_step, put)
    last = condition_step("Last", 1, 1, DependsOn=["Second"])
    before = execute(deploy(first, second, last))
    assert statuses(before) == {"First": "Succeeded", "Second": "Failed", "Last": "NotExecuted"}
    put("told.txt", "succeed")

    after = retry_execution(before.arn, aws=aws, state_dir=tmp_path / "state")

    assert after.arn == before.arn
    assert statuses(after) == dict.fromkeys(("First", "Second", "Last"), "Succeeded")
    assert after.step("First") == before.step("First")
    described = aws.sagemaker.describe_pipeline_execution(PipelineExecutionArn=after.arn)
    assert described["PipelineExecutionStatus"] == "Succeeded"
    assert read_execution(after.folder) == after


def test_a_retried_execution_keeps_the_definition_that_it_began_with(
    deploy: Deploy,
    execute: Execute,
    processing_step: Build,
    put: Callable[[str, str | bytes], str],
    aws: EmulatedAws,
    tmp_path: Path,
) -> None:
    name = deploy(processing_step("First", ""), failing_once(processing_step, put))
    before = execute(name)
    put("told.txt", "succeed")
    changed = {"Version": "2020-12-01", "Steps": [fail_step("Changed")]}
    aws.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=json.dumps(changed))

    after = retry_execution(before.arn, aws=aws, state_dir=tmp_path / "state")

    assert statuses(after) == {"First": "Succeeded", "Second": "Succeeded"}


@pytest.mark.parametrize(
    ("step", "status"), [(fail_step("Stop"), "Failed"), (condition_step("A", 1, 1), "Succeeded")]
)
def test_an_execution_that_a_fail_step_ended_or_that_succeeded_is_not_retried(
    deploy: Deploy,
    execute: Execute,
    aws: EmulatedAws,
    tmp_path: Path,
    step: dict[str, Any],
    status: str,
) -> None:
    before = execute(deploy(step))

    with pytest.raises(NotRetriedError, match=f"is {status} and cannot be retried"):
        retry_execution(before.arn, aws=aws, state_dir=tmp_path / "state")

    described = aws.sagemaker.describe_pipeline_execution(PipelineExecutionArn=before.arn)
    assert described["PipelineExecutionStatus"] == status
    assert read_execution(before.folder) == before


class FaultyCalls:
    """Answers the first calls of an operation with an error, as the service would."""

    def __init__(self, client: Any, operation: str, errors: list[tuple[int, str]]) -> None:
        self._client = client
        self._event = f"before-send.sagemaker.{operation}"
        self._errors = errors

    def __enter__(self) -> None:
        self._client.meta.events.register(self._event, self._answer)

    def __exit__(self, *_: object) -> None:
        self._client.meta.events.unregister(self._event, self._answer)

    def _answer(self, request: Any, **_: Any) -> Any:
        if not self._errors:
            return None
        status, code = self._errors.pop(0)
        body = f'{{"__type": "{code}", "message": "slow down"}}'.encode()
        return _response(request.url, status, body)


def _response(url: str, status: int, body: bytes) -> AWSResponse:
    raw = io.BytesIO(body)
    raw.stream = lambda: iter([body])  # type: ignore[attr-defined]
    return AWSResponse(url, status, {"Content-Type": "application/x-amz-json-1.1"}, raw)


@pytest.fixture
def model_step(put: Callable[[str, str | bytes], str]) -> Build:
    def build(**members: Any) -> dict[str, Any]:
        container = {"Image": "image", "ModelDataUrl": put("model.tar.gz", "m")}
        role = "arn:aws:iam::123456789012:role/execution"
        return {
            "Name": "Create",
            "Type": "Model",
            "Arguments": {"ExecutionRoleArn": role, "PrimaryContainer": container},
            **members,
        }

    return build


@pytest.mark.parametrize(
    ("policy", "errors", "delays_seconds"),
    [
        ({}, [(400, "ThrottlingException"), (500, "InternalFailure")], [1, 2]),
        (
            {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 3, "BackoffRate": 4.0},
            [(400, "ThrottlingException")] * 3,
            [3, 12, 48],
        ),
        (
            {
                "ExceptionType": ["SageMaker.RESOURCE_LIMIT"],
                "IntervalSeconds": 60,
                "ExpireAfterMin": 5,
            },
            [(400, "ResourceLimitExceeded")],
            [60],
        ),
    ],
)
@pytest.mark.usefixtures("one_identity")
def test_service_errors_are_retried_as_the_policy_says(
    deploy: Deploy,
    execute: Execute,
    model_step: Build,
    aws: EmulatedAws,
    policy: dict[str, Any],
    errors: list[tuple[int, str]],
    delays_seconds: list[float],
) -> None:
    delays: list[float] = []
    name = deploy(model_step(RetryPolicies=[policy] if policy else []))

    with FaultyCalls(aws.sagemaker, "CreateModel", list(errors)):
        execution = execute(name, sleep=delays.append)

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    assert delays == delays_seconds
    assert execution.step("Create").attempt_count == len(errors) + 1
    assert execution.step("Create").reason is None


@pytest.mark.parametrize(
    ("policy", "error", "attempts"),
    [
        ({}, (400, "ThrottlingException"), 6),
        ({}, (400, "ValidationException"), 1),
        ({}, (400, "ResourceLimitExceeded"), 1),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempts": 2}, (400, "ThrottlingException"), 3),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempts": 0}, (400, "ThrottlingException"), 1),
        (
            {"ExceptionType": "Step.THROTTLING", "ExpireAfterMin": 0},
            (400, "ThrottlingException"),
            1,
        ),
        ({"ExceptionType": "Step.THROTTLING", "MaxAttempts": 2}, (503, "Unavailable"), 6),
    ],
)
@pytest.mark.usefixtures("one_identity")
def test_retries_end(
    deploy: Deploy,
    execute: Execute,
    model_step: Build,
    aws: EmulatedAws,
    policy: dict[str, Any],
    error: tuple[int, str],
    attempts: int,
) -> None:
    name = deploy(model_step(RetryPolicies=[policy] if policy else []))

    with FaultyCalls(aws.sagemaker, "CreateModel", [error] * 20):
        step = execute(name).step("Create")

    assert step.status is StepStatus.FAILED
    assert step.attempt_count == attempts
    assert step.reason == f"ClientError: {error[1]}: slow down"


def test_a_script_that_fails_is_not_retried(
    deploy: Deploy, execute: Execute, processing_step: Build
) -> None:
    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR", "Step.SERVICE_FAULT"]}
    step = processing_step("Check", "raise SystemExit(1)", RetryPolicies=[policy])

    assert execute(deploy(step)).step("Check").attempt_count == 1


@pytest.mark.usefixtures("one_identity")
def test_a_job_whose_data_cannot_be_moved_is_retried_if_the_policy_says(
    deploy: Deploy, execute: Execute, processing_step: Build, aws: EmulatedAws
) -> None:
    faults = [3]

    def fail_first(params: dict[str, Any], **_: Any) -> None:
        if "/code/" in params["url_path"] and faults[0] > 0:
            faults[0] -= 1
            raise ConnectionClosedError(endpoint_url="http://localhost")

    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 1}
    with_policy = deploy(processing_step("A", "", RetryPolicies=[policy]))
    without_policy = deploy(processing_step("A", ""))
    aws.s3.meta.events.register("before-call.s3.GetObject", fail_first)
    aws.s3.meta.events.register("before-call.s3.HeadObject", fail_first)
    try:
        unlucky = execute(without_policy).step("A")
        faults[0] = 1
        retried = execute(with_policy).step("A")
    finally:
        aws.s3.meta.events.unregister("before-call.s3.GetObject", fail_first)
        aws.s3.meta.events.unregister("before-call.s3.HeadObject", fail_first)

    assert (unlucky.status, unlucky.attempt_count) == (StepStatus.FAILED, 1)
    assert unlucky.reason is not None
    assert unlucky.reason.startswith("InternalServerError: ")
    assert (retried.status, retried.attempt_count) == (StepStatus.SUCCEEDED, 2)


WRITE = "import sys; open(sys.argv[1] + '/r.json', 'w').write('{\"n\": 1}')"


@pytest.fixture
def cached_step(processing_step: Build, bucket: str) -> Build:
    def build(**changes: Any) -> dict[str, Any]:
        return processing_step(
            "Package",
            changes.pop("script", WRITE),
            **{
                "arguments": ["/opt/ml/processing/output/o"],
                "outputs": {
                    "o": {
                        "Std:Join": {
                            "On": "/",
                            "Values": [
                                f"s3://{bucket}",
                                {"Get": "Execution.PipelineExecutionId"},
                            ],
                        }
                    }
                },
                "CacheConfig": {"Enabled": True, "ExpireAfter": "PT1H"},
                "PropertyFiles": [
                    {"PropertyFileName": "R", "OutputName": "o", "FilePath": "r.json"}
                ],
                **changes,
            },
        )

    return build


def test_an_unchanged_step_reuses_the_earlier_result(
    deploy: Deploy, execute: Execute, cached_step: Build
) -> None:
    number = {"PropertyFile": {"Get": "Steps.Package.PropertyFiles.R"}, "Path": "n"}
    uri = {"Get": "Steps.Package.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}
    use = fail_step("Use", {"Std:Join": {"Values": [uri, " ", {"Std:JsonGet": number}]}})
    name = deploy(cached_step(), use)

    first, second, third = execute(name), execute(name), execute(name)

    assert first.step("Package").cache_hit is None
    for later in (second, third):
        step = later.step("Package")
        assert (step.status, step.attempt_count) == (StepStatus.SUCCEEDED, 0)
        assert step.cache_hit == first.arn
        assert step.properties == first.step("Package").properties
        reason = later.step("Use").reason
        assert reason is not None
        assert reason.endswith(f"/{first.id} 1")


@pytest.mark.parametrize(
    ("changes", "hit"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/other-role"}, True),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 99}}, True),
        ({"Environment": {"A": "b"}}, False),
        ({"ProcessingInputs": "more"}, False),
        ({"AppSpecification": "other image"}, False),
    ],
)
def test_only_the_documented_attributes_decide(
    deploy: Deploy,
    execute: Execute,
    cached_step: Build,
    aws: EmulatedAws,
    put: Callable[[str, str | bytes], str],
    changes: dict[str, Any],
    hit: bool,
) -> None:
    step = cached_step()
    name = deploy(step)
    execute(name)
    arguments = step["Arguments"]
    if "ProcessingInputs" in changes:
        source = {
            **arguments["ProcessingInputs"][0]["S3Input"],
            "S3Uri": put("extra", "x"),
            "LocalPath": "/opt/ml/processing/input/extra",
        }
        more = {"InputName": "extra", "S3Input": source}
        changes = {"ProcessingInputs": [*arguments["ProcessingInputs"], more]}
    if "AppSpecification" in changes:
        changes = {"AppSpecification": {**arguments["AppSpecification"], "ImageUri": "other"}}
    changed = {**step, "Arguments": {**arguments, **changes}}
    aws.sagemaker.update_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [changed]}),
    )

    execution = execute(name)

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    assert (execution.step("Package").cache_hit is not None) is hit


def test_an_expired_a_failed_and_another_pipelines_result_are_not_reused(
    deploy: Deploy, execute: Execute, cached_step: Build
) -> None:
    step = cached_step()
    expired = deploy({**step, "CacheConfig": {"Enabled": True, "ExpireAfter": "PT0S"}})
    failing = deploy(cached_step(script="raise SystemExit(1)"))
    disabled = deploy({**step, "CacheConfig": {"Enabled": False, "ExpireAfter": "PT1H"}})

    for name in (expired, failing, disabled, deploy(step)):
        execute(name)
        if name in {expired, failing, disabled}:
            assert execute(name).step("Package").cache_hit is None
    assert execute(deploy(step)).step("Package").cache_hit is None


def test_results_of_a_pipeline_that_was_deployed_anew_are_not_reused(
    deploy: Deploy, execute: Execute, cached_step: Build, aws: EmulatedAws
) -> None:
    name = deploy(cached_step())
    execute(name)
    definition = aws.sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"]
    aws.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken="x" * 32)
    aws.sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=definition,
        RoleArn="arn:aws:iam::123456789012:role/execution",
        ClientRequestToken="y" * 32,
    )

    assert execute(name).step("Package").cache_hit is None


def test_an_unknown_pipeline_is_refused_with_the_deployed_ones(
    deploy: Deploy, execute: Execute
) -> None:
    deployed = deploy(condition_step("Gate", 1, 1))

    with pytest.raises(PipelineNotFoundError, match="no pipeline 'absent' in us-east-1") as error:
        execute("absent")

    assert deployed in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Other": "x"}, r"'Other' is not a parameter of this pipeline \(it has: Uri\)"),
        ({}, "'Uri' has no default and must be given"),
    ],
)
def test_wrong_parameters_start_nothing(
    deploy: Deploy,
    execute: Execute,
    aws: EmulatedAws,
    tmp_path: Path,
    parameters: dict[str, str],
    message: str,
) -> None:
    name = deploy(condition_step("Gate", 1, 1), parameters=[{"Name": "Uri", "Type": "String"}])

    with pytest.raises(ParameterError, match=message):
        execute(name, parameters)

    executions = aws.sagemaker.list_pipeline_executions(PipelineName=name)
    assert executions["PipelineExecutionSummaries"] == []
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("steps", "error", "message"),
    [
        (
            [{"Name": "Tune", "Type": "Tuning", "Arguments": {}}],
            UnsupportedStepError,
            "Step 'Tune' is of type 'Tuning'",
        ),
        ([condition_step("G", 1, 1, DependsOn=["G"])], DefinitionError, "G -> G"),
        (
            [
                {
                    "Name": "G",
                    "Type": "Condition",
                    "Arguments": {"Conditions": [{"Type": "Like"}]},
                }
            ],
            DefinitionError,
            "condition of type 'Like'",
        ),
    ],
)
def test_definitions_that_cannot_run_start_nothing(
    deploy: Deploy,
    execute: Execute,
    aws: EmulatedAws,
    steps: list[dict[str, Any]],
    error: type[Exception],
    message: str,
) -> None:
    name = deploy(*steps)

    with pytest.raises(error, match=message):
        execute(name)

    executions = aws.sagemaker.list_pipeline_executions(PipelineName=name)
    assert executions["PipelineExecutionSummaries"] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AWS_ENDPOINT_URL": ""}, "AWS_ENDPOINT_URL is ''"),
        ({"AWS_ENDPOINT_URL": "https://sagemaker.us-east-1.amazonaws.com"}, "on this machine"),
        ({"AWS_REGION": ""}, "AWS_REGION, AWS_ACCESS_KEY_ID and"),
    ],
)
def test_only_an_embedded_aws_is_accepted(changes: dict[str, str], message: str) -> None:
    with pytest.raises(EmulatedAwsError, match=message):
        EmulatedAws.connect({**ENDPOINT, **changes})


def test_an_embedded_aws_that_does_not_answer_is_a_clear_error(execute: Execute) -> None:
    with pytest.raises(EmulatedAwsError, match="Is it running"):
        execute("release", aws=EmulatedAws.connect(ENDPOINT))


def test_ctrl_c_kills_running_scripts_and_records_the_stop(
    deploy: Deploy, execute: Execute, processing_step: Build
) -> None:
    step = processing_step("Slow", "import time; print('started'); time.sleep(60)")
    after = condition_step("After", 1, 1, DependsOn=["Slow"])
    folders: list[Path] = []

    def interrupt_once_executing(execution: Execution, changed: StepExecution | None) -> None:
        folders[:] = [execution.folder]
        if changed and changed.attempt_count == 1 and changed.status is StepStatus.EXECUTING:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    # A shell starts background jobs with SIGINT ignored; Python then leaves it so.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            execute(deploy(step, after), on_event=interrupt_once_executing, sleep=None)
    finally:
        signal.signal(signal.SIGINT, handler)

    execution = read_execution(folders[0])
    assert execution.status is ExecutionStatus.STOPPED
    assert statuses(execution) == {"Slow": "Stopped", "After": "NotExecuted"}


def test_the_console_shows_each_step_as_it_runs(deploy: Deploy, execute: Execute) -> None:
    output = io.StringIO()
    name = deploy(
        condition_step("Gate", 1, 1, IfSteps=[fail_step("Stop", "the score is [too] low")])
    )

    execution = execute(name, on_event=ConsoleReporter(Console(file=output, width=40)))

    lines = [line.split("  ", 1)[1] for line in output.getvalue().splitlines()]
    assert lines[0] == f"Execution {execution.id} of {name}: Executing, 2 steps"
    assert [line.split()[:2] for line in lines[1:-1]] == [
        ["Gate", "Executing"],
        ["Gate", "Succeeded"],
        ["Stop", "Executing"],
        ["Stop", "Failed"],
    ]
    assert lines[4].endswith("s  the score is [too] low")
    assert lines[5].startswith(f"Execution {execution.id} of {name}: Failed after")


def test_the_console_shows_reused_and_skipped_steps(
    deploy: Deploy, execute: Execute, cached_step: Build
) -> None:
    output = io.StringIO()
    name = deploy(cached_step(), condition_step("Gate", 1, 2, IfSteps=[fail_step("Stop")]))
    first = execute(name)

    execute(name, on_event=ConsoleReporter(Console(file=output)))

    assert f"reused from {first.id}" in output.getvalue()
    assert "NotExecuted  Condition 'Gate' was false." in output.getvalue()
