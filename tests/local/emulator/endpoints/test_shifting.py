"""Updates shift traffic in steps, and alarms take them back."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.endpoints.policies import shifts
from tests.local.emulator.endpoints.conftest import SAGEMAKER, Served, permissions
from tests.waiting import wait_until

HOUR = 3600
SLOW = """
    import json, time

    def model_fn(model_dir):
        return None

    def transform_fn(model, data, content_type, accept):
        time.sleep(0.3)
        return json.dumps({"model": "slow"})
"""


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def blue_green(kind: str, interval: int, last: int = 0, **sizes: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": interval, **sizes}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": last}
    return {"BlueGreenUpdatePolicy": policy}


def rolling(size: dict[str, Any], interval: int) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": interval}}


@pytest.mark.parametrize(
    ("config", "count", "expected"),
    [
        (None, 1, [(1.0, 0)]),
        ({"AutoRollbackConfiguration": {"Alarms": []}}, 1, [(1.0, 0)]),
        (blue_green("ALL_AT_ONCE", 0, 300), 1, [(1.0, 300)]),
        (blue_green("CANARY", 600, 300, CanarySize=percent(10)), 1, [(0.1, 600), (1.0, 300)]),
        (
            blue_green("CANARY", 600, CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}),
            4,
            [(0.25, 600), (1.0, 0)],
        ),
        (
            blue_green("LINEAR", 60, 300, LinearStepSize=percent(25)),
            1,
            [(0.25, 60), (0.5, 60), (0.75, 60), (1.0, 300)],
        ),
        (
            blue_green("LINEAR", 60, LinearStepSize=percent(33)),
            1,
            [(0.33, 60), (0.66, 60), (0.99, 60), (1.0, 0)],
        ),
        (rolling(percent(50), 120), 4, [(0.5, 120), (1.0, 120)]),
    ],
)
def test_a_configuration_says_the_steps(
    config: dict[str, Any] | None, count: int, expected: list[tuple[float, int]]
) -> None:
    assert [(each.share, each.wait_seconds) for each in shifts(config, count)] == expected


def test_a_canary_gets_its_share_of_the_traffic_and_then_all(served: Served) -> None:
    served.create(served.version("one"))
    canary = blue_green("CANARY", HOUR, CanarySize=percent(20))
    served.begin_update(served.version("two"), DeploymentConfig=canary)
    wait_until(lambda: served.answer() == "two")

    answers = Counter(served.answer() for _ in range(20))
    described = served.describe()

    assert 3 <= answers["two"] <= 5
    assert answers["one"] + answers["two"] == 20
    weights = [
        each["ProductionVariants"][0]["CurrentWeight"]
        for each in (described, described["PendingDeploymentSummary"])
    ]
    assert weights == [0.8, 0.2]
    served.aws.house.advance_clock(HOUR)
    served.settled()
    assert {served.answer() for _ in range(10)} == {"two"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            blue_green("CANARY", 15, 30, CanarySize=percent(10)),
            [
                ("Creating", 0, "Launching 4 instance(s)."),
                ("ActivatingTraffic", 0, "Activating traffic on canary capacity of 1 instance(s)."),
                (
                    "Baking",
                    1,
                    "Baking for 15 seconds (WaitIntervalInSeconds) with traffic enabled on canary"
                    " capacity of 1 instance(s).",
                ),
                ("ActivatingTraffic", 1, "Activating traffic on full capacity of 4 instance(s)."),
                (
                    "Baking",
                    4,
                    "Baking for 30 seconds (TerminationWaitInSeconds) with traffic enabled on full"
                    " capacity of 4 instance(s).",
                ),
            ],
        ),
        (
            blue_green("LINEAR", 15, LinearStepSize=percent(25)),
            [("Baking", 1), ("Baking", 2), ("Baking", 3), ("Baking", 4)],
        ),
        (rolling(percent(50), 15), [("Baking", 2), ("Baking", 4)]),
    ],
)
def test_each_step_is_told(
    served: Served, config: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    first = served.version("one", InitialInstanceCount=4)
    served.create(first)
    told = served.events("SageMaker Endpoint Deployment State Change")

    served.update(served.version("two", InitialInstanceCount=4), DeploymentConfig=config)

    found = []
    for detail in told():
        assert (detail["EndpointStatus"], detail["EndpointConfigName"]) == ("UPDATING", first)
        [variant] = detail["PendingDeploymentSummary"]["ProductionVariants"]
        [state] = variant["VariantStatus"]
        step = (state["Status"], variant["CurrentInstanceCount"], state["StatusMessage"])
        found.append((state["StartTime"], step[: len(expected[0])]))
    steps = [step for _, step in sorted(found)]
    assert [step for step in steps if len(expected[0]) > 2 or step[0] == "Baking"] == expected


def test_no_request_is_lost_while_fleets_change(served: Served) -> None:
    served.create(served.version("one"))
    stop, answers = Event(), list[str]()

    def invoke() -> None:
        while not stop.is_set():
            answers.append(served.answer())  # what raises ends the thread, and is missed below

    threads = [Thread(target=invoke) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: answers)
    served.update(served.version("two"))
    after = len(answers)
    wait_until(lambda: len(answers) > after + 10)
    lost = [thread for thread in threads if not thread.is_alive()]
    stop.set()
    for thread in threads:
        thread.join()

    assert lost == []
    assert (answers[0], set(answers[after + 10 :])) == ("one", {"two"})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (blue_green("CANARY", 60), "CanarySize is required"),
        (blue_green("ALL_AT_ONCE", 60, CanarySize=percent(10)), "CanarySize cannot be specified"),
        (blue_green("CANARY", 60, CanarySize=percent(51)), "between 1 and 50 percent"),
        (blue_green("LINEAR", 60, LinearStepSize=percent(5)), "between 10 and 50 percent"),
        (rolling(percent(60), 60), "between 5 and 50 percent"),
        (rolling(percent(50), 3601), "less than or equal to 3600"),
        (
            {**rolling(percent(50), 60), **blue_green("ALL_AT_ONCE", 0)},
            "only one can be specified",
        ),
    ],
)
def test_a_policy_that_the_service_refuses_is_refused(
    unchanged: Served, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        unchanged.update(unchanged.configured, DeploymentConfig=config)


def test_the_time_of_a_deployment_has_to_be_enough_for_its_waits(unchanged: Served) -> None:
    config = blue_green("CANARY", 600, 600, CanarySize=percent(10))
    config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 1200

    with pytest.raises(ClientError, match="total waiting time of the deployment, 1200 seconds"):
        unchanged.update(unchanged.configured, DeploymentConfig=config)


def test_other_names_of_variants_are_not_deployed_with_a_policy(unchanged: Served) -> None:
    with pytest.raises(ClientError, match="have to be the same"):
        unchanged.update(
            unchanged.version("two", VariantName="Other"),
            DeploymentConfig=blue_green("ALL_AT_ONCE", 0),
        )


class Alarms:
    """Alarms of a test on the fleet of one configuration."""

    def __init__(self, served: Served) -> None:
        self.client = served.aws.client("cloudwatch")
        self._served = served

    def create(self, configuration: str, metric: str, **members: Any) -> str:
        name = f"alarm-{uuid.uuid4().hex[:8]}"
        dimensions = {
            "EndpointName": self._served.name,
            "VariantName": "AllTraffic",
            "EndpointConfigName": configuration,
        }
        self.client.put_metric_alarm(
            **{
                "AlarmName": name,
                "Namespace": "AWS/SageMaker",
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "Period": 60,  # a fifth of a second of this machine
                "EvaluationPeriods": 1,
                "Threshold": 100_000.0,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                **members,
            }
        )
        return name

    def state(self, name: str) -> str:
        [alarm] = self.client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(alarm["StateValue"])


@pytest.fixture
def alarms(served: Served) -> Alarms:
    return Alarms(served)


def baking(*alarm_names: str) -> dict[str, Any]:
    return {
        **blue_green("CANARY", HOUR, CanarySize=percent(50)),
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": each} for each in alarm_names]},
    }


def test_a_slow_version_trips_its_alarm_and_goes_back(served: Served, alarms: Alarms) -> None:
    first, second = served.version("one"), served.configuration(SLOW)
    served.create(first)
    slow = alarms.create(second, "ModelLatency", ExtendedStatistic="p99")
    old = alarms.create(first, "ModelLatency", ExtendedStatistic="p99", Threshold=5_000_000.0)

    served.begin_update(second, DeploymentConfig=baking(slow, old))
    wait_until(lambda: served.answer() == "slow")
    wait_until(lambda: served.answer() and served.describe()["EndpointStatus"] != "Updating", 60)
    ended = served.settled()

    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", first)
    assert "FailureReason" not in ended
    assert {served.answer() for _ in range(4)} == {"one"}
    assert alarms.state(old) != "ALARM"


def test_errors_of_a_version_are_a_rate(served: Served, alarms: Alarms) -> None:
    first = served.version("one")
    second = served.configuration(
        SLOW.replace("time.sleep(0.3)", 'raise ValueError("always")'),
    )
    served.create(first)
    rate = alarms.create(second, "Invocation5XXErrors", Statistic="Average", Threshold=0.05)
    served.begin_update(second, DeploymentConfig=baking(rate))

    def has_gone_back() -> bool:
        with suppress(ClientError):
            served.answer()
        return bool(served.describe()["EndpointStatus"] != "Updating")

    wait_until(has_gone_back, 60)
    assert served.settled()["EndpointConfigName"] == first


def test_an_alarm_that_is_set_by_hand_takes_an_update_back(served: Served, alarms: Alarms) -> None:
    first, second = served.version("one"), served.version("two")
    served.create(first)
    name = alarms.create(second, "ModelLatency", Statistic="Average")
    served.begin_update(second, DeploymentConfig=baking(name))
    wait_until(lambda: served.answer() == "two")

    alarms.client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")

    ended = served.settled()
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", first)


def test_alarms_have_to_be_there_and_the_role_has_to_see_them(
    unchanged: Served, create_role: Callable[..., str]
) -> None:
    blind = create_role(*permissions(unchanged.bucket)[:-1], trusts=SAGEMAKER)
    second = unchanged.configuration("", ModelName=unchanged.model("", role=blind))
    alarm = Alarms(unchanged).create(second, "ModelLatency", Statistic="Sum")

    with pytest.raises(ClientError, match=r"Could not find CloudWatch alarm\(s\) none"):
        unchanged.update(unchanged.configured, DeploymentConfig=baking("none"))
    with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:DescribeAlarms"):
        unchanged.update(second, DeploymentConfig=baking(alarm))


def test_an_alarm_that_is_over_between_two_looks_takes_an_update_back(
    served: Served, alarms: Alarms
) -> None:
    first, second = served.version("one"), served.version("two")
    served.create(first)
    name = alarms.create(second, "ModelLatency", Statistic="Average")
    served.begin_update(second, DeploymentConfig=baking(name))
    wait_until(lambda: served.answer() == "two")

    for state in ("ALARM", "OK"):
        alarms.client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="by hand")

    assert served.settled()["EndpointConfigName"] == first


def test_invocations_are_counted_for_the_endpoint_and_for_each_fleet(served: Served) -> None:
    configuration = served.version("one")
    served.create(configuration)
    served.answer()
    with pytest.raises(ClientError):
        served.invoke({"y": 1})

    metrics = served.aws.client("cloudwatch").list_metrics(
        Namespace="AWS/SageMaker", Dimensions=[{"Name": "EndpointName", "Value": served.name}]
    )["Metrics"]

    named = {(each["MetricName"], len(each["Dimensions"])) for each in metrics}
    counted = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "ModelLatency")
    assert {(name, number) for name in counted for number in (2, 3)} <= named
    fleets = [
        each["Value"]
        for metric in metrics
        for each in metric["Dimensions"]
        if each["Name"] == "EndpointConfigName"
    ]
    assert set(fleets) == {configuration}
