"""The local runner when AWS fails, when it is killed, and when it gets hostile definitions."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.faults.proxy import FaultProxy
from constructs_lib.errors import ReleaseError
from local.emulator import EmbeddedAws
from local.runner import (
    EmulatedAws,
    Execution,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    start_execution,
)
from local.runner.execution import _check_steps
from local.runner.language.definition import parse_definition
from local.runner.language.errors import DefinitionError, EmulatedAwsGoneError
from local.runner.language.graph import dependencies_of

Deploy = Callable[..., str]
Execute = Callable[..., Execution]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def proxy(aws: EmulatedAws) -> Iterator[FaultProxy]:
    with FaultProxy(aws.environment["AWS_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture
def execute_under(
    aws: EmulatedAws, proxy: FaultProxy, tmp_path: Path
) -> Iterator[Callable[..., Execution]]:
    """Run a pipeline with faults from its start on."""

    def run(name: str, *rules: dict[str, Any]) -> Execution:
        waiting = [list(rules)]
        return start_execution(
            name,
            {},
            aws=EmulatedAws.connect({**aws.environment, "AWS_ENDPOINT_URL": proxy.url}),
            state_dir=tmp_path / "state",
            on_event=lambda *_: proxy.inject(waiting.pop()) if waiting else None,
            sleep=lambda _: None,
        )

    yield run
    proxy.inject(())


@pytest.fixture
def group(aws: EmulatedAws) -> str:
    name = f"group-{uuid.uuid4().hex}"
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def register_step(group: str) -> dict[str, Any]:
    return {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": group,
            "InferenceSpecification": {
                "Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        },
    }


def condition_step(name: str, *depends_on: str) -> dict[str, Any]:
    equal = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": [equal], "IfSteps": [], "ElseSteps": []},
        "DependsOn": list(depends_on),
    }


def packages(aws: EmulatedAws, group: str) -> list[Any]:
    listed: list[Any] = aws.sagemaker.list_model_packages(ModelPackageGroupName=group)[
        "ModelPackageSummaryList"
    ]
    return listed


def status_in_aws(aws: EmulatedAws, arn: str) -> str:
    answer = aws.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    return str(answer["PipelineExecutionStatus"])


def test_a_registration_whose_answer_was_lost_is_not_repeated(
    aws: EmulatedAws, deploy: Deploy, execute_under: Execute, group: str
) -> None:
    lost = {"operation": "CreateModelPackage", "response": {"abort_bytes": 0}, "times": 1}

    execution = execute_under(deploy(register_step(group)), {"service": "sagemaker", **lost})

    assert execution.status is ExecutionStatus.SUCCEEDED
    assert execution.step("Register").attempt_count == 2
    assert len(packages(aws, group)) == 1


def test_another_execution_of_the_step_registers_again(
    aws: EmulatedAws, deploy: Deploy, execute: Execute, group: str
) -> None:
    name = deploy(register_step(group))
    execute(name)
    execute(name)

    assert len(packages(aws, group)) == 2


def test_an_answer_of_a_function_that_breaks_off_is_retried(
    execute_under: Execute, deploy: Deploy, lambda_step: Callable[..., dict[str, Any]]
) -> None:
    step = lambda_step(
        "Function", "def handler(event, context): return {'a': 'b'}", outputs={"a": "String"}
    )
    cut = {"operation": "Invoke", "response": {"abort_bytes": 2}, "times": 1}

    execution = execute_under(deploy(step), {"service": "lambda", **cut})

    assert execution.failure_reason is None
    assert execution.step("Function").attempt_count == 2


@pytest.mark.parametrize(("outcome", "status"), [("a", "Succeeded"), ("b", "Failed")])
def test_aws_knows_how_an_execution_ended(
    aws: EmulatedAws, deploy: Deploy, execute: Execute, outcome: str, status: str
) -> None:
    fail = {"Name": "Fail", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    condition = condition_step("Condition")
    condition["Arguments"]["ElseSteps"] = [fail]
    condition["Arguments"]["Conditions"][0] |= {"LeftValue": "a", "RightValue": outcome}
    during: list[str] = []

    def look(execution: Execution, _step: StepExecution | None) -> None:
        during.append(status_in_aws(aws, execution.arn))

    execution = execute(deploy(condition), on_event=look)

    assert during[0] == "Executing"
    assert status_in_aws(aws, execution.arn) == status


def test_the_execution_of_a_killed_runner_is_ended_by_the_next(
    aws: EmulatedAws, deploy: Deploy, execute: Execute, group: str, tmp_path: Path
) -> None:
    name = deploy(condition_step("First"), register_step(group))
    command = [sys.executable, "-m", "benchmarks.faults.runner_process"]
    killed = subprocess.run(
        [*command, name, "-", str(tmp_path / "state"), "First", "Executing"],
        cwd=ROOT,
        env=dict(aws.environment),
        check=False,
    )
    (arn,) = (
        each["PipelineExecutionArn"]
        for each in aws.sagemaker.list_pipeline_executions(PipelineName=name)[
            "PipelineExecutionSummaries"
        ]
    )
    assert killed.returncode == -signal.SIGKILL
    assert status_in_aws(aws, arn) == "Executing"

    execution = execute(name)

    assert execution.status is ExecutionStatus.SUCCEEDED
    assert status_in_aws(aws, arn) == "Stopped"


def test_an_execution_that_runs_in_another_runner_is_left_alone(
    aws: EmulatedAws, deploy: Deploy, execute: Execute
) -> None:
    name = deploy(condition_step("Only"))
    seen: list[str] = []

    def start_another(execution: Execution, step: StepExecution | None) -> None:
        if step is not None and step.status is StepStatus.EXECUTING and not seen:
            seen.append(execute(name).status)
            seen.append(status_in_aws(aws, execution.arn))

    execute(name, on_event=start_another)

    assert seen == [ExecutionStatus.SUCCEEDED, "Executing"]


def test_a_pipeline_that_changes_while_it_runs_ends_as_it_began(
    aws: EmulatedAws, deploy: Deploy, execute: Execute
) -> None:
    name = deploy(condition_step("First"), condition_step("Second", "First"))

    def update(_execution: Execution, step: StepExecution | None) -> None:
        if step is not None and (step.name, step.status) == ("First", StepStatus.EXECUTING):
            steps = [condition_step("Other")]
            definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
            aws.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition)

    execution = execute(name, on_event=update)

    assert execution.status is ExecutionStatus.SUCCEEDED
    assert [step.name for step in execution.steps] == ["First", "Second"]
    assert [step.name for step in execute(name).steps] == ["Other"]


def test_a_thousand_steps_are_run(aws: EmulatedAws, deploy: Deploy, execute: Execute) -> None:
    steps = [condition_step("S0"), *(condition_step(f"S{i}", f"S{i - 1}") for i in range(1, 1000))]

    execution = execute(deploy(*steps))

    assert execution.status is ExecutionStatus.SUCCEEDED
    assert all(step.status is StepStatus.SUCCEEDED for step in execution.steps)


def test_a_cyclic_definition_is_refused_before_anything_starts(
    aws: EmulatedAws, deploy: Deploy, execute: Execute
) -> None:
    name = deploy(condition_step("A", "B"), condition_step("B", "A"))

    with pytest.raises(DefinitionError, match="Steps wait for each other: A -> B -> A"):
        execute(name)

    executions = aws.sagemaker.list_pipeline_executions(PipelineName=name)
    assert executions["PipelineExecutionSummaries"] == []


@pytest.mark.parametrize("levels", [200, 100_000])
def test_deep_nesting_is_refused(levels: int) -> None:
    deep = "[" * levels + "]" * levels
    step = '{"Name": "A", "Type": "Fail", "Arguments": ' + deep + "}"

    with pytest.raises(DefinitionError, match="nested deeper than 100 levels"):
        parse_definition('{"Version": "2020-12-01", "Steps": [' + step + "]}")


_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_KEYS = st.sampled_from(
    ["Arguments", "Conditions", "Get", "IfSteps", "LeftValue", "Name", "Std:Join", "Type", "Values"]
)
_JSON = st.recursive(
    _SCALARS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_KEYS, children, max_size=4),
    max_leaves=8,
)
_NAMES = st.sampled_from(["A", "B", "C"])
_TYPES = st.sampled_from(["Condition", "Fail", "Lambda", "Model", "Processing", "Training"])
_STEPS = st.fixed_dictionaries(
    {"Name": _NAMES | _JSON, "Type": _TYPES | _JSON},
    optional={
        **dict.fromkeys(
            ("Arguments", "CacheConfig", "OutputParameters", "PropertyFiles", "RetryPolicies"),
            _JSON,
        ),
        "DependsOn": st.lists(_NAMES) | _JSON,
    },
)
_DEFINITIONS = st.fixed_dictionaries(
    {"Version": st.just("2020-12-01"), "Steps": st.lists(_STEPS, max_size=4) | _JSON},
    optional={"Parameters": _JSON},
)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(_DEFINITIONS)
def test_any_definition_is_run_or_refused_with_a_reason(document: dict[str, Any]) -> None:
    with suppress(ReleaseError):
        definition = parse_definition(json.dumps(document))
        _check_steps(definition)
        dependencies_of(definition)


@pytest.mark.parametrize("when", ["before a call", "while a script runs"])
def test_an_embedded_aws_that_ends_takes_the_execution_along_with_the_reason(
    when: str, tmp_path: Path
) -> None:
    with EmbeddedAws(permissions=False) as embedded:
        aws = EmulatedAws.connect(embedded.environment())
        aws.s3.create_bucket(Bucket="bucket")
        script = b"import time; open('runs', 'w').close(); time.sleep(600)"
        aws.s3.put_object(Bucket="bucket", Key="wait.py", Body=script)
        name = _pipeline_that_waits(aws)
        ended: list[Execution] = []

        def end_it(execution: Execution, step: StepExecution | None) -> None:
            if when == "before a call" and step is not None and step.attempt_count == 1:
                embedded.stop()
            ended.append(execution)

        def end_when_it_runs() -> None:
            while not list(tmp_path.rglob("runs")):
                time.sleep(0.05)
            embedded.stop()

        if when == "while a script runs":
            Thread(target=end_when_it_runs, daemon=True).start()

        with pytest.raises(EmulatedAwsGoneError, match="has ended while the execution ran") as gone:
            start_execution(name, {}, aws=aws, state_dir=tmp_path, on_event=end_it)

    assert gone.value.exit_code == 3
    assert ended[-1].status is ExecutionStatus.STOPPED


def _pipeline_that_waits(aws: EmulatedAws) -> str:
    folder = "/opt/ml/processing/input"
    script = {
        "InputName": "code",
        "S3Input": {
            "S3Uri": "s3://bucket/wait.py",
            "LocalPath": folder,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    step = {
        "Name": "Wait",
        "Type": "Processing",
        "Arguments": {
            "RoleArn": "arn:aws:iam::123456789012:role/execution",
            "AppSpecification": {
                "ImageUri": "image",
                "ContainerEntrypoint": ["python3", f"{folder}/wait.py"],
            },
            "ProcessingInputs": [script],
            "ProcessingResources": {"ClusterConfig": resources},
        },
    }
    aws.sagemaker.create_pipeline(
        PipelineName="waits",
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [step]}),
        RoleArn="arn:aws:iam::123456789012:role/execution",
        ClientRequestToken="x" * 32,
    )
    return "waits"
