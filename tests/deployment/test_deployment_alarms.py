"""Alarms of a deployment: each trouble that they tell of ends with one version everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from benchmarks.faults.serving.endpoints import Call, throttled
from benchmarks.faults.serving.workflow import DeploymentRun, StateFailedError, request
from benchmarks.faults.serving.world import HOME, REGIONS, ServingWorld
from tests.deployment.conftest import Deploy

SLOW = "p99 of the model's latency was 1,011 ms, its limit is 800 ms"
OWN = "checkout-errors"
Settings = dict[str, Any]


@pytest.fixture
def served(world: ServingWorld, deploy: Deploy) -> ServingWorld:
    """Version 1 serves everywhere; version 2 is approved."""
    world.register()
    deploy()
    world.register()
    return world


def _alarms(code: str) -> set[str]:
    told = boto3.client("cloudwatch", REGIONS[code]).describe_alarms()["MetricAlarms"]
    return {each["AlarmName"] for each in told}


def _put_own(*codes: str) -> None:
    for code in codes:
        boto3.client("cloudwatch", REGIONS[code]).put_metric_alarm(
            AlarmName=OWN,
            Namespace="Checkout",
            MetricName="Errors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
        )


def _with_own(world: ServingWorld) -> Settings:
    settings = world.settings()
    settings["alarms"] = {**settings["alarms"], "names": [OWN]}
    return settings


def _at(
    world: ServingWorld, action: str, region: str, happen: Callable[[str], None]
) -> Callable[[Call, Callable[[], Any]], Any]:
    """Let something happen to what is coming to a region, once, at the first call of an action."""
    done: list[Call] = []

    def meet(call: Call, make: Callable[[], Any]) -> Any:
        if call.action == action and call.region == region and not done:
            done.append(call)
            endpoint = world.services.endpoint(region)
            assert endpoint is not None
            happen(endpoint.coming or endpoint.configuration)
        return make()

    return meet


def _everywhere(number: int) -> dict[str, int]:
    return dict.fromkeys(REGIONS, number)


def test_alarms_come_and_go_with_their_configuration(world: ServingWorld, deploy: Deploy) -> None:
    for _ in range(4):
        world.register()
        deploy()

    for code in REGIONS:
        names = world.configurations(code)
        assert len(names) == 3
        kinds = ("latency", "errors")
        watched = {f"{name}-{kind}" for name in names for kind in kinds}
        assert _alarms(code) - watched == {f"returns-risk-standing-{kind}" for kind in kinds}
        assert watched < _alarms(code)


def test_undeploy_removes_its_alarms_and_nobody_else_s(
    served: ServingWorld, deploy: Deploy
) -> None:
    _put_own("EU")
    for name in ("returns-risk-latency", "returns-risk-0123456789abcdef-standing"):
        served.services.alarms.trip("eu-west-1", name)
        boto3.client("cloudwatch", "eu-west-1").put_metric_alarm(
            AlarmName=name,
            Namespace="Checkout",
            MetricName="Errors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
        )

    assert deploy("undeploy").output["status"] == "undeployed"

    left = {OWN, "returns-risk-latency", "returns-risk-0123456789abcdef-standing"}
    assert (_alarms("EU"), _alarms("NA")) == (left, set())


def test_a_first_deployment_that_is_taken_back_leaves_none(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    world.services.outcomes["us-west-2"] = ["no_capacity"]

    assert deploy().status == "taken_back"

    assert [_alarms(code) for code in REGIONS] == [set()] * 3


@pytest.mark.parametrize("code", REGIONS)
def test_an_alarm_while_baking_takes_every_region_back_and_is_told(
    served: ServingWorld, deploy: Deploy, code: str
) -> None:
    served.services.outcomes[REGIONS[code]] = ["alarm"]

    ended = deploy()

    assert (ended.status, served.serving()) == ("taken_back", _everywhere(1))
    assert SLOW in ended.cause
    assert f"{code} ({REGIONS[code]})" in ended.cause
    message = served.services.messages[-1]
    assert message["Subject"] == "returns-risk: version 2 was taken back"
    assert SLOW in message["Message"]
    assert "NA (us-east-1) serves version 1" in message["Message"]
    assert "release reject returns-risk --version 2" in message["Message"]


def test_an_alarm_that_is_over_when_it_is_looked_at_is_told_by_its_history(
    served: ServingWorld, deploy: Deploy
) -> None:
    services = served.services
    services.outcomes["eu-west-1"] = ["silent_rollback"]

    def trip(configuration: str) -> None:
        services.alarms.trip("eu-west-1", f"{configuration}-latency")
        services.alarms.calm("eu-west-1", f"{configuration}-latency")

    services.fault = _at(served, "look", "eu-west-1", trip)

    ended = deploy()

    assert "SageMaker has rolled the update back by itself (the alarm returns-risk-" in ended.cause
    assert SLOW in ended.cause
    assert served.serving() == _everywhere(1)


def test_that_no_alarm_can_be_read_hides_no_rollback(served: ServingWorld, deploy: Deploy) -> None:
    served.services.outcomes["eu-west-1"] = ["alarm"]

    def meet(call: Call, make: Callable[[], Any]) -> Any:
        is_looking = call.action == "look" and call.operation.startswith("DescribeAlarm")
        return throttled(call, make) if is_looking else make()

    served.services.fault = meet

    ended = deploy()

    assert "EU (eu-west-1): the endpoint returns-risk is rolled back by SageMaker." in ended.cause
    assert served.serving() == _everywhere(1)


@pytest.mark.parametrize("code", REGIONS)
def test_an_alarm_after_success_takes_every_region_back(
    served: ServingWorld, deploy: Deploy, code: str
) -> None:
    region = REGIONS[code]
    served.services.fault = _at(
        served, "try", region, lambda name: served.services.alarms.trip(region, f"{name}-latency")
    )

    ended = deploy()

    assert (ended.status, served.serving()) == ("taken_back", _everywhere(1))
    assert f"{code} ({region}): version 2 serves, and has not proven itself: the alarm" in (
        ended.cause
    )
    assert SLOW in ended.cause


def test_an_alarm_in_a_wave_that_is_over_takes_every_region_back_before_anything_is_recorded(
    served: ServingWorld, deploy: Deploy
) -> None:
    def trip(_configuration: str) -> None:
        endpoint = served.services.endpoint(HOME)
        assert endpoint is not None
        served.services.alarms.trip(
            HOME,
            f"{endpoint.configuration}-errors",
            data={"recentDatapoints": [0.25, None], "threshold": 0.2},
        )

    served.services.fault = _at(served, "try", "us-west-2", trip)

    ended = deploy()

    assert (ended.status, served.serving()) == ("taken_back", _everywhere(1))
    assert "NA (us-east-1): version 2 serves, and has not proven itself" in ended.cause
    assert "25 % of the requests failed (5XX), its limit is 20 %" in ended.cause
    assert "served_since" not in served.metadata(2, "NA")


def test_the_number_is_read_out_of_the_reason_where_there_is_no_data(
    served: ServingWorld, deploy: Deploy
) -> None:
    reason = (
        "Threshold Crossed: 2 out of the last 2 datapoints [1011000.0 (28/11/26 16:05:00),"
        " 923000.0 (28/11/26 16:04:00)] were greater than the threshold (800000.0) (minimum 2"
        " datapoints for OK -> ALARM transition)."
    )
    served.services.fault = _at(
        served,
        "try",
        HOME,
        lambda name: served.services.alarms.trip(HOME, f"{name}-latency", data={}, reason=reason),
    )

    assert SLOW in deploy().cause


@pytest.mark.parametrize(
    "data",
    [
        "by hand",
        7,
        [1_011_000],
        {"recentDatapoints": 5},
        {"recentDatapoints": ["n/a", True, None]},
        {"recentDatapoints": [math.nan, math.inf, -math.inf]},
        {"recentDatapoints": [10**400]},
        "[" * 4000,
    ],
    ids=lambda data: repr(data)[:40],
)
@pytest.mark.parametrize("is_over", [False, True])
def test_an_alarm_that_somebody_sets_with_data_of_their_own_takes_every_region_back(
    served: ServingWorld, deploy: Deploy, data: object, is_over: bool
) -> None:
    def trip(configuration: str) -> None:
        name = f"{configuration}-latency"
        served.services.alarms.trip(HOME, name, data=data, reason="tried by hand")
        if is_over:
            served.services.alarms.calm(HOME, name)

    served.services.fault = _at(served, "try", HOME, trip)

    ended = deploy()

    assert (ended.status, served.serving()) == ("taken_back", _everywhere(1))
    assert "-latency has tripped: tried by hand" in ended.cause


def test_alarms_that_never_get_data_prove_nothing_which_is_told(
    served: ServingWorld, deploy: Deploy
) -> None:
    services = served.services

    def ask(configuration: str) -> None:
        # Try's own request, and those of others.
        services.alarms.invocations["eu-west-1", configuration] += 1 + 7

    services.fault = _at(served, "try", "eu-west-1", ask)

    ended = deploy()

    proven = {each["region_code"]: each["proven"] for each in ended.output["regions"]}
    assert proven == {"NA": {"invocations": 0}, "EU": {"invocations": 7}, "FE": {"invocations": 0}}
    message = services.messages[-1]["Message"]
    assert "Nothing was proven in NA (us-east-1), FE (us-west-2): no requests while it" in message
    assert all(len(each["alarms"]) == 2 for each in ended.output["regions"])


def test_where_there_is_no_alarm_nothing_is_to_be_proven(
    served: ServingWorld, deploy: Deploy
) -> None:
    none: Settings = {"latency_milliseconds": None, "error_rate_percent": None, "names": []}
    served.services.calls.clear()

    ended = deploy(settings=served.settings(alarms=none))

    assert [each["proven"] for each in ended.output["regions"]] == [None] * 3
    assert [each["alarms"] for each in ended.output["regions"]] == [[], [], []]
    assert "proven" not in served.services.messages[-1]["Message"]
    assert "PutMetricAlarm" not in {each.operation for each in served.services.calls}


def test_an_alarm_that_is_deleted_while_it_bakes_is_told(
    served: ServingWorld, deploy: Deploy
) -> None:
    def delete(configuration: str) -> None:
        boto3.client("cloudwatch", "us-west-2").delete_alarms(
            AlarmNames=[f"{configuration}-latency"]
        )

    served.services.fault = _at(served, "look", "us-west-2", delete)

    ended = deploy()

    assert (ended.status, served.serving()) == ("taken_back", _everywhere(1))
    assert "-latency was deleted, so nobody watched" in ended.cause


def test_a_rollback_of_sagemaker_that_fails_is_told_with_its_alarm_and_taken_back(
    served: ServingWorld, deploy: Deploy
) -> None:
    served.services.outcomes["eu-west-1"] = ["alarm_and_rollback_failed"]

    ended = deploy()

    assert (ended.status, served.serving()) == ("taken_back", _everywhere(1))
    assert "serves a mix of both" in ended.cause
    assert SLOW in ended.cause


def test_a_return_that_fails_too_needs_a_person_who_is_told_where(
    served: ServingWorld, deploy: Deploy
) -> None:
    failed = "alarm_and_rollback_failed"
    served.services.outcomes["eu-west-1"] = [failed, *["rollback_failed"] * 3]

    ended = deploy()

    assert ended.status == "needs_person"
    assert "EU (eu-west-1) needs a person" in ended.cause
    assert SLOW in ended.cause
    assert "NA (us-east-1) serves version 1" in ended.cause


def test_an_alarm_of_people_sees_the_former_fleet_too_and_is_told_in_its_own_words(
    served: ServingWorld, deploy: Deploy
) -> None:
    _put_own(*REGIONS)
    reason = "Threshold Crossed: 1 datapoint [7.0 (28/11/26 16:05:00)] was greater than (1.0)."
    served.services.outcomes["us-west-2"] = ["silent_rollback"]
    served.services.fault = _at(
        served,
        "look",
        "us-west-2",
        lambda _name: served.services.alarms.trip("us-west-2", OWN, reason=reason),
    )

    ended = deploy(settings=_with_own(served))

    assert (ended.status, served.serving()) == ("taken_back", _everywhere(1))
    assert f"the alarm {OWN} has tripped: {reason.rstrip('.')}" in ended.cause


def test_alarms_of_people_that_are_not_there_are_named_before_anything_changes(
    served: ServingWorld, deploy: Deploy
) -> None:
    _put_own("NA", "FE")
    served.services.calls.clear()

    ended = deploy(settings=_with_own(served))

    assert f"EU (eu-west-1): there is no alarm {OWN} in Amazon CloudWatch there" in ended.cause
    assert "alarm_names of the section Endpoint" in ended.cause
    assert served.serving() == _everywhere(1)
    updated = {each.region for each in served.services.calls if each.operation == "UpdateEndpoint"}
    assert "eu-west-1" not in updated


def test_a_composite_one_which_sagemaker_does_not_watch_is_refused_before_anything_changes(
    served: ServingWorld, deploy: Deploy
) -> None:
    for region in REGIONS.values():
        served.services.alarms.combine(region, OWN, "ALARM(a) OR ALARM(b)")
    served.services.calls.clear()

    refused = deploy(settings=_with_own(served))

    assert (
        f"{OWN} of alarm_names in the section Endpoint is made of other alarms (composite)"
        in refused.cause
    )
    assert (refused.status, served.serving()) == ("unchanged", _everywhere(1))
    assert not [each for each in served.services.calls if each.operation == "UpdateEndpoint"]


def test_one_that_has_tripped_already_keeps_a_deployment_from_its_begin_but_no_rollback(
    served: ServingWorld, deploy: Deploy
) -> None:
    _put_own(*REGIONS)
    settings = _with_own(served)
    assert deploy(settings=settings).output["status"] == "deployed"
    served.services.alarms.trip(HOME, OWN, reason="Threshold Crossed: much.")
    served.register()

    refused = deploy(settings=settings)

    assert f"the alarm {OWN} is in ALARM already (Threshold Crossed: much)" in refused.cause
    assert (refused.status, served.serving()) == ("unchanged", _everywhere(2))
    served.services.calls.clear()
    assert deploy("rollback", settings=settings).output["status"] == "rolled_back"
    assert served.serving() == _everywhere(1)
    for call in served.services.calls:
        if call.operation == "UpdateEndpoint":
            watching = call.arguments["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
            assert {"AlarmName": OWN} not in watching


def test_an_alarm_of_an_earlier_deployment_of_the_same_ends_no_later_one(
    served: ServingWorld, deploy: Deploy
) -> None:
    served.services.outcomes["eu-west-1"] = ["alarm"]
    assert deploy().status == "taken_back"

    ended = deploy()

    assert (ended.output.get("status"), served.serving()) == ("deployed", _everywhere(2))


def _begun(world: ServingWorld, settings: Settings) -> tuple[DeploymentRun, dict[str, Any]]:
    execution = DeploymentRun(world, request(), settings=settings)
    target = execution.call("resolve")["waves"][0][0]
    prepared = execution.call("prepare", target=target)
    execution.call("update", target=target, prepared=prepared)
    return execution, {"target": target, "prepared": prepared, "turn_seconds": 30}


def test_sample_requests_are_sent_at_their_rate_while_it_bakes(served: ServingWorld) -> None:
    execution, members = _begun(served, served.settings(bake_traffic_per_minute=9))

    before = execution.call("ask", **members)
    served.services.pass_time()
    while_baking = execution.call("ask", **members)
    served.services.at_rest()
    served.services.answers[members["prepared"]["endpoint_config_name"]] = 500
    after = execution.call("ask", **members)

    assert before == {"requests": 0, "failed": 0}
    assert while_baking == {"requests": 5, "failed": 0}
    assert after == {"requests": 5, "failed": 5}


def test_what_cannot_be_asked_fails_nothing(served: ServingWorld) -> None:
    execution, members = _begun(served, served.settings(bake_traffic_per_minute=9))
    served.services.at_rest()
    served.services.fault = throttled

    assert execution.call("ask", **members) == {"requests": 0, "failed": 0}


def test_a_second_look_finds_that_a_region_serves_something_else(served: ServingWorld) -> None:
    execution, members = _begun(served, served.settings())
    served.services.at_rest()
    endpoint = served.services.endpoint(HOME)
    assert endpoint is not None
    endpoint.configuration = served.metadata(1, "NA")["served_with"]
    updated = {"started_at": execution.started.isoformat(), "is_new": False}
    del members["turn_seconds"]

    with pytest.raises(StateFailedError, match="has rolled the update back by itself"):
        execution.call("look_again", **members, updated=updated)
