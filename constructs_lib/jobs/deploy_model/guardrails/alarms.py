"""The alarms of a deployment: one configuration's latency and errors, and nobody else's.

The third dimension, EndpointConfigName, is that of the new fleet: on the other two alone the former
fleet's troubles would end a deployment.

Sources: "Auto-Rollback Configuration and Monitoring" and "Amazon SageMaker AI metrics in Amazon
CloudWatch" in the Amazon SageMaker Developer Guide: ModelLatency is in microseconds;
Invocation5XXErrors is 1 for a request that the model failed and 0 for each other one, so that its
average is their share, and there is none without requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Document = Mapping[str, Any]

LATENCY: Final = "latency"
ERRORS: Final = "errors"
KINDS: Final = (LATENCY, ERRORS)
"""What the names of the alarms end with."""
NAMESPACE: Final = "AWS/SageMaker"
_PERIOD_SECONDS: Final = 60
_PERIODS: Final = 2
"""A fleet's first requests are slow: they trip nothing by themselves."""
_MICROSECONDS: Final = 1000


def alarm_names(settings: Document, configuration_name: str) -> list[str]:
    """Name what ends an update to a configuration: its alarms, and those that a config names."""
    own = [each["AlarmName"] for each in alarm_requests(settings, configuration_name)]
    return [*own, *settings["alarms"]["names"]]


def alarm_requests(settings: Document, configuration_name: str) -> list[dict[str, Any]]:
    """Return the arguments of PutMetricAlarm for each alarm of a configuration."""
    return endpoint_alarms(settings, configuration_name, fleet(settings, configuration_name))


def endpoint(settings: Document) -> list[dict[str, str]]:
    """Return the dimensions of what an endpoint answers, whatever it serves with."""
    names = {"EndpointName": settings["endpoint_name"], "VariantName": settings["variant_name"]}
    return [{"Name": name, "Value": value} for name, value in names.items()]


def fleet(settings: Document, configuration_name: str) -> list[dict[str, str]]:
    """Return the dimensions of what the instances of one configuration answer."""
    return [*endpoint(settings), {"Name": "EndpointConfigName", "Value": configuration_name}]


def endpoint_alarms(
    settings: Document, prefix: str, dimensions: list[dict[str, str]]
) -> list[dict[str, Any]]:
    """Return the arguments of PutMetricAlarm for each limit that there is.

    Args:
        settings: The settings document.
        prefix: What the names of the alarms begin with.
        dimensions: Of the metrics.
    """
    limits = settings["alarms"]
    shared = {
        "Namespace": NAMESPACE,
        "Dimensions": dimensions,
        "Period": _PERIOD_SECONDS,
        "EvaluationPeriods": _PERIODS,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    requests = []
    if limits["latency_milliseconds"] is not None:
        requests.append(
            {
                "AlarmName": f"{prefix}-{LATENCY}",
                "AlarmDescription": "Slowest 1 % of requests: latency of the model, microseconds",
                "MetricName": "ModelLatency",
                "ExtendedStatistic": "p99",
                "Threshold": float(_MICROSECONDS * limits["latency_milliseconds"]),
                **shared,
            }
        )
    if limits["error_rate_percent"] is not None:
        requests.append(
            {
                "AlarmName": f"{prefix}-{ERRORS}",
                "AlarmDescription": "Share of requests that the model failed (5XX), 0 to 1",
                "MetricName": "Invocation5XXErrors",
                "Statistic": "Average",
                "Threshold": limits["error_rate_percent"] / 100,
                **shared,
            }
        )
    return requests
