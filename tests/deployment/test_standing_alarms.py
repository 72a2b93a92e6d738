"""The alarms of an endpoint for the time after its deployments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3

from benchmarks.faults.serving.endpoints import Call, throttled
from benchmarks.faults.serving.world import REGIONS, ServingWorld
from tests.deployment.conftest import Deploy


def _standing(region: str) -> dict[str, dict[str, Any]]:
    alarms = boto3.client("cloudwatch", region).describe_alarms()["MetricAlarms"]
    return {each["AlarmName"]: each for each in alarms if "-standing-" in each["AlarmName"]}


def test_they_watch_the_endpoint_whatever_it_serves_with(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy()

    for region in REGIONS.values():
        alarms = _standing(region)
        assert set(alarms) == {
            "returns-risk-standing-latency",
            "returns-risk-standing-errors",
        }
        latency = alarms["returns-risk-standing-latency"]
        assert (latency["MetricName"], latency["ExtendedStatistic"]) == ("ModelLatency", "p99")
        assert latency["Threshold"] == 800_000
        assert {each["Name"] for each in latency["Dimensions"]} == {"EndpointName", "VariantName"}


def test_they_tell_which_version_serves(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    deploy()
    world.register()

    def told() -> set[str]:
        alarms = [each for region in REGIONS.values() for each in _standing(region).values()]
        return {each["AlarmDescription"].partition(". ")[2] for each in alarms}

    assert told() == {"Pipeline: returns-risk. Version: 1."}
    deploy()
    assert told() == {"Pipeline: returns-risk. Version: 2."}
    world.register()
    world.services.outcomes["eu-west-1"] = ["alarm"]
    assert deploy().status == "taken_back"
    assert told() == {"Pipeline: returns-risk. Version: 2."}
    deploy("rollback")
    assert told() == {"Pipeline: returns-risk. Version: 1."}


def test_they_follow_the_limits_of_the_config(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    deploy()
    world.register()

    limits: dict[str, Any] = {"latency_milliseconds": 50, "error_rate_percent": None, "names": []}
    deploy(settings=world.settings(alarms=limits))

    alarms = _standing("eu-west-1")
    assert {name: each["Threshold"] for name, each in alarms.items()} == {
        "returns-risk-standing-latency": 50_000
    }


def test_they_go_with_the_endpoint(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    deploy()

    deploy("undeploy")

    assert [_standing(region) for region in REGIONS.values()] == [{}, {}, {}]


def test_they_go_with_an_endpoint_that_is_taken_back(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    made = []

    def third(call: Call, answer: Callable[[], Any]) -> Any:
        if call.operation == "PutMetricAlarm" and "-standing-" in call.arguments["AlarmName"]:
            made.append(call.region)
            if len(made) > len(REGIONS):
                return throttled(call, answer)
        return answer()

    world.services.fault = third

    assert deploy().status == "taken_back"
    assert [_standing(region) for region in REGIONS.values()] == [{}, {}, {}]
