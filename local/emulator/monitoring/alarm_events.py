"""What an event tells of an alarm that has come to another state.

Source: the sample events of "Alarm events and EventBridge" in the Amazon CloudWatch user guide.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

from local.emulator.monitoring.alarm_history import AlarmState
from local.emulator.monitoring.times import time_text

ALARM_CHANGE: Final = "CloudWatch Alarm State Change"


def event_detail(alarm: Any, before: AlarmState, now: AlarmState) -> dict[str, Any]:
    """Return the ``detail`` of the event.

    Args:
        alarm: As moto keeps it.
        before: The state that it was in.
        now: The state that it is in.
    """
    return {
        "alarmName": alarm.name,
        "configuration": dict(_configuration(alarm)),
        "previousState": dict(_told(before)),
        "state": dict(_told(now)),
    }


def returns_data(query: Any) -> bool:
    """Tell whether an alarm compares what a query of it returns."""
    return str(query.return_data).lower() != "false"


def _told(state: AlarmState) -> Iterator[tuple[str, Any]]:
    yield "value", state.value
    yield "reason", state.reason
    if state.reason_data != "{}":  # before its first evaluation it has none
        yield "reasonData", state.reason_data
    yield "timestamp", time_text(state.since.timestamp())


def _configuration(alarm: Any) -> Iterator[tuple[str, Any]]:
    if alarm.description:
        yield "description", alarm.description
    if alarm.metric_data_queries:
        yield "metrics", [dict(_query(each)) for each in alarm.metric_data_queries]
    else:
        stat = alarm.statistic or alarm.extended_statistic
        told = _metric_stat(alarm, alarm.period, stat)
        yield "metrics", [{"id": str(uuid.uuid4()), "metricStat": told, "returnData": True}]


def _query(query: Any) -> Iterator[tuple[str, Any]]:
    yield "id", query.id
    if query.expression:
        yield "expression", query.expression
    if query.label:
        yield "label", query.label
    if query.metric_stat:
        stat = query.metric_stat
        yield "metricStat", _metric_stat(stat.metric, stat.period, stat.stat)
    yield "returnData", returns_data(query)


def _metric_stat(metric: Any, period: Any, stat: str) -> dict[str, Any]:
    return {
        "metric": {
            "namespace": metric.namespace,
            "name": metric.metric_name,
            "dimensions": {each.name: each.value for each in metric.dimensions or ()},
        },
        "period": int(period),
        "stat": stat,
    }
