"""Statistics of periods, percentiles and expressions, of one metric and at the pace of services."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws

HOUR = timedelta(hours=1)
WHOLE = [{"Name": "EndpointName", "Value": "e"}]
FLEET = [*WHOLE, {"Name": "EndpointConfigName", "Value": "c"}]


@pytest.fixture
def namespace(aws: EmbeddedAws) -> str:
    """One with two metrics of a name: of an endpoint, and of one of its fleets."""
    name = f"metrics-{uuid.uuid4().hex[:8]}"
    put(aws, name, "Requests", WHOLE, [1.0] * 8)
    put(aws, name, "Requests", FLEET, [1.0] * 4)
    put(aws, name, "Errors", FLEET, [1.0])
    put(aws, name, "Latency", FLEET, [float(number) for number in range(1, 101)])
    return name


def put(
    aws: EmbeddedAws, namespace: str, metric: str, dimensions: list[Any], values: list[float]
) -> None:
    datum = {"MetricName": metric, "Dimensions": dimensions, "Values": values}
    aws.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])


def window(**since: float) -> dict[str, Any]:
    """Until now: what was published before the call is in it."""
    now = datetime.now(UTC)
    return {"StartTime": now - (timedelta(**since) if since else HOUR), "EndTime": now}


def statistics(aws: EmbeddedAws, namespace: str, metric: str, **members: Any) -> Any:
    given = {"Dimensions": FLEET, "Period": 86_400, **window(), **members}
    return aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=metric, **given
    )["Datapoints"]


def total(points: Any) -> float:
    return sum(float(each["Sum"]) for each in points)


def test_a_metric_is_one_combination_of_dimensions(aws: EmbeddedAws, namespace: str) -> None:
    whole = statistics(aws, namespace, "Requests", Dimensions=WHOLE, Statistics=["Sum"])
    fleet = statistics(aws, namespace, "Requests", Statistics=["Sum"])
    none = statistics(aws, namespace, "Requests", Dimensions=[], Statistics=["Sum"])

    assert (total(whole), total(fleet), none) == (8, 4, [])


def test_a_percentile_stands_beside_other_statistics(aws: EmbeddedAws, namespace: str) -> None:
    points = statistics(
        aws, namespace, "Latency", Statistics=["SampleCount"], ExtendedStatistics=["p99"]
    )

    assert sum(each["SampleCount"] for each in points) == 100
    assert max(each["ExtendedStatistics"]["p99"] for each in points) >= 99


def test_a_set_of_statistics_counts_as_its_samples(aws: EmbeddedAws, namespace: str) -> None:
    summed = {"SampleCount": 4, "Sum": 20, "Minimum": 2, "Maximum": 9}
    datum = {"MetricName": "Batch", "Dimensions": FLEET, "StatisticValues": summed}
    aws.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])

    [point] = statistics(aws, namespace, "Batch", Statistics=list(summed))

    assert {name: point[name] for name in summed} == summed


def test_periods_pass_at_the_pace_of_services(aws: EmbeddedAws, namespace: str) -> None:
    put(aws, namespace, "Ticks", FLEET, [1.0])
    put(aws, namespace, "Ticks", FLEET, [1.0])
    before = datetime.now(UTC) - timedelta(seconds=30)
    late = {"MetricName": "Ticks", "Dimensions": FLEET, "Value": 1.0, "Timestamp": before}
    aws.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[late])

    points = statistics(aws, namespace, "Ticks", Period=60, Statistics=["Sum"])

    assert total(points) == 3
    first = points[0]["Timestamp"]
    assert abs(first - before) < timedelta(seconds=0.2)  # a minute of the service
    assert points[-1]["Timestamp"] - first > timedelta(seconds=29)


def test_only_what_is_in_the_time_is_told(aws: EmbeddedAws, namespace: str) -> None:
    before = {"StartTime": datetime.now(UTC) - HOUR, "EndTime": datetime.now(UTC) - HOUR / 2}

    assert statistics(aws, namespace, "Requests", Period=60, Statistics=["Sum"], **before) == []


def query(name: str, metric: str, stat: str, namespace: str, **members: Any) -> dict[str, Any]:
    named = {"Namespace": namespace, "MetricName": metric, "Dimensions": FLEET}
    return {
        "Id": name,
        "MetricStat": {"Metric": named, "Period": 86_400, "Stat": stat},
        **members,
    }


def test_data_of_queries_and_of_expressions(aws: EmbeddedAws, namespace: str) -> None:
    results = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            query("latency", "Latency", "p99", namespace),
            query("errors", "Errors", "Sum", namespace, ReturnData=False),
            query("requests", "Requests", "Sum", namespace, ReturnData=False),
            {"Id": "rate", "Expression": "100 * errors / requests", "Label": "errors, percent"},
        ],
        **window(),
    )["MetricDataResults"]

    assert [(each["Id"], each["Label"], each["Values"]) for each in results] == [
        ("latency", "Latency p99", [99.0]),
        ("rate", "errors, percent", [25.0]),
    ]
    assert results[0]["Timestamps"] == results[1]["Timestamps"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Statistics": ["Sum"], "StartTime": datetime(2030, 1, 1, tzinfo=UTC)}, "must be less"),
        ({"ExtendedStatistics": ["tm90"]}, "tm90 is not evaluated here"),
        ({}, "Must specify either"),
    ],
)
def test_a_bad_request_is_refused(
    aws: EmbeddedAws, namespace: str, members: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        statistics(aws, namespace, "Latency", **members)
