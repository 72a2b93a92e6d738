"""Evaluates alarms, which moto keeps in the state that they are set to.

A period of an alarm passes at the pace of the embedded AWS, as what services wait for does. An
alarm keeps its state until its metrics have had data, and for a while after SetAlarmState.

Sources: "Using Amazon CloudWatch alarms" in the user guide, for missing data and M out of N;
"Alarm events and EventBridge" there; SetAlarmState in the API reference.
"""

from __future__ import annotations

import json
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from threading import Thread
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.authorization.sessions import ServiceCaller
from local.emulator.events.delivery import EventDelivery
from local.emulator.monitoring.datapoints import UnknownMathError, expression_value, statistic
from local.emulator.pace import Pace

_TICK_SECONDS: Final = 0.1
_HELD_SECONDS: Final = 2.0
"""How long a state stays that was set by hand, of this machine."""
_COMPARED: Final[Mapping[str, tuple[str, Callable[[float, float], bool]]]] = {
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", lambda a, b: a >= b),
    "GreaterThanThreshold": ("greater than", lambda a, b: a > b),
    "LessThanOrEqualToThreshold": ("less than or equal to", lambda a, b: a <= b),
    "LessThanThreshold": ("less than", lambda a, b: a < b),
}
_ACTIONS: Final = {
    "ALARM": "alarm_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
    "OK": "ok_actions",
}
_EVENT: Final = "CloudWatch Alarm State Change"

MetricKey = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass
class _Series:
    """The values of the metrics of a region, by name and dimensions, in the order of time."""

    read: int = 0
    values: dict[MetricKey, tuple[list[float], list[float]]] = field(default_factory=dict)

    def follow(self, backend: Any) -> None:
        """Take over what is new."""
        data = backend.metric_data
        for datum in data[self.read :]:
            value = getattr(datum, "value", None)
            if value is not None:
                times, values = self.values.setdefault(_key_of(datum), ([], []))
                times.append(_timestamp(datum.timestamp))
                values.append(value)
        self.read = len(data)

    def between(self, key: MetricKey, start: float, end: float) -> Sequence[float]:
        """Return the values of a period."""
        times, values = self.values[key]
        return values[bisect_left(times, start) : bisect_left(times, end)]


@dataclass(frozen=True)
class AlarmWatch:
    """Evaluates the alarms of all regions, again and again."""

    delivery: EventDelivery
    pace: Pace
    _series: dict[str, _Series] = field(default_factory=dict, init=False)

    def install(self) -> None:
        """Begin, and let SetAlarmState do what a new state does."""
        from moto.cloudwatch.models import CloudWatchBackend as Backend

        set_state = Backend.set_alarm_state

        @wraps(set_state)
        def set_alarm_state(
            backend: Any, alarm_name: str, reason: str, reason_data: str, state_value: str
        ) -> None:
            alarm = backend.alarms.get(alarm_name)
            before = alarm and alarm.state_value
            set_state(backend, alarm_name, reason, reason_data, state_value)
            alarm.held_until = time.monotonic() + _HELD_SECONDS
            if state_value != before:
                self._tell(alarm, before)

        Backend.set_alarm_state = set_alarm_state
        Thread(target=self._watch, name="alarms", daemon=True).start()

    def _watch(self) -> None:
        from moto.cloudwatch.models import cloudwatch_backends

        account = self.delivery.sessions.identities.account
        while True:
            time.sleep(_TICK_SECONDS)
            for region, backend in list(cloudwatch_backends[account].items()):
                if backend.metric_data:
                    series = self._series.setdefault(region, _Series())
                    series.follow(backend)
                    for alarm in list(backend.alarms.values()):
                        try:
                            self._look(alarm, series)
                        except Exception:
                            alarm.held_until = float("inf")
                            logging.getLogger(__name__).exception("defect: alarm %s", alarm.name)

    def _look(self, alarm: Any, series: _Series) -> None:
        if alarm.rule or getattr(alarm, "held_until", 0) > time.monotonic():
            return
        try:
            points = self._datapoints(alarm, series)
            state = None if points is None else _state(alarm, points)
        except UnknownMathError as error:
            logging.getLogger(__name__).warning("alarm %s: %s", alarm.name, error)
            alarm.held_until = float("inf")
            return
        if state is not None and state != alarm.state_value:
            before = alarm.state_value
            alarm.update_state(_reason(alarm, points or (), state), "{}", state)
            self._tell(alarm, before)

    def _datapoints(self, alarm: Any, series: _Series) -> list[float | None] | None:
        """Return the value of each period, the newest first; None if there never was one."""
        queries = alarm.metric_data_queries
        metrics = {each.id: each.metric_stat for each in queries if each.metric_stat}
        keys = {name: _key_of_metric(stat.metric) for name, stat in metrics.items()}
        if not queries:
            keys = {"": _key_of(alarm)}
        known = {name: key for name, key in keys.items() if key in series.values}
        if not known:
            return None
        seconds = float(alarm.period or max(int(each.period) for each in metrics.values()))
        length, now = seconds / self.pace.scale, time.time()
        points = []
        for number in range(int(alarm.evaluation_periods)):
            end = now - number * length
            values = {
                name: _of_period(series, known.get(name), (end - length, end), stat)
                for name, stat in _statistics(alarm, metrics)
            }
            points.append(_result(alarm, values) if queries else values[""])
        return points

    def _tell(self, alarm: Any, before: str | None) -> None:
        detail = {
            "alarmName": alarm.name,
            "state": _told_state(alarm, alarm.state_value),
            "previousState": _told_state(alarm, before),
            "configuration": {"description": alarm.description or ""},
        }
        region, arns = alarm.region_name, [alarm.alarm_arn]
        self.delivery.emit("aws.cloudwatch", _EVENT, region, arns, detail)
        if alarm.actions_enabled:
            for arn in getattr(alarm, _ACTIONS[alarm.state_value]) or ():
                if ":sns:" in arn:
                    self.delivery.background.do(self._publish, alarm, arn, before)

    def _publish(self, alarm: Any, topic: str, before: str | None) -> None:
        """Send what CloudWatch sends to a topic, as CloudWatch: the topic's policy decides."""
        region = alarm.region_name
        caller = ServiceCaller(
            service="cloudwatch.amazonaws.com", region=region, source_arn=alarm.alarm_arn
        )
        message = {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AWSAccountId": self.delivery.sessions.identities.account,
            "AlarmArn": alarm.alarm_arn,
            "NewStateValue": alarm.state_value,
            "NewStateReason": alarm.state_reason,
            "StateChangeTime": alarm.state_updated_timestamp.isoformat(),
            "Region": region,
            "OldStateValue": before,
        }
        key = self.delivery.sessions.of_service(caller)
        try:
            self.delivery.clients.client("sns", topic.split(":")[3], key).publish(
                TopicArn=topic,
                Subject=f'{alarm.state_value}: "{alarm.name}" in {region}'[:100],
                Message=json.dumps(message),
            )
        except (BotoCoreError, ClientError) as error:
            logging.getLogger(__name__).warning("alarm %s is not told: %s", alarm.name, error)


def _key_of(named: Any) -> MetricKey:
    """Name the metric of a datum, or of an alarm on one metric."""
    name = getattr(named, "metric_name", None) or named.name
    return named.namespace, name, frozenset((each.name, each.value) for each in named.dimensions)


def _key_of_metric(metric: Any) -> MetricKey:
    pairs = frozenset((each.name, each.value) for each in metric.dimensions or ())
    return metric.namespace, metric.metric_name, pairs


def _timestamp(moment: Any) -> float:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return float((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _statistics(alarm: Any, metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not metrics:
        yield "", alarm.statistic or alarm.extended_statistic
    for name, stat in metrics.items():
        yield name, stat.stat


def _of_period(
    series: _Series, key: MetricKey | None, period: tuple[float, float], name: str
) -> float | None:
    return None if key is None else statistic(series.between(key, *period), name)


def _result(alarm: Any, values: Mapping[str, float | None]) -> float | None:
    """Return what the alarm compares: the one metric or expression that returns data."""
    found = dict(values)
    for query in alarm.metric_data_queries:
        if query.expression:
            found[query.id] = expression_value(query.expression, found)
    watched = [each.id for each in alarm.metric_data_queries if _returns_data(each)]
    return found[watched[0]] if watched else None


def _returns_data(query: Any) -> bool:
    return str(query.return_data).lower() != "false"


def _state(alarm: Any, points: Sequence[float | None]) -> str | None:
    """Decide; None keeps the state."""
    if alarm.comparison_operator not in _COMPARED:
        raise UnknownMathError(f"{alarm.comparison_operator} is not evaluated here")
    _, breaches = _COMPARED[alarm.comparison_operator]
    missing = alarm.treat_missing_data or "missing"
    present = [point for point in points if point is not None]
    if not present and missing == "missing":
        return "INSUFFICIENT_DATA"
    if not present and missing == "ignore":
        return None
    count = sum(bool(breaches(point, float(alarm.threshold))) for point in present)
    if missing == "breaching":
        count += len(points) - len(present)
    wanted = int(alarm.datapoints_to_alarm or alarm.evaluation_periods)
    return "ALARM" if count >= wanted else "OK"


def _reason(alarm: Any, points: Sequence[float | None], state: str) -> str:
    words, _ = _COMPARED[alarm.comparison_operator]
    shown = ", ".join(f"{point:g}" for point in points if point is not None) or "no data"
    how = "was" if state == "ALARM" else "was not"
    return (
        f"Threshold Crossed: of the last {len(points)} datapoints [{shown}], enough {how} {words}"
        f" the threshold ({float(alarm.threshold):g})."
        if state != "INSUFFICIENT_DATA"
        else f"Insufficient Data: {len(points)} datapoints were unknown."
    )


def _told_state(alarm: Any, value: str | None) -> dict[str, Any]:
    moment = alarm.state_updated_timestamp.replace(tzinfo=UTC)
    return {"value": value, "reason": alarm.state_reason, "timestamp": moment.isoformat()}
