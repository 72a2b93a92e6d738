"""Traffic per version, latency against the limit and the way back, on a deployment's page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from constructs_lib.endpoints.deployment import deployment_of
from constructs_lib.errors import ReleaseError
from local.report import DEPLOYMENT_RECORD, write_deployment, write_deployment_report
from local.report.deployments.measuring import measure
from tests.endpoints.histories import NAME, SETTINGS, STARTED, History, deployed, plan, target

NEW, FORMER = f"{NAME}-new", f"{NAME}-former"
LIMIT_MICROSECONDS = 400_000.0


class FakeCloudWatch:
    """Metrics and alarms of one region."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.asked: list[dict[str, Any]] = []

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        if self.region == "us-west-2":
            raise ClientError({"Error": {"Code": "Throttling", "Message": "slow"}}, "GetMetricData")
        self.asked.append(request)
        [dimensions] = {
            tuple(
                (each["Name"], each["Value"])
                for each in query["MetricStat"]["Metric"]["Dimensions"]
            )
            for query in request["MetricDataQueries"]
        }
        is_new = dict(dimensions)["EndpointConfigName"] == NEW
        values = {
            "requests": [4.0, 6.0] if is_new else [30.0, 10.0],
            "errors": [0.0, 2.0] if is_new else [0.0, 0.0],
            "latency": [20_000.0, 900_000.0] if is_new else [12_000.0, 15_000.0],
        }
        times = [STARTED + timedelta(seconds=each) for each in (4, 5)]
        return {
            "MetricDataResults": [
                {"Id": name, "Timestamps": times, "Values": each} for name, each in values.items()
            ]
        }

    def get_paginator(self, operation: str) -> FakeCloudWatch:
        assert operation == "describe_alarm_history"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        assert request["HistoryItemType"] == "StateUpdate"
        names = (f"{NEW}-latency", f"{NEW}-errors", "somebody-elses")
        for name in names if self.region == "eu-west-1" else ():
            data = {"recentDatapoints": [20_000.0, 900_000.0], "threshold": LIMIT_MICROSECONDS}
            states = [("ALARM", data), ("OK", {}), ("ALARM", data)]
            yield {
                "AlarmHistoryItems": [
                    {
                        "AlarmName": name,
                        "Timestamp": STARTED + timedelta(seconds=6 + number),
                        "HistoryData": json.dumps(
                            {
                                "newState": {
                                    "stateValue": state if "errors" not in name else "OK",
                                    "stateReason": "Threshold Crossed",
                                    "stateReasonData": given,
                                }
                            }
                        ),
                    }
                    for number, (state, given) in enumerate(states)
                ]
            }


class FakeClients:
    """An AWS whose CloudWatch can be asked."""

    def client(self, service: str, region: str | None = None) -> Any:
        assert service == "cloudwatch"
        return FakeCloudWatch(str(region))


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of the latency."""
    monkeypatch.setitem(SETTINGS, "alarms", {"latency_milliseconds": 400, "names": []})


def gone_back() -> History:
    """A deployment that an alarm has taken back in its first wave."""
    eu = target("EU")
    history = History()
    history.call("resolve", None, plan([eu]))
    history.call("prepare", eu, {"endpoint_config_name": NEW, "model_name": "m"})
    history.call("update", eu, {"started_at": "now", "is_new": False})
    history.fail("look", eu, "SageMaker has gone back")
    history.call("take_back", eu, {"status": "restored", "reason": ""})
    return history.give_up("the alarm has tripped")


@pytest.mark.usefixtures("settings")
def test_each_fleet_is_measured_by_its_configuration() -> None:
    deployment = deployment_of(gone_back().description, gone_back().events)

    measured = measure(FakeClients(), deployment)

    fleets = measured["EU"]["fleets"]
    assert [(each["kind"], each["version"], each["configuration"]) for each in fleets] == [
        ("former", 1, FORMER),
        ("new", 2, NEW),
    ]
    assert fleets[1]["requests"][1] == [(STARTED + timedelta(seconds=5)).isoformat(), 6.0]
    alarms = measured["EU"]["alarms"]
    assert [(alarm["name"], alarm["threshold"]) for alarm in alarms] == [
        (f"{NEW}-latency", LIMIT_MICROSECONDS)
    ] * 2


@pytest.mark.usefixtures("settings")
def test_the_page_shows_traffic_the_limit_and_the_way_back(tmp_path: Path) -> None:
    history = gone_back()

    page = write_deployment(
        tmp_path / "d", history.description, history.events, FakeClients()
    ).read_text()

    assert ">Traffic</h2>" in page
    assert "version 1: 40 requests, p99 latency 15 ms in its slowest minute" in page
    assert "version 2: 10 requests, 2 failed, p99 latency 900 ms in its slowest minute" in page
    assert "900 ms, limit 400 ms" in page
    assert 'class="limit"' in page
    assert page.count(">alarm after 6.0 s<") == 1
    assert ">2 times<" in page
    assert ">back after 15.0 s<" in page
    assert "somebody-elses" not in page


@pytest.mark.parametrize(
    "data",
    [
        7,
        "by hand",
        [1],
        {"threshold": "n/a", "recentDatapoints": 7},
        {"threshold": math.nan, "recentDatapoints": [1]},
        {"threshold": 1, "recentDatapoints": [None, "n/a", True, math.inf, math.nan, 10**400]},
    ],
    ids=lambda data: repr(data)[:40],
)
@pytest.mark.usefixtures("settings")
def test_an_alarm_that_somebody_sets_with_data_of_their_own_is_told_by_its_reason(
    tmp_path: Path, data: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paginate(cloudwatch: FakeCloudWatch, **_request: Any) -> Iterator[dict[str, Any]]:
        state = {"stateValue": "ALARM", "stateReason": "tried by hand", "stateReasonData": data}
        item = {
            "AlarmName": f"{NEW}-latency",
            "Timestamp": STARTED + timedelta(seconds=6),
            "HistoryData": json.dumps({"newState": state}),
        }
        yield {"AlarmHistoryItems": [item] if cloudwatch.region == "eu-west-1" else []}

    monkeypatch.setattr(FakeCloudWatch, "paginate", paginate)
    history = gone_back()

    page = write_deployment(
        tmp_path / "d", history.description, history.events, FakeClients()
    ).read_text()

    assert "tried by hand" in page


@pytest.mark.usefixtures("settings")
def test_what_could_not_be_measured_is_told(tmp_path: Path) -> None:
    history = deployed()

    page = write_deployment(
        tmp_path / "d", history.description, history.events, FakeClients()
    ).read_text()

    assert "Not measured: " in page
    assert "Throttling" in page


def test_a_record_without_measurements_has_a_page_without_traffic(tmp_path: Path) -> None:
    history = deployed()

    page = write_deployment(tmp_path / "d", history.description, history.events).read_text()

    assert ">Traffic</h2>" not in page


@pytest.mark.parametrize("measured", [{"EU": {}}, ["EU"]])
def test_a_record_with_damaged_measurements_is_told(tmp_path: Path, measured: Any) -> None:
    history = deployed()
    page = write_deployment(tmp_path / "d", history.description, history.events)
    first, path = page.read_bytes(), tmp_path / "d" / DEPLOYMENT_RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), "measured": measured}))

    with pytest.raises(ReleaseError, match=r"deployment\.json is damaged"):
        write_deployment_report(tmp_path / "d")
    assert page.read_bytes() == first


@pytest.mark.usefixtures("settings")
def test_the_page_is_written_again_with_what_was_measured(tmp_path: Path) -> None:
    history = gone_back()
    page = write_deployment(tmp_path / "d", history.description, history.events, FakeClients())
    first = page.read_bytes()

    assert write_deployment_report(tmp_path / "d").read_bytes() == first
