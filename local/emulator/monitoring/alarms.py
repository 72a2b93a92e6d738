"""Evaluates alarms, which moto keeps in the state that they are set to.

A period of an alarm passes at the pace of the embedded AWS, as what services wait for does. Each
one is looked at once it is over, and none is left out however slow this machine is. A state that
SetAlarmState has set stays for a while.

Sources: "Using Amazon CloudWatch alarms" in the user guide, for missing data and M out of N;
PutMetricAlarm and SetAlarmState in the API reference.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import wraps
from threading import Thread
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.authorization.sessions import ServiceCaller
from local.emulator.events.delivery import EventDelivery
from local.emulator.monitoring.alarm_events import ALARM_CHANGE, event_detail, returns_data
from local.emulator.monitoring.alarm_history import AlarmHistory, AlarmState
from local.emulator.monitoring.datapoints import UnknownMathError, expression_value, statistic
from local.emulator.monitoring.evaluation import (
    FURTHER_PERIODS,
    PeriodDatapoint,
    alarm_period,
    outcome_of,
)
from local.emulator.monitoring.series import (
    MetricKey,
    MetricSeries,
    current_series,
    metric_key,
)
from local.emulator.monitoring.times import in_utc
from local.emulator.pace import Pace

_TICK_SECONDS: Final = 0.1
_LATE_SECONDS: Final = 0.05
"""How long after the end of a period its last values can come, of this machine."""
_MOST_PERIODS: Final = 100
"""Looked at in one go, after this machine was suspended."""
_HELD_SECONDS: Final = 2.0
"""How long a state stays that was set by hand, of this machine."""
_ACTIONS: Final = {
    "ALARM": "alarm_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
    "OK": "ok_actions",
}
_KEPT: Final = (
    "state_value",
    "state_reason",
    "state_reason_data",
    "state_updated_timestamp",
    "history",
)
"""Of an alarm that is put once more."""


@dataclass(frozen=True)
class AlarmWatch:
    """Evaluates the alarms of all regions, again and again."""

    delivery: EventDelivery
    pace: Pace

    def install(self) -> None:
        """Begin, and let SetAlarmState do what a new state does."""
        from moto.cloudwatch.models import CloudWatchBackend as Backend

        AlarmHistory.install()
        put, set_state = Backend.put_metric_alarm, Backend.set_alarm_state

        @wraps(put)
        def put_metric_alarm(backend: Any, name: str, *arguments: Any, **named: Any) -> Any:
            before = backend.alarms.get(name)
            alarm = put(backend, name, *arguments, **named)
            if not alarm.rule:
                alarm.state_value = "INSUFFICIENT_DATA"
            for member in _KEPT if before is not None else ():
                setattr(alarm, member, getattr(before, member))
            return alarm

        @wraps(set_state)
        def set_alarm_state(
            backend: Any, alarm_name: str, reason: str, reason_data: str, state_value: str
        ) -> None:
            alarm = backend.alarms.get(alarm_name)
            before = alarm and _state_of(alarm)
            set_state(backend, alarm_name, reason, reason_data, state_value)
            alarm.held_until = time.monotonic() + _HELD_SECONDS
            if state_value != before.value:
                self._tell(backend, alarm, before)

        Backend.put_metric_alarm = put_metric_alarm
        Backend.set_alarm_state = set_alarm_state
        Thread(target=self._watch, name="alarms", daemon=True).start()

    def _watch(self) -> None:
        from moto.cloudwatch.models import cloudwatch_backends

        account = self.delivery.sessions.identities.account
        while True:
            time.sleep(_TICK_SECONDS)
            for backend in list(cloudwatch_backends[account].values()):
                for alarm in list(backend.alarms.values()):
                    try:
                        self._look(backend, alarm)
                    except Exception:
                        alarm.held_until = float("inf")
                        logging.getLogger(__name__).exception("defect: alarm %s", alarm.name)

    def _look(self, backend: Any, alarm: Any) -> None:
        """Evaluate an alarm for each period that is over and was not looked at."""
        if alarm.rule or getattr(alarm, "held_until", 0) > time.monotonic():
            return
        length, now = alarm_period(alarm) / self.pace.scale, time.time()
        last = math.floor((now - _LATE_SECONDS) / length) - 1
        looked = max(getattr(alarm, "looked", last - 1), last - _MOST_PERIODS)
        series = current_series(backend)
        for period in range(looked + 1, last + 1):
            try:
                outcome = outcome_of(alarm, self._datapoints(alarm, series, period, length), now)
            except UnknownMathError as error:
                logging.getLogger(__name__).warning("alarm %s: %s", alarm.name, error)
                alarm.held_until = float("inf")
                return
            if outcome is not None and outcome.state != alarm.state_value:
                before = _state_of(alarm)
                alarm.update_state(outcome.reason, outcome.reason_data, outcome.state)
                self._tell(backend, alarm, before)
        alarm.looked = last

    def _datapoints(
        self, alarm: Any, series: MetricSeries, last: int, length: float
    ) -> list[PeriodDatapoint]:
        """Return what there is of each period of the evaluation range, the newest first."""
        count = int(alarm.evaluation_periods) + FURTHER_PERIODS
        return [
            _datapoint(alarm, series, number * length, length)
            for number in range(last, last - count, -1)
        ]

    def _tell(self, backend: Any, alarm: Any, before: AlarmState) -> None:
        now = _state_of(alarm)
        if now.value == "ALARM":
            alarm.tripped = time.monotonic()
        AlarmHistory.of(backend).add(alarm.name, before, now)
        detail = event_detail(alarm, before, now)
        region, arns = alarm.region_name, [alarm.alarm_arn]
        self.delivery.emit("aws.cloudwatch", ALARM_CHANGE, region, arns, detail)
        if alarm.actions_enabled:
            for arn in getattr(alarm, _ACTIONS[alarm.state_value]) or ():
                if ":sns:" in arn:
                    self.delivery.background.do(self._publish, alarm, arn, before.value)

    def _publish(self, alarm: Any, topic: str, before: str) -> None:
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


def _state_of(alarm: Any) -> AlarmState:
    moment = in_utc(alarm.state_updated_timestamp)
    return AlarmState(
        alarm.state_value, alarm.state_reason, alarm.state_reason_data or "{}", moment
    )


def _datapoint(alarm: Any, series: MetricSeries, start: float, length: float) -> PeriodDatapoint:
    """Return what an alarm compares in a period."""
    end = start + length
    if not alarm.metric_data_queries:
        found = series.between(_key_of(alarm), start, end)
        name = alarm.statistic or alarm.extended_statistic
        return PeriodDatapoint(start, statistic(found, name), len(found))
    values = {
        query.id: statistic(
            series.between(_key_of(query.metric_stat.metric), start, end), query.metric_stat.stat
        )
        for query in alarm.metric_data_queries
        if query.metric_stat
    }
    return PeriodDatapoint(start, _result(alarm, values))


def _key_of(named: Any) -> MetricKey:
    """Name the metric of an alarm, or of a query of one."""
    pairs = ((each.name, each.value) for each in named.dimensions or ())
    return metric_key(named.namespace, named.metric_name, pairs)


def _result(alarm: Any, values: Mapping[str, float | None]) -> float | None:
    """Return what the alarm compares: the one metric or expression that returns data."""
    found = dict(values)
    for query in alarm.metric_data_queries:
        if query.expression:
            found[query.id] = expression_value(query.expression, found)
    watched = [each.id for each in alarm.metric_data_queries if returns_data(each)]
    return found[watched[0]] if watched else None
