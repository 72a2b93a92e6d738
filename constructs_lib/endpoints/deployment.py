"""An execution of a pipeline's workflow: what was done where, out of the execution's history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_RUNNING: Final = "RUNNING"
_SUCCEEDED: Final = "SUCCEEDED"
_START: Final = "LambdaFunctionScheduled"
_SUCCESS: Final = "LambdaFunctionSucceeded"
_ENDS: Final = frozenset(
    {
        _SUCCESS,
        "LambdaFunctionFailed",
        "LambdaFunctionTimedOut",
        "LambdaFunctionScheduleFailed",
        "LambdaFunctionStartFailed",
    }
)
_MOST_OF_A_PAGE: Final = 1000
"""Events; source: GetExecutionHistory in the AWS Step Functions API reference."""
_NEWEST: Final = 20
"""Events that come between two looks, as a rule."""
_WITHOUT_A_CAUSE: Final = {
    "TIMED_OUT": "The deployment took longer than its workflow may.",
    "ABORTED": "The deployment was stopped by a person.",
}


@dataclass(frozen=True, kw_only=True)
class DeploymentTask:
    """A call of the workflow's function."""

    number: int
    """Of the event that began it: later ones are greater."""
    end_number: int | None
    action: str
    """``resolve``, ``prepare``, ``update`` and so on."""
    target: Mapping[str, Any]
    """The region that it works on; empty for what works on all."""
    settings: Mapping[str, Any]
    start_time: datetime
    end_time: datetime | None
    outcome: Mapping[str, Any] | None
    """What it returned; None before it has, and when it failed."""
    failure: str | None
    """Why it failed, in words."""
    error: str | None
    """The name of the error that it failed with."""

    @property
    def region(self) -> str | None:
        """Name of the region that it works on, as configs have it."""
        return self.target.get("region_code")


@dataclass(frozen=True, kw_only=True)
class DeploymentExecution:
    """An execution, as far as it has come."""

    arn: str
    status: str
    """``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``."""
    start_time: datetime
    end_time: datetime | None
    request: Mapping[str, Any]
    """The execution's input."""
    output: Mapping[str, Any] | None
    """The execution's output, once it has succeeded."""
    failure: str | None
    """Why it failed, in words."""
    tasks: tuple[DeploymentTask, ...]
    """In the order in which they began."""
    waits: tuple[tuple[int, datetime], ...] = ()
    """Number and time of each begin of a wave's bake time."""

    @property
    def id(self) -> str:
        """The execution's name."""
        return self.arn.rpartition(":")[2]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status != _RUNNING

    @property
    def has_succeeded(self) -> bool:
        """Whether it did what was asked."""
        return self.status == _SUCCEEDED

    @property
    def duration_in_second(self) -> float | None:
        """From start to end; None while it runs."""
        return None if self.end_time is None else (self.end_time - self.start_time).total_seconds()

    @property
    def last_time(self) -> datetime:
        """When it ended; while it runs, when its last task began."""
        return self.end_time or self.tasks[-1].start_time

    @property
    def action(self) -> str:
        """What was asked for: ``deploy``, ``rollback`` or ``undeploy``."""
        return str(self.request.get("action", "deploy"))

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that its tasks were given; empty before the first."""
        return next((each.settings for each in self.tasks), {})

    @property
    def plan(self) -> Mapping[str, Any] | None:
        """What was found to be done; None before that."""
        plans = (each.outcome for each in self.tasks if each.action == "resolve")
        return next((plan for plan in plans if plan and plan.get("waves")), None)

    @property
    def waves(self) -> Sequence[Sequence[Mapping[str, Any]]]:
        """The regions of the plan, those of one wave together; none before there is a plan."""
        return self.plan["waves"] if self.plan else ()

    @property
    def version(self) -> int | None:
        """Number of the version that is served in the end, by the lead region's group."""
        version = (self.output or {}).get("version") or (self.plan or {}).get("version")
        if isinstance(version, Mapping):
            version = version.get("number")
        return version if version is not None else self.request.get("version")

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "id": self.id,
            "arn": self.arn,
            "action": self.action,
            "status": self.status,
            "result": (self.output or {}).get("status"),
            "version": self.version,
            "start_time": self.start_time.isoformat(),
            "end_time": self.end_time and self.end_time.isoformat(),
            "duration_in_second": self.duration_in_second,
            "failure_reason": self.failure,
        }


def read_execution_history(
    states: Any, arn: str, known: Sequence[dict[str, Any]] = ()
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read an execution's description and the events of its history, in their order.

    Args:
        states: A client of Step Functions in the home region.
        arn: The execution's ARN.
        known: The events that were read before: only those that came since are read.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    description = states.describe_execution(executionArn=arn)
    kept = _without_gap(known)
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=arn,
        reverseOrder=True,
        PaginationConfig={"PageSize": _NEWEST if kept else _MOST_OF_A_PAGE},
    )
    new: list[dict[str, Any]] = []
    for page in pages:
        found = [event for event in page["events"] if int(event["id"]) > len(kept)]
        new += found
        if len(found) < len(page["events"]):
            break
    return description, [*kept, *sorted(new, key=lambda event: int(event["id"]))]


def _without_gap(events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return the events up to the first one that is missing: ids count from 1."""
    numbers = (number for number, each in enumerate(events) if int(each["id"]) != number + 1)
    return events[: next(numbers, len(events))]


def deployment_of(
    description: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> DeploymentExecution:
    """Understand an execution's description and history.

    Source: GetExecutionHistory in the AWS Step Functions API Reference, for tasks that call a
    function by its ARN.
    """
    status = description["status"]
    ended = status != _RUNNING
    output = description.get("output")
    return DeploymentExecution(
        arn=description["executionArn"],
        status=status,
        start_time=description["startDate"],
        end_time=description.get("stopDate") or (events[-1]["timestamp"] if ended else None),
        request=json.loads(description.get("input") or "{}"),
        output=json.loads(output) if output and status == _SUCCEEDED else None,
        failure=_failure(description, events) if ended and status != _SUCCEEDED else None,
        tasks=tuple(_tasks(events)),
        waits=tuple(_bakes(events)),
    )


def _failure(description: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> str:
    causes = [description.get("cause")]
    causes += [each.get("executionFailedEventDetails", {}).get("cause") for each in events]
    told = next((cause for cause in causes if cause), None)
    status = description["status"]
    return _words(told) or _WITHOUT_A_CAUSE.get(status, f"The deployment ended as {status}.")


def _tasks(events: Sequence[Mapping[str, Any]]) -> Iterator[DeploymentTask]:
    by_id = {event["id"]: event for event in events}
    ends = {_start_of(event, by_id): event for event in events if event["type"] in _ENDS}
    for event in events:
        if event["type"] == _START:
            yield _task(event, ends.get(event["id"]))


def _start_of(event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]) -> int | None:
    """Return the id of the event that began a task, by one that ended it."""
    while event["type"] != _START:
        before = by_id.get(event.get("previousEventId", 0))
        if before is None:
            return None
        event = before
    return int(event["id"])


def _task(start: Mapping[str, Any], end: Mapping[str, Any] | None) -> DeploymentTask:
    payload = json.loads(_details(start).get("input") or "{}")
    details = {} if end is None else _details(end)
    succeeded = end is not None and end["type"] == _SUCCESS
    failed = end is not None and not succeeded
    return DeploymentTask(
        number=int(start["id"]),
        end_number=None if end is None else int(end["id"]),
        action=str(payload.get("action", "")),
        target=payload.get("target") or {},
        settings=payload.get("settings") or {},
        start_time=start["timestamp"],
        end_time=None if end is None else end["timestamp"],
        outcome=json.loads(details.get("output") or "null") if succeeded else None,
        failure=(_words(details.get("cause")) or details.get("error", "")) if failed else None,
        error=details.get("error") if failed else None,
    )


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = str(event["type"])
    details: Mapping[str, Any] = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
    return details


def _words(cause: str | None) -> str:
    """Return the message of a cause, which Lambda gives as a JSON document."""
    try:
        document = json.loads(cause or "")
    except ValueError:
        return cause or ""
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return str(message or cause)


def _bakes(events: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, datetime]]:
    for event in events:
        if event.get("stateEnteredEventDetails", {}).get("name") == "Bake":
            yield int(event["id"]), event["timestamp"]
