"""DescribeAlarmHistory, which moto lacks: each new state of an alarm, also of one that is deleted.

Only updates of states are kept, neither configurations nor actions.

Source: DescribeAlarmHistory in the Amazon CloudWatch API reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from local.emulator.monitoring.times import in_utc

_KIND: Final = "StateUpdate"
_MOST: Final = 100
"""MaxRecords of the service model."""


class AlarmState(NamedTuple):
    """A state of an alarm: since when, and why."""

    value: str
    reason: str
    reason_data: str
    since: datetime

    def kept(self) -> dict[str, Any]:
        """Return what the history has of it."""
        return {
            "stateValue": self.value,
            "stateReason": self.reason,
            "stateReasonData": json.loads(self.reason_data),
        }


@dataclass(frozen=True)
class AlarmHistory:
    """The history of a region's alarms, the oldest first."""

    _items: list[dict[str, Any]] = field(default_factory=list)

    @staticmethod
    def of(backend: Any) -> AlarmHistory:
        """Return that of moto's backend of a region."""
        history: AlarmHistory = vars(backend).setdefault("alarm_history", AlarmHistory())
        return history

    @staticmethod
    def install() -> None:
        """Answer the call."""
        from moto.cloudwatch.responses import CloudWatchResponse as Answers
        from moto.core.responses import ActionResult

        def describe_alarm_history(response: Any) -> Any:
            history = AlarmHistory.of(response.cloudwatch_backend)
            return ActionResult(history._page(response._get_params()))

        Answers.describe_alarm_history = describe_alarm_history

    def add(self, name: str, before: AlarmState, now: AlarmState) -> None:
        """Keep a new state."""
        data = {"version": "1.0", "oldState": before.kept(), "newState": now.kept()}
        self._items.append(
            {
                "AlarmName": name,
                "AlarmType": "MetricAlarm",
                "Timestamp": now.since,
                "HistoryItemType": _KIND,
                "HistorySummary": f"Alarm updated from {before.value} to {now.value}",
                "HistoryData": json.dumps(data),
            }
        )

    def _page(self, given: dict[str, Any]) -> dict[str, Any]:
        found = list(self._found(given))
        if given.get("ScanBy") != "TimestampAscending":
            found.reverse()
        start, count = int(given.get("NextToken") or 0), int(given.get("MaxRecords") or _MOST)
        page: dict[str, Any] = {"AlarmHistoryItems": found[start : start + count]}
        if start + count < len(found):
            page["NextToken"] = str(start + count)
        return page

    def _found(self, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
        start, end = (given.get(each) and in_utc(given[each]) for each in ("StartDate", "EndDate"))
        for item in list(self._items):
            if given.get("AlarmName") not in (None, item["AlarmName"]):
                continue
            if given.get("HistoryItemType") not in (None, _KIND):
                continue
            if (start and item["Timestamp"] < start) or (end and item["Timestamp"] > end):
                continue
            yield item
