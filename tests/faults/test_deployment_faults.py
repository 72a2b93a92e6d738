"""Deployments under faults: a sample of what ``make faults`` runs at every call."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.faults.serving.scenarios import (
    SINGLE,
    ServingScenario,
    Story,
    planned_calls,
    results,
    single_fault,
    special_scenarios,
    stopped_at,
)
from benchmarks.faults.serving.workflow import Ended


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, str]]:
    return planned_calls(None)


def _broken(*chosen: ServingScenario) -> dict[str, tuple[str, ...]]:
    done = list(results(iter(chosen)))
    assert len(done) == len(chosen)
    return {each.scenario: each.violations for _, each in done if each.violations}


def test_faults_are_injected_in_every_action(calls: list[tuple[str, str]]) -> None:
    assert {action for action, _ in calls} == {
        *("resolve", "prepare", "update", "look", "try", "record"),
    }
    assert calls.count(("update", "UpdateEndpoint")) == 3


@pytest.mark.parametrize("kind", [*SINGLE, "stopped"])
@pytest.mark.parametrize("call", [("update", "UpdateEndpoint"), ("record", "UpdateModelPackage")])
def test_a_single_fault_at_a_change_leaves_one_version_everywhere(
    calls: list[tuple[str, str]], kind: str, call: tuple[str, str]
) -> None:
    at = (calls.index(call), call)
    scenario = (
        stopped_at("deployment", at, None)
        if kind == "stopped"
        else single_fault(("deployment", kind), at, SINGLE[kind], None)
    )

    ((_, result),) = results(iter([scenario]))

    assert result.violations == ()
    assert result.faults == 1


def test_regions_that_go_down_and_what_people_do_break_no_invariant() -> None:
    chosen = [
        each
        for each in special_scenarios()
        if each.label in ("EU from look on", "two executions", "twice", "EU")
    ]

    assert len(chosen) >= 8
    assert _broken(*chosen) == {}


def test_a_region_that_is_left_behind_would_be_found() -> None:
    def happen(story: Story) -> Ended:
        story.deploy()
        endpoint = story.world.services.endpoint("eu-west-1")
        assert endpoint is not None
        endpoint.configuration = story.world.metadata(story.former, "EU")["served_with"]
        return Ended("SUCCEEDED")

    ((_, result),) = results(iter([ServingScenario("row", "label", happen)]))

    assert result.violations[0].startswith("the regions serve different versions")


def test_the_process_tells_each_result_as_a_line() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults.serving", "--most", "1"],
        capture_output=True,
        text=True,
        check=True,
    )

    (line,) = map(json.loads, told.stdout.splitlines())

    assert line["row"] == "deployment: silent rollback"
    assert line["result"]["violations"] == []
