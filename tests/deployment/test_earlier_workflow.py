"""An execution that began before the app was updated goes on with its workflow, and ends well.

``earlier_workflow.json`` is the definition that the app had before deployments were watched by
alarms. Every call goes to today's function: it is deployed meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from benchmarks.faults.serving.workflow import DeploymentRun, request
from benchmarks.faults.serving.world import REGIONS, ServingWorld
from tests.deployment.conftest import Deploy

DEFINITION = Path(__file__).with_name("earlier_workflow.json")
LATER = {"shift", "alarms", "bake_traffic_per_minute"}
"""What its settings have not."""
AT_ONCE = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}


@pytest.fixture
def deploy_earlier(world: ServingWorld) -> Deploy:
    """Run an execution of the earlier workflow to its end."""
    settings = {name: value for name, value in world.settings().items() if name not in LATER}
    definition = json.loads(DEFINITION.read_text())
    definition["States"]["Begin"]["Parameters"]["settings"] = settings

    def run(action: str = "deploy", **asked: Any) -> Any:
        execution = DeploymentRun(world, request(action, **asked), settings, definition)
        return execution.run()

    return run


def _everywhere(version: int | None) -> dict[str, int | None]:
    return dict.fromkeys(REGIONS, version)


def _alarms() -> Iterator[str]:
    for region in REGIONS.values():
        told = boto3.client("cloudwatch", region).describe_alarms()["MetricAlarms"]
        yield from (each["AlarmName"] for each in told)


def test_it_knows_nothing_of_what_came_later(world: ServingWorld) -> None:
    text = DEFINITION.read_text()

    assert not [name for name in LATER if name in text]
    assert "look_again" not in text
    assert world.settings().keys() > LATER


def test_each_action_comes_to_its_end(world: ServingWorld, deploy_earlier: Deploy) -> None:
    world.register()
    assert deploy_earlier().output["status"] == "deployed"
    world.register()

    assert deploy_earlier().output["status"] == "deployed"
    assert world.serving() == _everywhere(2)
    assert deploy_earlier("rollback").output["status"] == "rolled_back"
    assert world.serving() == _everywhere(1)
    assert deploy_earlier().output["status"] == "deployed"
    assert deploy_earlier().output["status"] == "unchanged"
    assert list(_alarms()) == []
    assert deploy_earlier("undeploy").output["status"] == "undeployed"
    assert world.serving() == _everywhere(None)
    updates = [each for each in world.services.calls if each.operation == "UpdateEndpoint"]
    assert len(updates) == 3 * len(REGIONS)
    for each in updates:
        deployment = each.arguments["DeploymentConfig"]
        assert deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == AT_ONCE
        assert "AutoRollbackConfiguration" not in deployment


@pytest.mark.parametrize("region", REGIONS.values())
def test_a_region_that_fails_takes_back_all(
    world: ServingWorld, deploy_earlier: Deploy, region: str
) -> None:
    world.register()
    deploy_earlier()
    world.register()
    world.services.outcomes[region] = ["silent_rollback"]

    ended = deploy_earlier()

    assert (ended.status, world.serving()) == ("taken_back", _everywhere(1))
    assert "has rolled the update back by itself" in ended.cause


def test_the_next_deployment_is_watched(
    world: ServingWorld, deploy: Deploy, deploy_earlier: Deploy
) -> None:
    world.register()
    deploy_earlier()
    world.register()
    world.services.outcomes["eu-west-1"] = ["alarm"]

    ended = deploy()

    assert (ended.status, world.serving()) == ("taken_back", _everywhere(1))
    assert "has tripped" in ended.cause
    assert deploy().output["status"] == "deployed"
    assert "returns-risk-standing-latency" in set(_alarms())
