"""Executions of a pipeline, real and local ones in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from commands import places
from commands.aws import Aws, UnknownNameError, calls, read_definition, suggestion

if TYPE_CHECKING:
    from local.runner import Execution

ENDED: Final = frozenset({"Succeeded", "Failed", "Stopped"})
_JOB_LOG_GROUPS: Final = {
    "ProcessingJob": "/aws/sagemaker/ProcessingJobs",
    "TrainingJob": "/aws/sagemaker/TrainingJobs",
}


@dataclass(frozen=True, kw_only=True)
class StepState:
    """A step of an execution."""

    name: str
    status: str
    duration_in_second: float | None = None
    reason: str | None = None
    log: str | None = None
    """Link to CloudWatch, or path of a file."""
    log_group: str | None = None
    log_stream_prefix: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ExecutionState:
    """An execution as it stands."""

    pipeline: str
    id: str
    arn: str
    status: str
    start_time: datetime
    end_time: datetime | None
    failure_reason: str | None
    steps: tuple[StepState, ...]

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints; times are ISO 8601."""
        document = asdict(self)
        for each in (document, *document["steps"]):
            for name in ("start_time", "end_time"):
                each[name] = each[name] and each[name].isoformat()
        return document

    def step(self, name: str) -> StepState:
        """Return a step.

        Raises:
            UnknownNameError: There is none of that name; suggests one.
        """
        for step in self.steps:
            if step.name == name:
                return step
        names = [step.name for step in self.steps]
        raise UnknownNameError(
            f"The execution {self.id} has no step {name!r}.{suggestion(name, names)}"
        )


def read_state(aws: Aws, pipeline: str, execution: str | None) -> ExecutionState:
    """Read an execution, by default the newest.

    The embedded AWS keeps no steps: those of local executions are read from the records that
    ``run`` and ``demo`` leave in ``.local``.

    Raises:
        UnknownNameError: There is no such pipeline or execution.
        AwsCallError: AWS refused.
    """
    if aws.is_embedded:
        return _local_state(pipeline, execution and execution.rpartition("/")[2])
    return _real_state(aws, pipeline, execution)


def _local_state(pipeline: str, execution: str | None) -> ExecutionState:
    from local.runner import read_execution

    paths = [
        path.parent
        for folder in (places.STATE / "executions", places.STATE / "demo" / "executions")
        for path in folder.glob("*/execution.json")
        if execution in (None, path.parent.name)
    ]
    found = [each for each in map(read_execution, paths) if each.pipeline_name == pipeline]
    if not found:
        raise UnknownNameError(
            f"No local execution{f' {execution}' if execution else ''} of {pipeline!r} is recorded"
            f" in {places.shown(places.STATE)}. Start one: release run {pipeline} --model FILE."
        )
    return _of_record(max(found, key=lambda each: each.start_time))


def _of_record(record: Execution) -> ExecutionState:
    return ExecutionState(
        pipeline=record.pipeline_name,
        id=record.id,
        arn=record.arn,
        status=str(record.status),
        start_time=record.start_time,
        end_time=record.end_time,
        failure_reason=record.failure_reason,
        steps=tuple(
            StepState(
                name=step.name,
                status=str(step.status),
                duration_in_second=_seconds(step.start_time, step.end_time),
                reason=step.reason,
                log=_shown_log(step.log_path),
                start_time=step.start_time,
                end_time=step.end_time,
            )
            for step in record.steps
        ),
    )


def _shown_log(path: Path | None) -> str | None:
    return str(places.shown(path)) if path and path.exists() else None


def _real_state(aws: Aws, pipeline: str, execution: str | None) -> ExecutionState:
    sagemaker = aws.client("sagemaker")
    if execution is not None and execution.startswith("arn:"):
        arn = execution
    else:
        arn = _execution_arn(aws, sagemaker, pipeline, execution)
    with calls(f"Cannot read the execution {arn}"):
        description = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        steps = [step for page in pages for step in page["PipelineExecutionSteps"]]
    status = description["PipelineExecutionStatus"]
    return ExecutionState(
        pipeline=pipeline,
        id=arn.rpartition("/")[2],
        arn=arn,
        status=status,
        start_time=description["CreationTime"],
        end_time=description["LastModifiedTime"] if status in ENDED else None,
        failure_reason=description.get("FailureReason"),
        steps=tuple(_real_step(step, aws.home_region) for step in steps),
    )


def _execution_arn(aws: Aws, sagemaker: Any, pipeline: str, execution: str | None) -> str:
    read_definition(aws, pipeline)  # an unknown pipeline gets a message of its own
    with calls(f"Cannot list the executions of {pipeline!r}"):
        for arn in _arns(sagemaker, pipeline):
            if execution in (None, arn.rpartition("/")[2]):
                return arn
    raise UnknownNameError(
        f"{pipeline} has no execution {execution!r}."
        if execution
        else f"{pipeline} was not executed yet: release start {pipeline} --model FILE."
    )


def _arns(sagemaker: Any, pipeline: str) -> Iterator[str]:
    """Yield the executions, newest first."""
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for each in page["PipelineExecutionSummaries"]:
            yield each["PipelineExecutionArn"]


def _real_step(step: dict[str, Any], region: str) -> StepState:
    group, prefix = _log_place(step.get("Metadata", {}))
    start, end = step.get("StartTime"), step.get("EndTime")
    return StepState(
        name=step["StepName"],
        status=step["StepStatus"],
        duration_in_second=_seconds(start, end),
        reason=step.get("FailureReason"),
        log=group and _console_link(region, group, prefix),
        log_group=group,
        log_stream_prefix=prefix,
        start_time=start,
        end_time=end,
    )


def _log_place(metadata: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return log group and prefix of the log streams of what a step started."""
    for kind, group in _JOB_LOG_GROUPS.items():
        if "Arn" in metadata.get(kind, {}):
            return group, metadata[kind]["Arn"].rpartition("/")[2] + "/"
    if "Arn" in metadata.get("Lambda", {}):
        return f"/aws/lambda/{metadata['Lambda']['Arn'].split(':')[6]}", None
    return None, None


def _console_link(region: str, group: str, prefix: str | None) -> str:
    # The console's own encoding: percent signs of the encoded name become $25.
    place = quote(quote(group, safe=""), safe="").replace("%", "$")
    filters = f"$3FlogStreamNameFilter$3D{quote(prefix, safe='')}" if prefix else ""
    return (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{place}{filters.replace('%', '$25')}"
    )


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None:
        return None
    return round(((end or datetime.now(UTC)) - start).total_seconds(), 1)
