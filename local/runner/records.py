"""What an execution did: frozen records, kept as JSON in the state folder.

<state folder>/<execution id>/execution.json    rewritten, atomically, at every change
                              logs/<step>.log   what the step's script printed
                              jobs/<step>-<n>/  container folders of failed attempts
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import RLock
from typing import Any, Final

from constructs_lib.terminal.paths import shown_path
from local.runner.language.errors import ExecutionRecordError
from local.runner.language.parameters import Scalar

_FILE_NAME: Final = "execution.json"


class ExecutionStatus(StrEnum):
    """The service's PipelineExecutionStatus."""

    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"


class StepStatus(StrEnum):
    """The service's StepStatus; it leaves out steps that are not executed, here they are named."""

    NOT_EXECUTED = "NotExecuted"
    STARTING = "Starting"
    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"


@dataclass(frozen=True)
class StepExecution:
    """A step of an execution.

    ``reason`` says why it failed or was not executed. ``arguments`` are the resolved ones.
    ``cache_hit`` is the ARN of the execution whose result was reused; ``cache_key`` stands for
    the attributes that a later execution must share to reuse this one. ``depends_on`` names what
    the step waits for; ``retry_reasons`` are those of the attempts that were retried.
    """

    name: str
    type: str
    status: StepStatus = StepStatus.NOT_EXECUTED
    start_time: datetime | None = None
    end_time: datetime | None = None
    attempt_count: int = 0
    reason: str | None = None
    log_path: Path | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    property_files: dict[str, Any] = field(default_factory=dict)
    cache_hit: str | None = None
    cache_key: str | None = None
    depends_on: tuple[str, ...] = ()
    retry_reasons: tuple[str, ...] = ()

    @property
    def duration_seconds(self) -> float | None:
        """How long the step took; None unless it has ended."""
        if self.start_time is None or self.end_time is None:
            return None
        return (self.end_time - self.start_time).total_seconds()


@dataclass(frozen=True)
class Execution:
    """A pipeline execution and its steps, in the definition's order.

    ``pipeline_creation_time`` tells a pipeline from an earlier one of the same name: an embedded
    AWS starts empty, so results of before do not exist in it. ``given_parameters`` names the
    parameters that do not have their defaults.
    """

    arn: str
    pipeline_arn: str
    pipeline_creation_time: datetime
    parameters: dict[str, Scalar]
    folder: Path
    start_time: datetime
    given_parameters: tuple[str, ...] = ()
    status: ExecutionStatus = ExecutionStatus.EXECUTING
    end_time: datetime | None = None
    steps: tuple[StepExecution, ...] = ()

    @property
    def id(self) -> str:
        """The execution's id, the last part of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def pipeline_name(self) -> str:
        """The pipeline's name, the last part of its ARN."""
        return self.pipeline_arn.rpartition("/")[2]

    @property
    def failed_step(self) -> StepExecution | None:
        """The step that failed first."""
        failed = [step for step in self.steps if step.status is StepStatus.FAILED]
        return min(failed, key=lambda step: step.end_time or step.start_time or now(), default=None)

    @property
    def failure_reason(self) -> str | None:
        """Names the step that failed first, its reason and its log."""
        step = self.failed_step
        if step is None:
            return None
        return f"Step '{step.name}' failed: {step.reason}{_log_of(step, str)}"

    def failure(self, *, reason_told: bool) -> str | None:
        """Say to a person what ``failure_reason`` does, without a reason that was told above."""
        step = self.failed_step
        if step is None:
            return None
        reason = "see above." if reason_told else step.reason
        return f"Step '{step.name}' failed: {reason}{_log_of(step, shown_path)}"

    def step(self, name: str) -> StepExecution:
        """Return the step called ``name``; KeyError if there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


def _log_of(step: StepExecution, shown: Callable[[Path], object]) -> str:
    return f" Log: {shown(step.log_path)}" if step.log_path and step.log_path.exists() else ""


OnEvent = Callable[[Execution, StepExecution | None], None]
"""Called with the execution and the step that changed; None when the execution starts or ends."""


class ExecutionRecorder:
    """The state of a running execution: every change is written to its file, then announced."""

    def __init__(self, execution: Execution, on_event: OnEvent) -> None:
        """Create the execution's folder and write its first record."""
        self._lock = RLock()
        self._header = replace(execution, steps=())
        self._steps = {step.name: step for step in execution.steps}
        # Serialized steps are kept: a change costs one step, not all of them.
        self._lines = {step.name: _step_line(step) for step in execution.steps}
        self._on_event = on_event
        (execution.folder / "logs").mkdir(parents=True, exist_ok=True)
        self._record(None)

    @property
    def execution(self) -> Execution:
        """The execution as it stands."""
        with self._lock:
            return replace(self._header, steps=tuple(self._steps.values()))

    def step(self, name: str) -> StepExecution:
        """Return a step as it stands."""
        return self._steps[name]

    @property
    def arn(self) -> str:
        """The execution's ARN."""
        return self._header.arn

    @property
    def folder(self) -> Path:
        """The execution's folder."""
        return self._header.folder

    def end(self, status: ExecutionStatus) -> None:
        """Record the end of the execution; steps that did not end were stopped."""
        with self._lock:
            for step in self._steps.values():
                if step.status in {StepStatus.STARTING, StepStatus.EXECUTING}:
                    self.update_step(step.name, status=StepStatus.STOPPED, end_time=now())
            self._header = replace(self._header, status=status, end_time=now())
            self._record(None)

    def update_step(self, name: str, **changes: Any) -> None:
        """Record changes of a step, given as members of StepExecution."""
        with self._lock:
            step = self._steps[name] = replace(self._steps[name], **changes)
            self._lines[name] = _step_line(step)
            self._record(step)

    def _record(self, changed: StepExecution | None) -> None:
        path = self._header.folder / _FILE_NAME
        temporary = path.with_suffix(".tmp")
        header = json.dumps(_header_to_json(self._header), indent=1).removesuffix("\n}")
        temporary.write_text(
            header + ',\n "Steps": [\n' + ",\n".join(self._lines.values()) + "\n ]\n}\n",
            encoding="utf-8",
        )
        temporary.replace(path)
        self._on_event(self.execution, changed)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def read_execution(folder: Path) -> Execution:
    """Read the record in an execution's folder.

    Raises:
        ExecutionRecordError: there is none, or it is damaged.
    """
    path = folder / _FILE_NAME
    try:
        return _execution_from_json(json.loads(path.read_text(encoding="utf-8")), folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExecutionRecordError(
            f"{shown_path(path)} is not the record of an execution"
            f" ({type(error).__name__}: {error}). Delete the folder {shown_path(folder)} or"
            " give another state folder."
        ) from error


def past_executions(state_dir: Path) -> Iterator[Execution]:
    """Yield the executions recorded in a state folder."""
    for path in sorted(state_dir.glob(f"*/{_FILE_NAME}")):
        yield read_execution(path.parent)


def _header_to_json(execution: Execution) -> dict[str, Any]:
    return {
        "PipelineExecutionArn": execution.arn,
        "PipelineArn": execution.pipeline_arn,
        "PipelineCreationTime": execution.pipeline_creation_time.isoformat(),
        "PipelineExecutionStatus": execution.status,
        "PipelineParameters": execution.parameters,
        "GivenParameters": execution.given_parameters,
        "StartTime": execution.start_time.isoformat(),
        "EndTime": _time_to_json(execution.end_time),
    }


def _execution_from_json(document: dict[str, Any], folder: Path) -> Execution:
    return Execution(
        arn=document["PipelineExecutionArn"],
        pipeline_arn=document["PipelineArn"],
        pipeline_creation_time=datetime.fromisoformat(document["PipelineCreationTime"]),
        status=ExecutionStatus(document["PipelineExecutionStatus"]),
        parameters=document["PipelineParameters"],
        given_parameters=tuple(document.get("GivenParameters", ())),
        folder=folder,
        start_time=datetime.fromisoformat(document["StartTime"]),
        end_time=_time_from_json(document["EndTime"]),
        steps=tuple(_step_from_json(step, folder) for step in document["Steps"]),
    )


def _step_line(step: StepExecution) -> str:
    document = {
        "StepName": step.name,
        "StepType": step.type,
        "DependsOn": step.depends_on,
        "StepStatus": step.status,
        "StartTime": _time_to_json(step.start_time),
        "EndTime": _time_to_json(step.end_time),
        "AttemptCount": step.attempt_count,
        "RetryReasons": step.retry_reasons,
        "Reason": step.reason,
        "Log": step.log_path and f"logs/{step.log_path.name}",
        "Arguments": step.arguments,
        "Properties": step.properties,
        "PropertyFiles": step.property_files,
        "CacheHitResult": step.cache_hit and {"SourcePipelineExecutionArn": step.cache_hit},
        "CacheKey": step.cache_key,
    }
    return "  " + json.dumps({name: value for name, value in document.items() if value})


def _step_from_json(document: dict[str, Any], folder: Path) -> StepExecution:
    log = document.get("Log")
    return StepExecution(
        name=document["StepName"],
        type=document["StepType"],
        depends_on=tuple(document.get("DependsOn", ())),
        status=StepStatus(document["StepStatus"]),
        start_time=_time_from_json(document.get("StartTime")),
        end_time=_time_from_json(document.get("EndTime")),
        attempt_count=document.get("AttemptCount", 0),
        retry_reasons=tuple(document.get("RetryReasons", ())),
        reason=document.get("Reason"),
        log_path=folder / log if log else None,
        arguments=document.get("Arguments", {}),
        properties=document.get("Properties", {}),
        property_files=document.get("PropertyFiles", {}),
        cache_hit=document.get("CacheHitResult", {}).get("SourcePipelineExecutionArn"),
        cache_key=document.get("CacheKey"),
    )


def _time_to_json(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _time_from_json(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
