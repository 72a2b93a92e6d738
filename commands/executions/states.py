"""Executions of a pipeline, real and local ones in the same words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from commands.terminal.aws import UnknownNameError
from constructs_lib.suggestions import suggestion

ENDED: Final = frozenset({"Succeeded", "Failed", "Stopped"})


@dataclass(frozen=True, kw_only=True)
class StepState:
    """A step of an execution."""

    name: str
    status: str
    duration_in_second: float | None = None
    reason: str | None = None
    """Why it failed, was not executed, or took no time."""
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
    def duration_in_second(self) -> float:
        """How long it took, or has taken so far."""
        return seconds_between(self.start_time, self.end_time) or 0.0

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints; times are ISO 8601."""
        document = {**asdict(self), "duration_in_second": self.duration_in_second}
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


@dataclass(frozen=True, kw_only=True)
class ExecutionSummary:
    """An execution without its steps."""

    id: str
    arn: str
    status: str
    start_time: datetime
    end_time: datetime | None

    @property
    def duration_in_second(self) -> float:
        """How long it took, or has taken so far."""
        return seconds_between(self.start_time, self.end_time) or 0.0

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints; times are ISO 8601."""
        times = {"start_time": self.start_time, "end_time": self.end_time}
        return {
            **asdict(self),
            **{name: time and time.isoformat() for name, time in times.items()},
            "duration_in_second": self.duration_in_second,
        }


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return how long something took, or has taken so far; None if it did not start."""
    if start is None:
        return None
    return round(((end or datetime.now(UTC)) - start).total_seconds(), 1)


def reason_of_reuse(execution_arn: str | None) -> str | None:
    """Return why a step took no time: the execution whose result it reused, if any."""
    return f"reused from {execution_arn.rpartition('/')[2]}" if execution_arn else None
