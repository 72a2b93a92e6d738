"""Deployments under faults: a sample of what ``make faults`` runs at every call."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.faults.serving import workflow
from benchmarks.faults.serving.endpoints import Site
from benchmarks.faults.serving.scenarios import (
    SINGLE,
    all_scenarios,
    planned_calls,
    results,
    single_fault,
    special_scenarios,
    stopped_at,
)
from benchmarks.faults.serving.story import ServingScenario, Story
from benchmarks.faults.serving.workflow import Ended
from constructs_lib.infrastructure.serving.workflow import deployment_workflow

UPDATE = ("update", "UpdateEndpoint")


@pytest.fixture(scope="module")
def calls() -> list[Site]:
    return planned_calls(None)


def _broken(*chosen: ServingScenario) -> dict[str, tuple[str, ...]]:
    done = list(results(iter(chosen)))
    assert len(done) == len(chosen)
    return {each.scenario: each.violations for _, each in done if each.violations}


def test_faults_are_injected_in_every_action(calls: list[Site]) -> None:
    assert {each.action for each in calls} == {
        *("resolve", "prepare", "update", "look", "try", "look_again", "record"),
    }
    updates = [each for each in calls if (each.action, each.operation) == UPDATE]
    assert [each.region for each in updates] == ["eu-west-1", "us-east-1", "us-west-2"]


@pytest.mark.parametrize("kind", [*SINGLE, "stopped"])
@pytest.mark.parametrize("call", [UPDATE, ("record", "UpdateModelPackage")])
def test_a_single_fault_at_a_change_leaves_one_version_everywhere(
    calls: list[Site], kind: str, call: tuple[str, str]
) -> None:
    site = next(each for each in calls if (each.action, each.operation) == call)
    scenario = (
        stopped_at("deployment", site, None)
        if kind == "stopped"
        else single_fault(("deployment", kind), site, SINGLE[kind], None)
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


def test_alarms_that_trip_or_are_deleted_break_no_invariant() -> None:
    chosen = [
        each
        for each in special_scenarios()
        if "alarm" in each.row or each.row.endswith("old fleet fails")
    ]

    assert len(chosen) == 3 * 5 + 3
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


def test_a_workflow_that_takes_nothing_back_would_be_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_way_back(function_arn: str, settings: dict[str, Any]) -> dict[str, Any]:
        definition = deployment_workflow(function_arn, settings)
        (caught,) = definition["States"]["Waves"]["Catch"]
        caught["Next"] = "RecordFailure"
        return definition

    monkeypatch.setattr(workflow, "deployment_workflow", without_way_back)
    failing = next(
        each
        for each in special_scenarios()
        if (each.row, each.label) == ("deployment: silent rollback", "FE")
    )

    ((_, result),) = results(iter([failing]))

    assert "the regions serve different versions: {'NA': 2, 'EU': 2, 'FE': 1}" in result.violations


def test_the_process_tells_each_result_as_a_line() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults.serving", "--most", "1"],
        capture_output=True,
        text=True,
        check=True,
    )

    (line,) = map(json.loads, told.stdout.splitlines())

    assert line["row"] == next(all_scenarios(every_call=False)).row
    assert line["result"]["violations"] == []
