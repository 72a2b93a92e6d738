"""Tells the embedded AWS how steps go, which lists them and emits SageMaker's events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from local.runner.aws import EmulatedAws
from local.runner.records import Execution, OnEvent, StepExecution, StepStatus

_ARNS: Final = {
    "Model": ("Model", "ModelArn"),
    "Processing": ("ProcessingJob", "ProcessingJobArn"),
    "RegisterModel": ("RegisterModel", "ModelPackageArn"),
    "Training": ("TrainingJob", "TrainingJobArn"),
}
"""What of a step its metadata names: member of the metadata, property of the step."""


@dataclass(frozen=True)
class StepEvents:
    """An ``on_event`` that tells of each new status of a step before it passes on."""

    aws: EmulatedAws
    on_event: OnEvent
    _told: dict[str, StepStatus] = field(default_factory=dict, init=False)

    def __call__(self, execution: Execution, step: StepExecution | None) -> None:
        """Tell of a step if its status has changed."""
        if step is not None and self._is_news(step):
            self._told[step.name] = step.status
            self.aws.tell_of_step(execution.arn, _document(step))
        self.on_event(execution, step)

    def _is_news(self, step: StepExecution) -> bool:
        before = self._told.get(step.name, StepStatus.NOT_EXECUTED)
        return step.status is not before


def _document(step: StepExecution) -> dict[str, Any]:
    document = {
        "StepName": step.name,
        "StepType": str(step.type),
        "StepStatus": step.status.value,
        "StartTime": _time(step.start_time),
        "EndTime": _time(step.end_time),
        "AttemptCount": step.attempt_count,
        "FailureReason": step.reason if step.status is StepStatus.FAILED else None,
        "CacheHitResult": step.cache_hit and {"SourcePipelineExecutionArn": step.cache_hit},
        "Metadata": _metadata(step),
    }
    return {name: value for name, value in document.items() if value}


def _metadata(step: StepExecution) -> dict[str, Any]:
    kind = str(step.type)
    if kind == "Fail":
        return {"Fail": {"ErrorMessage": step.reason}} if step.reason else {}
    member, name = _ARNS.get(kind, ("", ""))
    return {member: {"Arn": step.properties[name]}} if name in step.properties else {}


def _time(time: datetime | None) -> str | None:
    return None if time is None else f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
