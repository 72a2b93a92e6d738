"""Alarms are evaluated on what was published, and tell of their states."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from local.emulator import EmbeddedAws
from local.emulator.monitoring.datapoints import UnknownMathError, expression_value, statistic
from tests.local.emulator.policies import allow, document
from tests.local.emulator.queues import Queue
from tests.waiting import wait_until

PERIOD = 30
"""A tenth of a second of this machine: a state that ends with it is found in the history."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Average", 2.5), ("Maximum", 4), ("Minimum", 1), ("SampleCount", 4), ("Sum", 10), ("p50", 2)],
)
def test_statistics(name: str, expected: float) -> None:
    assert statistic([3, 1, 4, 2], name) == expected


def test_a_percentile_of_many() -> None:
    assert statistic([float(number) for number in range(1, 201)], "p99") == 198
    assert statistic([], "p99") is None
    with pytest.raises(UnknownMathError):
        statistic([1.0], "tm90")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("errors / requests", 0.25),
        ("100 * errors / requests", 25),
        ("IF(requests > 10, errors / requests, 0)", 0),
        ("FILL(absent, 3) - -1", 4),
        ("absent + 1", None),
        ("errors / (requests - 8)", None),
    ],
)
def test_expressions(text: str, expected: float | None) -> None:
    values = {"errors": 2.0, "requests": 8.0, "absent": None}

    assert expression_value(text, values) == expected


@pytest.mark.parametrize("text", ["ANOMALY_DETECTION_BAND(errors, 2)", "errors +", "other", "'a'"])
def test_other_expressions_are_not_evaluated(text: str) -> None:
    with pytest.raises(UnknownMathError):
        expression_value(text, {"errors": 1.0})


@pytest.fixture
def alarm(aws: EmbeddedAws) -> Callable[..., str]:
    """Create an alarm on a metric of the test; returns its name, which is the namespace, too."""

    def create(**members: Any) -> str:
        name = f"alarm-{uuid.uuid4().hex[:8]}"
        given = {
            "Namespace": name,
            "MetricName": "Errors",
            "Statistic": "Sum",
            "Period": PERIOD,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold",
            **members,
        }
        put = {key: value for key, value in given.items() if value is not None}
        if "Metrics" in put:
            put["Metrics"] = json.loads(json.dumps(put["Metrics"]).replace("NAMESPACE", name))
        aws.client("cloudwatch").put_metric_alarm(AlarmName=name, **put)
        return name

    return create


PUT = (
    "Namespace",
    "MetricName",
    "Statistic",
    "Period",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


def describe(aws: EmbeddedAws, name: str) -> dict[str, Any]:
    [found] = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return dict(found)


def state(aws: EmbeddedAws, name: str) -> str:
    return str(describe(aws, name)["StateValue"])


def history(aws: EmbeddedAws, name: str) -> list[dict[str, Any]]:
    """Return each new state that an alarm has had, the newest first."""
    items = aws.client("cloudwatch").describe_alarm_history(
        AlarmName=name, HistoryItemType="StateUpdate"
    )["AlarmHistoryItems"]
    return [json.loads(each["HistoryData"])["newState"] for each in items]


def newest_states(aws: EmbeddedAws, name: str) -> list[str]:
    return [str(each["stateValue"]) for each in history(aws, name)[:2]]


def publish(aws: EmbeddedAws, namespace: str, **values: float) -> None:
    data = [{"MetricName": name, "Value": value} for name, value in values.items()]
    aws.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)


def test_an_alarm_follows_its_metric_and_missing_data_ends_it(
    aws: EmbeddedAws, alarm: Callable[..., str]
) -> None:
    name = alarm(TreatMissingData="notBreaching")
    publish(aws, name, Errors=2)

    wait_until(lambda: newest_states(aws, name) == ["OK", "ALARM"])
    assert state(aws, name) == "OK"


def test_an_alarm_without_data_begins_as_it_treats_what_is_missing(
    aws: EmbeddedAws, alarm: Callable[..., str]
) -> None:
    quiet, unknown = alarm(TreatMissingData="notBreaching"), alarm()

    wait_until(lambda: state(aws, quiet) == "OK")

    assert state(aws, unknown) == "INSUFFICIENT_DATA"


def test_an_alarm_that_is_put_again_keeps_its_state(
    aws: EmbeddedAws, alarm: Callable[..., str]
) -> None:
    name = alarm(TreatMissingData="breaching")
    wait_until(lambda: state(aws, name) == "ALARM")
    described = describe(aws, name)

    aws.client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": name,
            **{member: described[member] for member in PUT},
        }
    )

    assert describe(aws, name)["StateReason"] == described["StateReason"]
    assert state(aws, name) == "ALARM"


def test_missing_data_is_insufficient_unless_told_otherwise(
    aws: EmbeddedAws, alarm: Callable[..., str]
) -> None:
    name, breaching = alarm(), alarm(TreatMissingData="breaching")

    for each in (name, breaching):
        publish(aws, each, Errors=0)

    wait_until(lambda: newest_states(aws, name) == ["INSUFFICIENT_DATA", "OK"])
    assert state(aws, name) == "INSUFFICIENT_DATA"
    wait_until(lambda: state(aws, breaching) == "ALARM")


def test_a_rate_is_an_expression(aws: EmbeddedAws, alarm: Callable[..., str]) -> None:
    def metric(name: str) -> dict[str, Any]:
        stat = {
            "Metric": {"Namespace": "NAMESPACE", "MetricName": name},
            "Period": PERIOD,
            "Stat": "Sum",
        }
        return {"Id": name.lower(), "MetricStat": stat, "ReturnData": False}

    expression = {"Id": "rate", "Expression": "errors / requests", "ReturnData": True}
    name = alarm(
        Namespace=None,
        MetricName=None,
        Statistic=None,
        Period=None,
        Threshold=0.1,
        TreatMissingData="ignore",
        Metrics=[metric("Errors"), metric("Requests"), expression],
    )

    publish(aws, name, Errors=1, Requests=5)

    wait_until(lambda: state(aws, name) == "ALARM")
    told = json.loads(describe(aws, name)["StateReasonData"])
    assert (told["recentDatapoints"], told["threshold"]) == ([0.2], 0.1)
    assert "statistic" not in told


def test_an_alarm_tells_its_datapoints_and_its_threshold_and_keeps_that(
    aws: EmbeddedAws, alarm: Callable[..., str]
) -> None:
    name = alarm(TreatMissingData="ignore", Statistic=None, ExtendedStatistic="p99")
    publish(aws, name, Errors=0.5)
    publish(aws, name, Errors=2)
    cloudwatch = aws.client("cloudwatch")
    wait_until(lambda: state(aws, name) == "ALARM")

    told = describe(aws, name)
    publish(aws, name, Errors=0.5)
    wait_until(lambda: state(aws, name) == "OK")
    cloudwatch.delete_alarms(AlarmNames=[name])

    data = json.loads(told["StateReasonData"])
    assert (data["recentDatapoints"], data["threshold"]) == ([2.0], 1.0)
    assert (data["statistic"], data["period"]) == ("p99", PERIOD)
    assert told["StateReason"].startswith("Threshold Crossed: 1 datapoint [2.0 (")
    assert told["StateReason"].endswith(")] was greater than the threshold (1.0).")
    # Also of an alarm that is gone.
    assert newest_states(aws, name) == ["OK", "ALARM"]
    assert history(aws, name)[1]["stateReasonData"] == data


def test_a_new_state_is_published_to_its_topic(aws: EmbeddedAws, alarm: Callable[..., str]) -> None:
    sns, name = aws.client("sns"), f"told-{uuid.uuid4().hex[:8]}"
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = Queue.create(aws, name, sender="sns.amazonaws.com")
    cloudwatch = {"Service": "cloudwatch.amazonaws.com"}
    policy = document(allow("sns:Publish", topic, Principal=cloudwatch))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    watched = alarm(AlarmActions=[topic])

    aws.client("cloudwatch").set_alarm_state(
        AlarmName=watched, StateValue="ALARM", StateReason="tried"
    )

    found: list[dict[str, Any]] = []

    def is_told() -> bool:
        found.extend(json.loads(body["Message"]) for body in queue.bodies())
        return bool(found)

    wait_until(is_told)
    assert (found[0]["AlarmName"], found[0]["NewStateValue"]) == (watched, "ALARM")


def _observed(aws: EmbeddedAws, name: str) -> Queue:
    """Return a queue with what EventBridge is told of an alarm."""
    queue = Queue.create(aws, f"events-{name}", sender="events.amazonaws.com")
    events, pattern = aws.client("events"), {"detail": {"alarmName": [name]}}
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.cloudwatch"], **pattern}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue.arn}])
    return queue


def test_a_new_state_is_an_event_as_it_is_documented(
    aws: EmbeddedAws, alarm: Callable[..., str]
) -> None:
    name = alarm(
        AlarmDescription="Too many",
        Dimensions=[{"Name": "Shop", "Value": "north"}],
        Statistic=None,
        ExtendedStatistic="p99",
        TreatMissingData="ignore",
    )
    queue = _observed(aws, name)
    given = {"MetricName": "Errors", "Value": 2.0}
    aws.client("cloudwatch").put_metric_data(
        Namespace=name, MetricData=[{**given, "Dimensions": [{"Name": "Shop", "Value": "north"}]}]
    )
    wait_until(lambda: state(aws, name) == "ALARM")

    (event,) = queue.bodies()
    assert (event["source"], event["detail-type"]) == (
        "aws.cloudwatch",
        "CloudWatch Alarm State Change",
    )
    assert event["resources"] == [describe(aws, name)["AlarmArn"]]
    detail = event["detail"]
    (metric,) = detail["configuration"]["metrics"]
    assert metric.pop("id")
    assert metric == {
        "metricStat": {
            "metric": {"dimensions": {"Shop": "north"}, "name": "Errors", "namespace": name},
            "period": PERIOD,
            "stat": "p99",
        },
        "returnData": True,
    }
    assert detail["configuration"]["description"] == "Too many"
    before, now = detail["previousState"], detail["state"]
    assert (before.pop("timestamp") < now["timestamp"], now["value"]) == (True, "ALARM")
    assert before == {"reason": "Unchecked: Initial alarm creation", "value": "INSUFFICIENT_DATA"}
    assert json.loads(now["reasonData"])["recentDatapoints"] == [2.0]


def test_the_event_of_an_alarm_on_an_expression_has_its_queries(
    aws: EmbeddedAws, alarm: Callable[..., str]
) -> None:
    stat = {
        "Metric": {"Namespace": "NAMESPACE", "MetricName": "Errors"},
        "Period": PERIOD,
        "Stat": "Sum",
    }
    name = alarm(
        Namespace=None,
        MetricName=None,
        Statistic=None,
        Period=None,
        Metrics=[
            {"Id": "errors", "MetricStat": stat, "ReturnData": False},
            {"Id": "twice", "Expression": "2 * errors", "Label": "Two", "ReturnData": True},
        ],
    )
    queue = _observed(aws, name)
    aws.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="tried"
    )

    (event,) = queue.bodies()
    metric = {"dimensions": {}, "name": "Errors", "namespace": name}
    assert event["detail"]["configuration"] == {
        "metrics": [
            {
                "id": "errors",
                "metricStat": {"metric": metric, "period": PERIOD, "stat": "Sum"},
                "returnData": False,
            },
            {"expression": "2 * errors", "id": "twice", "label": "Two", "returnData": True},
        ]
    }
    assert "reasonData" not in event["detail"]["state"]
