"""Which version each region served when, out of the tasks of a deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from constructs_lib.endpoints.deployment import DeploymentExecution, DeploymentTask

Kind = Literal["former", "new", "changing", "absent", "unclear"]


class ServedSpan(NamedTuple):
    """A time in which a region served the same."""

    start: datetime
    end: datetime
    kind: Kind
    words: str


class _Change(NamedTuple):
    time: datetime
    kind: Kind
    words: str


def spans_of(deployment: DeploymentExecution, target: Mapping[str, Any]) -> list[ServedSpan]:
    """Return what a region served, from the begin of a deployment to its end.

    Args:
        deployment: That has ended.
        target: The region, as the plan has it.
    """
    former, words = _former(target)
    first = _Change(deployment.start_time, former, words)
    tasks = [each for each in deployment.tasks if each.region == target["region_code"]]
    changes = [first, *(change for task in tasks for change in _changes(task))]
    distinct = [first]
    for change in changes:
        if change[1:] != distinct[-1][1:]:
            distinct.append(change)
    ends = [after.time for _, after in pairwise(distinct)] + [deployment.last_time]
    return [
        ServedSpan(each.time, until, *each[1:]) for each, until in zip(distinct, ends, strict=True)
    ]


def _former(target: Mapping[str, Any]) -> tuple[Kind, str]:
    version = (target.get("former") or {}).get("version")
    return ("former", f"version {version}") if version is not None else ("absent", "no endpoint")


def _changes(task: DeploymentTask) -> Iterator[_Change]:
    target, outcome = task.target, task.outcome or {}
    ended = task.end_time or task.start_time
    former, before = _former(target)
    new = f"version {target.get('version')}"
    match task.action, outcome.get("status"):
        case "update", _:
            still = f", {before} still answers" if former == "former" else ""
            yield _Change(task.start_time, "changing", f"changing to {new}{still}")
        case "look", "serving":
            yield _Change(ended, "new", new)
        case "take_back", "in_progress":
            yield _Change(task.start_time, "changing", "going back")
        case "take_back", "restored":
            yield _Change(ended, former, before)
        case (("take_back" | "remove"), "removed"):
            yield _Change(ended, "absent", "no endpoint")
        case "take_back", "needs_person":
            yield _Change(ended, "unclear", "needs a person")
        case "remove", "in_progress":
            yield _Change(task.start_time, "changing", "being removed")
