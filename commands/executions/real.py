"""Executions in AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from commands.executions.states import (
    ENDED,
    ExecutionState,
    ExecutionSummary,
    StepState,
    reason_of_reuse,
    seconds_between,
)
from commands.terminal.aws import Aws, AwsCallError, UnknownNameError, calls, read_definition
from constructs_lib.aws.registry import LONG_PAGES
from constructs_lib.language.steps import steps_of
from constructs_lib.suggestions import suggestion
from constructs_lib.terminal.side_by_side import side_by_side

_SUGGESTED: Final = 10
"""How many of the newest executions to name when another one was asked for."""
_JOB_LOG_GROUPS: Final = {
    "ProcessingJob": "/aws/sagemaker/ProcessingJobs",
    "TrainingJob": "/aws/sagemaker/TrainingJobs",
}


def read_real_state(aws: Aws, pipeline: str, execution: str | None) -> ExecutionState:
    """Read an execution, by default the newest.

    Raises:
        UnknownNameError: There is no such pipeline or execution.
        AwsCallError: AWS refused.
    """
    sagemaker = aws.client("sagemaker")
    if execution is not None and execution.startswith("arn:"):
        arn = execution
    else:
        arn = _execution_arn(aws, sagemaker, pipeline, execution)
    with calls(f"Cannot read the execution {arn}"):
        description = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending", PaginationConfig=LONG_PAGES
        )
        steps = [step for page in pages for step in page["PipelineExecutionSteps"]]
    status = description["PipelineExecutionStatus"]
    return ExecutionState(
        pipeline=arn.split("/")[1],
        id=arn.rpartition("/")[2],
        arn=arn,
        status=status,
        start_time=description["CreationTime"],
        end_time=description["LastModifiedTime"] if status in ENDED else None,
        failure_reason=description.get("FailureReason"),
        steps=tuple(_in_order([_real_step(step, aws) for step in steps], _step_names(aws, arn))),
    )


@cache
def _step_names(aws: Aws, execution_arn: str) -> tuple[str, ...]:
    """Return the steps of an execution in the definition's order; none if that may not be read."""
    sagemaker = aws.client("sagemaker")
    try:
        with calls("Cannot read the definition of the execution"):
            description = sagemaker.describe_pipeline_definition_for_execution(
                PipelineExecutionArn=execution_arn
            )
    except AwsCallError:
        return ()
    return tuple(step["Name"] for step in steps_of(json.loads(description["PipelineDefinition"])))


def _in_order(steps: list[StepState], names: tuple[str, ...]) -> list[StepState]:
    """Add the steps that did not start, which the service leaves out."""
    by_name = {step.name: step for step in steps}
    missing = StepState(name="", status="NotExecuted")
    in_definition = [by_name.pop(name, replace(missing, name=name)) for name in names]
    return [*in_definition, *by_name.values()]


def _execution_arn(aws: Aws, sagemaker: Any, pipeline: str, execution: str | None) -> str:
    read_definition(aws, pipeline)  # an unknown pipeline gets a message of its own
    known = []
    with calls(f"Cannot list the executions of {pipeline!r}"):
        for summary in _summaries(sagemaker, pipeline):
            arn: str = summary["PipelineExecutionArn"]
            known.append(arn.rpartition("/")[2])
            if execution in (None, known[-1]):
                return arn
    raise UnknownNameError(
        f"{pipeline} has no execution {execution!r}.{suggestion(execution, known[:_SUGGESTED])}"
        if execution
        else f"{pipeline} was not executed yet: release start {pipeline} --model FILE."
    )


def list_real_executions(aws: Aws, pipeline: str, limit: int) -> list[ExecutionSummary]:
    """List executions, newest first.

    Raises:
        UnknownNameError: There is no such pipeline.
        AwsCallError: AWS refused.
    """
    read_definition(aws, pipeline)  # an unknown pipeline gets a message of its own
    sagemaker = aws.client("sagemaker")
    with calls(f"Cannot list the executions of {pipeline!r}"):
        newest = list(islice(_summaries(sagemaker, pipeline), limit))
        describing = [partial(_summary, sagemaker, each) for each in newest]
        return side_by_side("Reading executions", describing)


def _summary(sagemaker: Any, listed: dict[str, Any]) -> ExecutionSummary:
    """Complete what is listed: when an execution has ended, only its description tells."""
    arn, status = listed["PipelineExecutionArn"], listed["PipelineExecutionStatus"]
    ended = status in ENDED
    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn) if ended else listed
    return ExecutionSummary(
        id=arn.rpartition("/")[2],
        arn=arn,
        status=status,
        start_time=listed["StartTime"],
        end_time=described["LastModifiedTime"] if ended else None,
    )


def real_fail_step(aws: Aws, execution_arn: str) -> StepState | None:
    """Return the Fail step that has ended an execution, if one has.

    Raises:
        AwsCallError: AWS refused.
    """
    sagemaker = aws.client("sagemaker")
    with calls(f"Cannot read the steps of {execution_arn}"):
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=execution_arn, PaginationConfig=LONG_PAGES
        )
        steps = [step for page in pages for step in page["PipelineExecutionSteps"]]
    for step in steps:
        if "Fail" in step.get("Metadata", {}):
            message = step["Metadata"]["Fail"].get("ErrorMessage")
            return StepState(name=step["StepName"], status=step["StepStatus"], reason=message)
    return None


def real_statuses(aws: Aws, pipeline: str) -> dict[str, str]:
    """Return the status of each execution, by its id.

    Raises:
        UnknownNameError: There is no such pipeline.
        AwsCallError: AWS refused.
    """
    read_definition(aws, pipeline)  # an unknown pipeline gets a message of its own
    with calls(f"Cannot list the executions of {pipeline!r}"):
        return {
            each["PipelineExecutionArn"].rpartition("/")[2]: each["PipelineExecutionStatus"]
            for each in _summaries(aws.client("sagemaker"), pipeline)
        }


def _summaries(sagemaker: Any, pipeline: str) -> Iterator[dict[str, Any]]:
    """Yield the executions, newest first."""
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig=LONG_PAGES,
    )
    for page in pages:
        yield from page["PipelineExecutionSummaries"]


def _real_step(step: dict[str, Any], aws: Aws) -> StepState:
    group, prefix = _log_place(step.get("Metadata", {}), aws)
    start, end = step.get("StartTime"), step.get("EndTime")
    source = step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
    return StepState(
        name=step["StepName"],
        status=step["StepStatus"],
        duration_in_second=seconds_between(start, end),
        reason=step.get("FailureReason") or reason_of_reuse(source),
        log=group and _console_link(aws.home_region, group, prefix),
        log_group=group,
        log_stream_prefix=prefix,
        start_time=start,
        end_time=end,
    )


def _log_place(metadata: dict[str, Any], aws: Aws) -> tuple[str | None, str | None]:
    """Return log group and prefix of the log streams of what a step started."""
    for kind, group in _JOB_LOG_GROUPS.items():
        if "Arn" in metadata.get(kind, {}):
            return group, metadata[kind]["Arn"].rpartition("/")[2] + "/"
    if "Arn" in metadata.get("Lambda", {}):
        return _log_group_of_function(aws, metadata["Lambda"]["Arn"]), None
    return None, None


@cache
def _log_group_of_function(aws: Aws, function_arn: str) -> str:
    """Ask for the log group, which the stack names; Lambda's own name for it if that is refused."""
    client = aws.client("lambda")
    try:
        with calls(f"Cannot read {function_arn}"):
            configuration = client.get_function_configuration(FunctionName=function_arn)
    except AwsCallError:
        configuration = {}
    default = f"/aws/lambda/{function_arn.split(':')[6]}"
    group: str = configuration.get("LoggingConfig", {}).get("LogGroup", default)
    return group


def _console_link(region: str, group: str, prefix: str | None) -> str:
    # The console's own encoding: percent signs of the encoded name become $25.
    place = quote(quote(group, safe=""), safe="").replace("%", "$")
    filters = f"$3FlogStreamNameFilter$3D{quote(prefix, safe='')}" if prefix else ""
    return (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{place}{filters.replace('%', '$25')}"
    )
