"""What an alarm makes of the datapoints of its periods: its state, and why, in CloudWatch's words.

Sources: "Configuring how CloudWatch alarms treat missing data" and "Alarm events and EventBridge"
in the Amazon CloudWatch user guide; StateReason and StateReasonData of DescribeAlarms as public
records of answers have them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from local.emulator.monitoring.datapoints import UnknownMathError
from local.emulator.monitoring.times import time_text

FURTHER_PERIODS: Final = 2
"""Looked at beyond the evaluation periods, for datapoints in place of missing ones: the guide has
an evaluation range of five periods for three."""
_COMPARED: Final[Mapping[str, tuple[str, Callable[[float, float], bool]]]] = {
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", lambda a, b: a >= b),
    "GreaterThanThreshold": ("greater than", lambda a, b: a > b),
    "LessThanOrEqualToThreshold": ("less than or equal to", lambda a, b: a <= b),
    "LessThanThreshold": ("less than", lambda a, b: a < b),
}
_TREATED: Final = {"breaching": "Breaching", "notBreaching": "NonBreaching"}


class PeriodDatapoint(NamedTuple):
    """What a period has: its begin, the value if there is one, and of how many samples."""

    time: float
    value: float | None
    samples: int | None = None
    """None for an expression."""


@dataclass(frozen=True)
class AlarmOutcome:
    """A state and its reasons."""

    state: str
    reason: str
    reason_data: str


def outcome_of(alarm: Any, points: Sequence[PeriodDatapoint], now: float) -> AlarmOutcome | None:
    """Evaluate an alarm; None keeps its state.

    Args:
        alarm: As moto keeps it.
        points: Of its evaluation periods and :data:`FURTHER_PERIODS`, the newest first.
        now: When, seconds since the epoch.

    Raises:
        UnknownMathError: It compares in a way that is not evaluated here.
    """
    if alarm.comparison_operator not in _COMPARED:
        raise UnknownMathError(f"{alarm.comparison_operator} is not evaluated here")
    words, breaches = _COMPARED[alarm.comparison_operator]
    count = int(alarm.evaluation_periods)
    present = [each for each in points if each.value is not None][:count]
    absent = count - len(present)
    missing = alarm.treat_missing_data or "missing"
    if not present and missing == "ignore":
        return None
    if not present and missing == "missing":
        reason = f"Insufficient Data: {_counted(absent)} {_were(absent)} unknown."
        return AlarmOutcome("INSUFFICIENT_DATA", reason, _reason_data(alarm, points, present, now))
    breaching = [each for each in present if breaches(each.value or 0.0, float(alarm.threshold))]
    wanted = int(alarm.datapoints_to_alarm or count)
    is_alarm = len(breaching) + (absent if missing == "breaching" else 0) >= wanted
    shown = breaching if is_alarm else [each for each in present if each not in breaching]
    state = "ALARM" if is_alarm else "OK"
    parts = _crossed(alarm, shown, "" if is_alarm else "not ", words)
    reason = " and ".join([*parts, *_filled(absent, missing, present)])
    after = _transition(alarm, state, wanted if is_alarm else count - wanted + 1)
    return AlarmOutcome(
        state, f"Threshold Crossed: {reason}{after}.", _reason_data(alarm, points, present, now)
    )


def _crossed(alarm: Any, shown: Sequence[PeriodDatapoint], no: str, words: str) -> Iterator[str]:
    if not shown:
        return
    listed = ", ".join(
        f"{each.value} ({datetime.fromtimestamp(each.time, UTC):%d/%m/%y %H:%M:%S})"
        for each in shown
    )
    which = _counted(len(shown))
    if alarm.datapoints_to_alarm:
        which = f"{len(shown)} out of the last {alarm.evaluation_periods} datapoints"
    verb = _were(len(shown))
    yield f"{which} [{listed}] {verb} {no}{words} the threshold ({float(alarm.threshold)})"


def _filled(absent: int, missing: str, present: Sequence[PeriodDatapoint]) -> Iterator[str]:
    """Say what stands in place of periods without data."""
    if absent and not present:
        yield f"no datapoints were received for {absent} period{_s(absent)}"
    if absent and missing in _TREATED:
        verb = f"{_were(absent)} treated as [{_TREATED[missing]}]"
        yield f"{absent} missing datapoint{_s(absent)} {verb}"


def _transition(alarm: Any, state: str, least: int) -> str:
    if not alarm.datapoints_to_alarm:
        return ""
    before = "ALARM" if state == "OK" else "OK"
    return f" (minimum {_counted(least)} for {before} -> {state} transition)"


def _reason_data(
    alarm: Any,
    points: Sequence[PeriodDatapoint],
    present: Sequence[PeriodDatapoint],
    now: float,
) -> str:
    evaluated = present or points[: int(alarm.evaluation_periods)]
    told: dict[str, Any] = {"version": "1.0", "queryDate": time_text(now)}
    if present:
        told["startDate"] = time_text(present[-1].time)
    if name := alarm.statistic or alarm.extended_statistic:
        told["statistic"] = name
    return json.dumps(
        {
            **told,
            "period": int(alarm_period(alarm)),
            "recentDatapoints": [each.value for each in reversed(present)],
            "threshold": float(alarm.threshold),
            "evaluatedDatapoints": [dict(_evaluated(each)) for each in evaluated],
        }
    )


def _evaluated(point: PeriodDatapoint) -> Iterator[tuple[str, Any]]:
    yield "timestamp", time_text(point.time)
    if point.value is not None:
        if point.samples is not None:
            yield "sampleCount", float(point.samples)
        yield "value", point.value


def alarm_period(alarm: Any) -> float:
    """Return the period of an alarm, seconds of the service."""
    stats = (each.metric_stat for each in alarm.metric_data_queries)
    return float(alarm.period or max(int(each.period) for each in stats if each))


def _counted(count: int) -> str:
    return f"{count} datapoint{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
