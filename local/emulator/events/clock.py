"""The clock of schedules: real time, which tests can turn forward."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from threading import Lock, Thread
from typing import Any, Final

from local.emulator.authorization.sessions import ServiceCaller
from local.emulator.events.delivery import EventDelivery, iso_time
from local.emulator.events.inputs import input_for
from local.emulator.events.schedules import Recurrence
from local.emulator.events.targets import Sender
from local.emulator.pace import Pace

_TICK_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Due:
    """Something to do at a time."""

    at: datetime
    arn: str
    """The schedule or rule."""
    run: Callable[[], None]


class Clock:
    """Runs what is due: the schedules of EventBridge Scheduler, and rules with one."""

    def __init__(self, delivery: EventDelivery, pace: Pace) -> None:
        """Begin now, without looking back; ``pace`` is turned along."""
        self._delivery = delivery
        self._pace = pace
        self._turned = timedelta()
        self._looked = datetime.now(UTC)
        self._watched: list[Callable[[datetime, datetime], Iterator[Due]]] = []
        self._lock = Lock()

    def watch_rules(self) -> None:
        """Run the rules of EventBridge that have a schedule; called once, when it is in use."""
        from moto.events.models import Rule

        self._remember_creation(Rule)
        self._watch(self._due_rules)

    def watch_schedules(self) -> None:
        """Run the schedules of EventBridge Scheduler; called once, when it is in use."""
        from moto.scheduler.models import Schedule

        self._remember_creation(Schedule)
        self._watch(self._due_schedules)

    def _remember_creation(self, kind: Any) -> None:
        initialize = kind.__init__

        @wraps(initialize)
        def remember(created: Any, *arguments: Any, **named: Any) -> None:
            initialize(created, *arguments, **named)
            created.created_at = self.now

        kind.__init__ = remember

    def _watch(self, find: Callable[[datetime, datetime], Iterator[Due]]) -> None:
        with self._lock:
            self._watched.append(find)
            if len(self._watched) == 1:
                Thread(target=self._tick, daemon=True).start()

    def advance(self, seconds: float) -> list[str]:
        """Turn the clock forward; returns the ARNs of what was due until then, in its order."""
        self._pace.turn(seconds)
        with self._lock:
            self._turned += timedelta(seconds=seconds)
            return self._run_due()

    @property
    def now(self) -> datetime:
        """The time, as turned."""
        return datetime.now(UTC) + self._turned

    def _tick(self) -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            with self._lock:
                self._run_due()

    def _run_due(self) -> list[str]:
        until = self.now
        found = [each for find in self._watched for each in find(self._looked, until)]
        self._looked = until
        due = sorted(found, key=lambda each: each.at)
        for each in due:
            each.run()
        return [each.arn for each in due]

    def _due_schedules(self, after: datetime, until: datetime) -> Iterator[Due]:
        from moto.scheduler.models import scheduler_backends

        account = self._delivery.sessions.identities.account
        for region, backend in list(scheduler_backends[account].items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    yield from self._due_times(schedule, region, after, until)

    def _due_times(
        self, schedule: Any, region: str, after: datetime, until: datetime
    ) -> Iterator[Due]:
        if schedule.state != "ENABLED":
            return
        recurrence = Recurrence(
            schedule.schedule_expression,
            max(schedule.created_at, _time(schedule.start_date) or schedule.created_at),
            schedule.schedule_expression_timezone,
            starts_at_once=True,
        )
        end = _time(schedule.end_date)
        for at in recurrence.due(after, until if end is None else min(until, end)):
            yield Due(at, schedule.arn, partial(self._run_schedule, schedule, region))

    def _run_schedule(self, schedule: Any, region: str) -> None:
        caller = ServiceCaller(
            service="scheduler.amazonaws.com", region=region, source_arn=schedule.arn
        )
        sender = Sender(self._delivery.clients, self._delivery.sessions, caller)
        text = schedule.target.get("Input") or "{}"
        self._delivery.background.do(sender.send, schedule.target, text)
        is_once = schedule.schedule_expression.startswith("at(")
        if is_once and schedule.action_after_completion == "DELETE":
            from moto.scheduler.models import scheduler_backends

            backend = scheduler_backends[self._delivery.sessions.identities.account][region]
            backend.delete_schedule(schedule.group_name, schedule.name)

    def _due_rules(self, after: datetime, until: datetime) -> Iterator[Due]:
        from moto.events.models import events_backends

        account = self._delivery.sessions.identities.account
        for backend in list(events_backends[account].values()):
            for rule in list(backend.event_buses["default"].rules.values()):
                if rule.state == "ENABLED" and rule.scheduled_expression:
                    recurrence = Recurrence(rule.scheduled_expression, rule.created_at)
                    for at in recurrence.due(after, until):
                        yield Due(at, rule.arn, partial(self._run_rule, rule, at))

    def _run_rule(self, rule: Any, at: datetime) -> None:
        event = {
            "version": "0",
            "id": f"{at:%Y%m%d%H%M}-{rule.name}",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": rule.account_id,
            "time": iso_time(at),
            "region": rule.region_name,
            "resources": [rule.arn],
            "detail": {},
        }
        sender = self._delivery.sender(rule)
        for target in rule.targets:
            text = input_for(target, event, rule.arn)
            self._delivery.background.do(sender.send, target, text)


def _time(value: Any) -> datetime | None:
    """Read a time of moto's: seconds since 1970, or text."""
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(str(value)).astimezone(UTC)
