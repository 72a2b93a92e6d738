"""What Amazon CloudWatch knows of endpoints that moto does not: history of alarms, and metrics.

The alarms themselves are moto's. Source: DescribeAlarmHistory and GetMetricStatistics in the Amazon
CloudWatch API reference.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from moto.cloudwatch.models import cloudwatch_backends

from benchmarks.faults.serving.clock import CLOCK

_ACCOUNT: Final = "123456789012"
SLOW: Final = (923_000.0, 1_011_000.0)
"""p99 of two minutes, microseconds."""


@dataclass
class FakeAlarms:
    """States that alarms had, and requests that fleets were sent."""

    invocations: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By region and configuration."""
    _states: list[tuple[str, str, datetime, dict[str, Any]]] = field(default_factory=list)

    def trip(
        self,
        region: str,
        name: str,
        *,
        data: Any = None,
        reason: str = "Threshold Crossed: 2 datapoints were greater than the threshold.",
    ) -> None:
        """Let an alarm go into ALARM, if it is there; by default because of latency.

        As data SetAlarmState takes any JSON.
        """
        told = {"version": "1.0", "recentDatapoints": list(SLOW)} if data is None else data
        self._set(region, name, "ALARM", reason, told)

    def combine(self, region: str, name: str, rule: str) -> None:
        """Let there be a composite alarm: moto has them, and no call that makes one."""
        no_metric = dict.fromkeys(
            ("namespace", "metric_name", "comparison_operator", "period", "threshold", "statistic")
        )
        cloudwatch_backends[_ACCOUNT][region].put_metric_alarm(
            name,
            **no_metric,
            evaluation_periods=0,
            description="",
            dimensions=[],
            alarm_actions=[],
            rule=rule,
        )

    def delete(self, region: str, name: str) -> None:
        """Let somebody delete an alarm."""
        cloudwatch_backends[_ACCOUNT][region].delete_alarms([name])

    def calm(self, region: str, name: str) -> None:
        """Let an alarm be OK again."""
        self._set(region, name, "OK", "Threshold Crossed: no datapoints were received.", {})

    def _set(self, region: str, name: str, value: str, reason: str, data: Any) -> None:
        # Not as a client: what happens by itself meets no fault.
        alarm = cloudwatch_backends[_ACCOUNT][region].alarms.get(name)
        if alarm is None:
            return
        alarm.update_state(reason, json.dumps(data), value)
        state = {"stateValue": value, "stateReason": reason, "stateReasonData": data}
        self._states.append((region, name, CLOCK.now(), state))

    def history(self, region: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DescribeAlarmHistory, the newest first."""
        items = [
            {
                "AlarmName": name,
                "Timestamp": moment,
                "HistoryItemType": "StateUpdate",
                "HistoryData": json.dumps({"version": "1.0", "newState": state}),
            }
            for place, name, moment, state in reversed(self._states)
            if (place, name) == (region, arguments["AlarmName"])
            if moment >= arguments["StartDate"]
        ]
        return {"AlarmHistoryItems": items}

    def statistics(self, region: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetMetricStatistics, of invocations."""
        dimensions = {each["Name"]: each["Value"] for each in arguments["Dimensions"]}
        count = self.invocations[region, dimensions["EndpointConfigName"]]
        return {"Datapoints": [{"Sum": float(count)}] if count else []}
