"""What clients understand of an execution's history."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from constructs_lib.endpoints.deployment import (
    DeploymentExecution,
    deployment_of,
    read_execution_history,
)
from constructs_lib.endpoints.news import news_of
from constructs_lib.endpoints.watch import follow
from tests.endpoints.histories import (
    CONTENT,
    EXECUTION,
    History,
    deployed,
    plan,
    taken_back,
    target,
)


def _read(history: History) -> DeploymentExecution:
    return deployment_of(history.description, history.events)


def _lines(history: History) -> list[str]:
    return [f"{each.region} {each.state} {each.text}".strip() for each in news_of(_read(history))]


def test_a_deployment_tells_each_thing_once() -> None:
    assert _lines(deployed()) == [
        "deploy-0 runs since 11:59",
        f"Each region gets version 2 (content {CONTENT[:8]}): EU, NA, FE",
        "Wave 1 of 2: EU",
        "EU prepared returns-risk-new",
        "EU updating version 2, before 1",
        "EU serving version 2",
        "EU answering 2 sample requests, 12 ms at most",
        "Wave 1 bakes for 300 s",
        "EU unproven no requests while it baked",
        "Wave 2 of 2: NA, FE",
        "NA prepared returns-risk-new",
        "NA updating version 2, before 1",
        "NA serving version 2",
        "NA answering 2 sample requests, 12 ms at most",
        "FE prepared returns-risk-new",
        "FE updating version 2, the first here",
        "FE serving version 2",
        "FE answering 2 sample requests, 12 ms at most",
    ]


def test_a_failure_tells_its_reason_and_the_way_back() -> None:
    told = _lines(taken_back())

    assert told[-5:] == [
        "NA updating version 2, the first here",
        "NA failed us-east-1: there is no capacity for ml.m5.large",
        "EU going back version 1",
        "NA removed nothing served before",
        "EU back version 1",
    ]
    assert "NA again preparing is tried again: Rate exceeded" in told


def test_what_is_read_later_only_adds_to_what_was_told() -> None:
    history = taken_back()
    whole = news_of(_read(history))

    for count in range(1, len(history.events) + 1):
        running = {**history.description, "status": "RUNNING"}
        part = news_of(deployment_of(running, history.events[:count]))
        assert part == whole[: len(part)]


def test_regions_side_by_side_are_told_apart() -> None:
    eu, na = target("EU"), target("NA")
    history = History()
    history.call("resolve", None, plan([eu, na]))
    first, second = history.begin("prepare", eu), history.begin("prepare", na)
    history.end(second, {"endpoint_config_name": "of-na", "model_name": "m"})
    history.end(first, {"endpoint_config_name": "of-eu", "model_name": "m"})

    assert _lines(history)[-2:] == ["NA prepared of-na", "EU prepared of-eu"]


def test_a_region_that_needs_a_person_is_told_with_its_reason() -> None:
    eu = target("EU")
    history = History()
    history.call("resolve", None, plan([eu]))
    history.call("take_back", eu, {"status": "needs_person", "reason": "a mix of both serves"})

    news = news_of(_read(history))[-1]
    assert (news.state, news.text, news.is_bad) == ("needs you", "a mix of both serves", True)


def test_an_undeployment_has_no_version() -> None:
    eu = target("EU")
    history = History(action="undeploy", version=None)
    history.call("resolve", None, plan([eu], action="undeploy"))
    history.call("remove", eu, {"status": "in_progress"})
    history.call("remove", eu, {"status": "removed"})
    history.succeed("undeployed", None)

    assert _lines(history) == ["The endpoints go: EU", "EU being removed", "EU removed"]


def test_the_end_is_told_whatever_the_description_lacks() -> None:
    deployment = _read(taken_back())

    assert deployment.failure == (
        "us-east-1: there is no capacity. Every region serves version 1 again."
    )
    assert deployment.has_ended
    assert not deployment.has_succeeded
    history = History()
    history._end = {"status": "TIMED_OUT"}
    assert _read(history).failure == "The deployment took longer than its workflow may."


def test_what_json_tells() -> None:
    document = _read(deployed()).as_json()

    assert document["id"] == "deploy-1a2b3c"
    assert (document["status"], document["result"]) == ("SUCCEEDED", "deployed")
    assert (document["action"], document["version"]) == ("deploy", 2)
    assert document["duration_in_second"] > 0
    json.dumps(document)


class _Growing:
    """Step Functions, where more of an execution is done each time that it is read."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._count = 0
        self.pages = 0

    def describe_execution(self, **_: str) -> dict[str, Any]:
        self._count = min(self._count + 7, len(self._history.events))
        done = self._count == len(self._history.events)
        description = self._history.description
        return description if done else {**description, "status": "RUNNING"}

    def get_paginator(self, name: str) -> _Growing:
        assert name == "get_execution_history"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        assert request.pop("executionArn") == EXECUTION
        assert request.pop("reverseOrder")
        assert request.pop("PaginationConfig")["PageSize"] > 0
        assert not request
        events = self._history.events[: self._count][::-1]
        for start in range(0, len(events), 5):
            self.pages += 1
            yield {"events": events[start : start + 5]}


def test_following_prints_a_line_for_each_thing_in_80_columns() -> None:
    history, told, recorded = taken_back(), io.StringIO(), []
    console = Console(file=told, width=80, force_terminal=True, color_system=None)

    deployment = follow(
        _Growing(history),
        EXECUTION,
        console,
        poll_seconds=0,
        record=lambda *read: recorded.append(read),
    )

    lines = told.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.endswith("Wave 2 of 2: NA") for line in lines)
    assert "EU  updating       version 2, before 1" in told.getvalue()
    assert lines[-1].endswith(f"Failed, after {deployment.duration_in_second:.1f} s")
    assert recorded == [(history.description, history.events)]


def test_only_what_is_new_of_a_history_is_read() -> None:
    history = deployed()
    states, known = _Growing(history), list[dict[str, Any]]()
    pages = []

    while len(known) < len(history.events):
        _, known = read_execution_history(states, EXECUTION, known)
        pages.append(states.pages)

    assert known == history.events
    assert max(after - before for before, after in zip([0, *pages], pages, strict=False)) <= 3


def test_an_event_that_came_late_is_read_after_those_that_follow_it() -> None:
    history = deployed()
    states = _Growing(history)
    while read_execution_history(states, EXECUTION)[0]["status"] == "RUNNING":
        pass
    without_one = [each for each in history.events if each["id"] != 4]

    assert read_execution_history(states, EXECUTION, without_one)[1] == history.events
