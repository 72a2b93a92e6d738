"""Starts an execution of a deployed pipeline and runs it to its end."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import ClientError

from local.runner.aws import NO_ANSWER, EmulatedAws
from local.runner.jobs.processing import check_processing_step
from local.runner.jobs.training import check_training_step
from local.runner.language.conditions import check_conditions
from local.runner.language.definition import PipelineDefinition, StepType, parse_definition
from local.runner.language.errors import (
    EmulatedAwsError,
    NotRetriedError,
    PipelineNotFoundError,
    RoleNotAssumedError,
)
from local.runner.language.graph import Dependencies, dependencies_of, run_in_order
from local.runner.language.parameters import Scalar, bind_parameters, to_text
from local.runner.lifetimes import end_abandoned, end_in_aws, running
from local.runner.records import (
    Execution,
    ExecutionRecorder,
    ExecutionStatus,
    OnEvent,
    StepExecution,
    StepStatus,
    now,
    past_executions,
    read_execution,
)
from local.runner.step_events import StepEvents
from local.runner.steps import StepRunner
from local.runner.watch import ended_with

_MAX_PARALLEL_STEPS: Final = 8
_NOT_FOUND_CODES: Final = frozenset({"ResourceNotFound", "ValidationException"})


def start_execution(
    pipeline_name: str,
    parameters: Mapping[str, str],
    *,
    aws: EmulatedAws,
    state_dir: Path,
    on_event: OnEvent = lambda _execution, _step: None,
    sleep: Callable[[float], object] | None = None,
) -> Execution:
    """Run a deployed pipeline once and return what happened, failed executions too.

    Args:
        pipeline_name: The name of a pipeline that is deployed to the embedded AWS.
        parameters: Values of pipeline parameters, as texts, that replace their defaults.
        aws: The embedded AWS.
        state_dir: The folder for records and logs; step caching looks for earlier results here.
        on_event: Called at every change, one call at a time.
        sleep: Waits so many seconds before a retry; by default a wait that Ctrl-C ends.

    Raises:
        ReleaseError: the pipeline is unknown, a parameter is unknown, missing or of the wrong
            type, or the definition holds what the runner does not run. Nothing was started.
    """
    plan = _plan(aws, pipeline_name, parameters, state_dir)
    with _answered():
        response = aws.sagemaker.start_pipeline_execution(
            PipelineName=pipeline_name,
            PipelineParameters=[{"Name": name, "Value": text} for name, text in parameters.items()],
        )
    return _run(plan, response["PipelineExecutionArn"], aws, on_event, sleep)


def run_execution(
    arn: str,
    *,
    aws: EmulatedAws,
    state_dir: Path,
    on_event: OnEvent = lambda _execution, _step: None,
    sleep: Callable[[float], object] | None = None,
) -> Execution:
    """Run an execution that an event, a schedule or a function has started; see start_execution.

    Args:
        arn: The execution, as the embedded AWS lists it among those to run.
        aws: The embedded AWS, in the execution's region.
        state_dir: The folder for records and logs.
        on_event: Called at every change, one call at a time.
        sleep: Waits so many seconds before a retry.

    Raises:
        ReleaseError: its definition holds what the runner does not run, or a parameter is wrong.
    """
    with _answered():
        listed = aws.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    parameters = {each["Name"]: each["Value"] for each in listed.get("PipelineParameters") or ()}
    pipeline_name = arn.partition(":pipeline/")[2].partition("/")[0]
    plan = _plan(aws, pipeline_name, parameters, state_dir, execution_arn=arn)
    return _run(plan, arn, aws, on_event, sleep)


def retry_execution(
    arn: str,
    *,
    aws: EmulatedAws,
    state_dir: Path,
    on_event: OnEvent = lambda _execution, _step: None,
    sleep: Callable[[float], object] | None = None,
) -> Execution:
    """Run the steps of an ended execution that did not succeed once more, as AWS retries it.

    With the definition and the parameters that it began with, and the role as it is now.

    Args:
        arn: An execution that has failed or was stopped, and that no Fail step has ended.
        aws: The embedded AWS, in the execution's region.
        state_dir: The folder that holds the execution's record.
        on_event: Called at every change, one call at a time.
        sleep: Waits so many seconds before a retry.

    Raises:
        ReleaseError: there is no record of it here, or SageMaker does not retry it.
    """
    before = read_execution(state_dir / arn.rpartition("/")[2])
    given = {name: to_text(before.parameters[name]) for name in before.given_parameters}
    kept = {step.name: step for step in before.steps if step.status is StepStatus.SUCCEEDED}
    plan = _plan(aws, before.pipeline_name, given, state_dir, execution_arn=arn)
    try:
        aws.sagemaker.retry_pipeline_execution(
            PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex
        )
    except ClientError as error:
        message = error.response["Error"]["Message"]
        raise NotRetriedError(f"{message}. Start another one.") from error
    shutil.rmtree(before.folder / "jobs", ignore_errors=True)
    return _run(plan, arn, aws, on_event, sleep, kept)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What an execution runs, known before it starts."""

    description: Mapping[str, Any]
    definition: PipelineDefinition
    given: tuple[str, ...]
    values: dict[str, Scalar]
    dependencies: Dependencies
    reusable: tuple[Execution, ...]
    tags: Sequence[Mapping[str, str]]
    aws: EmulatedAws
    """With the calls of the pipeline's role."""
    state_dir: Path


def _plan(
    aws: EmulatedAws,
    pipeline_name: str,
    parameters: Mapping[str, str],
    state_dir: Path,
    *,
    execution_arn: str | None = None,
) -> _Plan:
    """Prepare an execution; of one that has begun, with the definition that it began with."""
    description = _describe_pipeline(aws, pipeline_name)
    definition = parse_definition(
        description["PipelineDefinition"]
        if execution_arn is None
        else _definition_of(aws, execution_arn)
    )
    values = bind_parameters(definition.parameters, parameters)
    _check_steps(definition)
    dependencies = dependencies_of(definition)
    reusable = _reusable_executions(definition, description, state_dir)
    end_abandoned(state_dir, aws)
    with _answered():
        as_its_role = aws.as_role(
            description["RoleArn"], name="SageMaker", source_arn=description["PipelineArn"]
        )
        tags = aws.sagemaker.list_tags(ResourceArn=description["PipelineArn"])["Tags"]
    return _Plan(
        description=description,
        definition=definition,
        given=tuple(parameters),
        values=values,
        dependencies=dependencies,
        reusable=reusable,
        tags=tags,
        aws=as_its_role,
        state_dir=state_dir,
    )


def _definition_of(aws: EmulatedAws, execution_arn: str) -> str:
    with _answered():
        described = aws.sagemaker.describe_pipeline_definition_for_execution(
            PipelineExecutionArn=execution_arn
        )
    return str(described["PipelineDefinition"])


def _run(
    plan: _Plan,
    arn: str,
    aws: EmulatedAws,
    on_event: OnEvent,
    sleep: Callable[[float], object] | None,
    kept: Mapping[str, StepExecution] = MappingProxyType({}),
) -> Execution:
    """Run the steps of an execution, but for those that are ``kept`` from before."""
    execution = _new_execution(arn, plan.description, plan.definition, plan.values, plan.state_dir)
    execution = replace(
        execution,
        given_parameters=plan.given,
        steps=tuple(
            kept.get(step.name)
            or replace(step, depends_on=tuple(sorted(plan.dependencies[step.name])))
            for step in execution.steps
        ),
    )
    stopping = Event()
    runner = StepRunner(
        aws=plan.aws,
        steps={step.name: step for step in plan.definition.steps},
        dependencies=plan.dependencies,
        recorder=ExecutionRecorder(execution, StepEvents(aws, on_event)),
        reusable=plan.reusable,
        tags=plan.tags,
        stopping=stopping,
        sleep=sleep or stopping.wait,
    )
    return _run_to_end(runner, aws, max_parallel=_parallelism(plan.description))


def _run_to_end(runner: StepRunner, aws: EmulatedAws, *, max_parallel: int) -> Execution:
    recorder = runner.recorder
    with running(recorder.execution) as mark:
        try:
            with ended_with(aws.environment["AWS_ENDPOINT_URL"], runner.stopping):
                run_in_order(
                    runner.dependencies,
                    runner.visit,
                    max_parallel=max_parallel,
                    stopping=runner.stopping,
                )
            failed = recorder.execution.failed_step is not None
            status = ExecutionStatus.FAILED if failed else ExecutionStatus.SUCCEEDED
        except BaseException:
            status = ExecutionStatus.STOPPED
            raise
        finally:
            end_in_aws(mark, recorder.execution.arn, status, aws)
            recorder.end(status)
    return recorder.execution


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except (ClientError, RoleNotAssumedError, *NO_ANSWER) as error:
        raise EmulatedAwsError(
            f"The embedded AWS does not start executions: {error}. Is it running?"
        ) from error


def _describe_pipeline(aws: EmulatedAws, name: str) -> dict[str, Any]:
    with _answered():
        try:
            description: dict[str, Any] = aws.sagemaker.describe_pipeline(PipelineName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_FOUND_CODES:
                raise
            raise PipelineNotFoundError(
                f"There is no pipeline '{name}' in {aws.region}. "
                f"Deployed are: {', '.join(_pipeline_names(aws)) or 'none; deploy one first'}."
            ) from error
    return description


def _pipeline_names(aws: EmulatedAws) -> list[str]:
    pages = aws.sagemaker.get_paginator("list_pipelines").paginate()
    return sorted(
        pipeline["PipelineName"] for page in pages for pipeline in page["PipelineSummaries"]
    )


def _check_steps(definition: PipelineDefinition) -> None:
    for step in definition.steps:
        match step.type:
            case StepType.PROCESSING:
                check_processing_step(step)
            case StepType.TRAINING:
                check_training_step(step)
            case StepType.CONDITION:
                check_conditions(step.arguments["Conditions"], step=step.name)


def _reusable_executions(
    definition: PipelineDefinition, description: Mapping[str, Any], state_dir: Path
) -> tuple[Execution, ...]:
    if all(step.cache_expires_after is None for step in definition.steps):
        return ()
    return tuple(
        execution
        for execution in past_executions(state_dir)
        if execution.pipeline_arn == description["PipelineArn"]
        and execution.pipeline_creation_time == description["CreationTime"]
    )


def _new_execution(
    arn: str,
    description: Mapping[str, Any],
    definition: PipelineDefinition,
    parameters: dict[str, Scalar],
    state_dir: Path,
) -> Execution:
    return Execution(
        arn=arn,
        pipeline_arn=description["PipelineArn"],
        pipeline_creation_time=description["CreationTime"],
        parameters=parameters,
        folder=(state_dir / arn.rpartition("/")[2]).absolute(),
        start_time=now(),
        steps=tuple(StepExecution(step.name, step.type) for step in definition.steps),
    )


def _parallelism(description: Mapping[str, Any]) -> int:
    configuration = description.get("ParallelismConfiguration") or {}
    limit: int = configuration.get("MaxParallelExecutionSteps", _MAX_PARALLEL_STEPS)
    return min(limit, _MAX_PARALLEL_STEPS)
