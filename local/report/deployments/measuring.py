"""What Amazon CloudWatch knows of a deployment: requests, errors, latency, alarms, by region.

It is read when a deployment has ended, and kept beside its history: an embedded AWS is gone later.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.endpoints.deployment import DeploymentExecution
from constructs_lib.endpoints.workflow import AwsClients

_NAMESPACE: Final = "AWS/SageMaker"
_PERIOD_SECONDS: Final = 60
_LAST: Final = timedelta(seconds=1)
"""For requests that were answered as the deployment ended."""
_METRICS: Final = {
    "requests": ("Invocations", "Sum"),
    "errors": ("Invocation5XXErrors", "Sum"),
    "latency": ("ModelLatency", "p99"),
}


def measure(clients: AwsClients, deployment: DeploymentExecution) -> dict[str, Any]:
    """Read what was measured while a deployment ran.

    Args:
        clients: Of the AWS that it ran in.
        deployment: One that has ended.

    Returns:
        By region: ``fleets``, of the former and the new version, and ``alarms``, in the order of
        time; ``problem`` where they could not be read.
    """
    return {
        target["region_code"]: _of_region(clients, deployment, target)
        for wave in deployment.waves
        for target in wave
    }


def _of_region(
    clients: AwsClients, deployment: DeploymentExecution, target: Mapping[str, Any]
) -> dict[str, Any]:
    cloudwatch = clients.client("cloudwatch", target["aws_region"])
    fleets = list(_fleets(deployment, target))
    try:
        return {
            "fleets": [
                {**fleet, **_series(cloudwatch, deployment, fleet["configuration"])}
                for fleet in fleets
            ],
            "alarms": list(_alarms(cloudwatch, deployment, fleets)),
        }
    except (BotoCoreError, ClientError) as error:
        return {"fleets": [], "alarms": [], "problem": str(error)}


def _fleets(deployment: DeploymentExecution, target: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Name the configurations that served a region, the former one first."""
    former = target.get("former") or {}
    if former.get("endpoint_config_name"):
        name, version = former["endpoint_config_name"], former.get("version")
        yield {"kind": "former", "version": version, "configuration": name}
    for task in deployment.tasks:
        name = (task.outcome or {}).get("endpoint_config_name")
        if task.action == "prepare" and task.region == target["region_code"] and name:
            yield {"kind": "new", "version": target.get("version"), "configuration": name}
            return


def _window(deployment: DeploymentExecution) -> tuple[datetime, datetime]:
    return deployment.start_time, deployment.last_time + _LAST


def _series(cloudwatch: Any, deployment: DeploymentExecution, configuration: str) -> dict[str, Any]:
    settings = deployment.settings
    dimensions = {
        "EndpointName": settings["endpoint_name"],
        "VariantName": settings["variant_name"],
        "EndpointConfigName": configuration,
    }
    pairs = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    start, end = _window(deployment)
    queries = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": _NAMESPACE,
                    "MetricName": metric,
                    "Dimensions": pairs,
                },
                "Period": _PERIOD_SECONDS,
                "Stat": stat,
            },
        }
        for name, (metric, stat) in _METRICS.items()
    ]
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )
    return {
        each["Id"]: [
            [time.isoformat(), value]
            for time, value in zip(each["Timestamps"], each["Values"], strict=True)
        ]
        for each in answer["MetricDataResults"]
    }


def _alarms(
    cloudwatch: Any, deployment: DeploymentExecution, fleets: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield what became ALARM, of the deployment's alarms and of those that the config names."""
    start, end = _window(deployment)
    own = tuple(f"{each['configuration']}-" for each in fleets)
    named = (deployment.settings.get("alarms") or {}).get("names", [])
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        HistoryItemType="StateUpdate",
        StartDate=start,
        EndDate=end,
        ScanBy="TimestampAscending",
    )
    for item in (item for page in pages for item in page["AlarmHistoryItems"]):
        # As floats: what is larger than any of them is infinite then, and told as none.
        name, history = item["AlarmName"], json.loads(item["HistoryData"], parse_int=float)
        state = history["newState"]
        if state["stateValue"] == "ALARM" and (name in named or (own and name.startswith(own))):
            given = state.get("stateReasonData")
            data = given if isinstance(given, dict) else {}
            yield {
                "name": name,
                "time": item["Timestamp"].isoformat(),
                "values": _numbers(data.get("recentDatapoints")),
                "threshold": next(iter(_numbers([data.get("threshold")])), None),
                "reason": state.get("stateReason", ""),
            }


def _numbers(given: object) -> list[float]:
    """Return the numbers of what may be any JSON: who calls SetAlarmState writes it."""
    listed = given if isinstance(given, list) else []
    return [each for each in listed if isinstance(each, float) and math.isfinite(each)]
