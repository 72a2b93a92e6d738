"""Delivers events to the targets of the rules that match them.

moto matches events, and delivers them to few kinds of target, at once, whatever policies say.
Source: "Event bus concepts" in the EventBridge user guide.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

from local.emulator.authorization.sessions import ServiceCaller, Sessions
from local.emulator.background import Background
from local.emulator.clients import Clients
from local.emulator.events.inputs import Event, input_for
from local.emulator.events.origins import origin_of, with_origin
from local.emulator.events.targets import Sender

_DEFAULT_BUS: Final = "default"


@dataclass(frozen=True)
class EventDelivery:
    """Delivers events; what a service emits goes to the default bus of its region."""

    clients: Clients
    sessions: Sessions
    background: Background

    def install(self) -> None:
        """Take the delivery over from moto's EventBridge."""
        from moto.events.models import EventsBackend, Rule

        put, send = EventsBackend.put_events, Rule.send_to_targets

        @wraps(put)
        def put_events(backend: Any, events: list[dict[str, Any]]) -> Any:
            with origin_of(events):
                return put(backend, events)

        @wraps(send)
        def send_to_targets(rule: Any, given: Any, transform_input: bool = True) -> None:  # noqa: FBT001, FBT002  # moto's
            event = with_origin(given)
            others = [each for each in rule.targets if _is_left_to_moto(each["Arn"])]
            if others and rule.state == "ENABLED":
                _with_targets(rule, others, lambda: send(rule, event, transform_input))
            self._send(rule, _as_delivered(event))

        EventsBackend.put_events = put_events
        Rule.send_to_targets = send_to_targets

    def emit(
        self, source: str, kind: str, region: str, resources: Sequence[str], detail: Event
    ) -> None:
        """Put an event of an AWS service on the default bus.

        Args:
            source: Such as ``aws.sagemaker``.
            kind: Its ``detail-type``.
            region: Where it happened.
            resources: ARNs of what it is about.
            detail: What happened.
        """
        from moto.events.models import events_backends

        account = self.sessions.identities.account
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": kind,
            "source": source,
            "account": account,
            "time": iso_time(datetime.now(UTC)),
            "region": region,
            "resources": list(resources),
            "detail": detail,
        }
        bus = events_backends[account][region].event_buses[_DEFAULT_BUS]
        for rule in list(bus.rules.values()):
            self._send(rule, event)

    def _send(self, rule: Any, event: Event) -> None:
        pattern = rule.event_pattern
        if rule.state != "ENABLED" or not pattern.get_pattern() or not pattern.matches_event(event):
            return
        sender = self.sender(rule)
        for target in rule.targets:
            if not _is_left_to_moto(target["Arn"]):
                text = input_for(target, event, rule.arn)
                self.background.do(sender.send, target, text)

    def sender(self, rule: Any) -> Sender:
        """Return what calls the targets of a rule."""
        caller = ServiceCaller(
            service="events.amazonaws.com", region=rule.region_name, source_arn=rule.arn
        )
        return Sender(self.clients, self.sessions, caller)


def iso_time(time: datetime) -> str:
    """Write a time as events do: UTC, in whole seconds."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _is_left_to_moto(arn: str) -> bool:
    """Whether a target is a log group, an archive or an API destination."""
    _, _, service, _, _, resource = arn.split(":", 5)
    return service == "logs" or (service == "events" and not resource.startswith("event-bus/"))


def _with_targets(rule: Any, targets: Iterable[Mapping[str, Any]], call: Any) -> None:
    kept, rule.targets = rule.targets, list(targets)
    try:
        call()
    finally:
        rule.targets = kept


def _as_delivered(event: Any) -> dict[str, Any]:
    """Write an event of moto's as EventBridge delivers it."""
    delivered = {name: value for name, value in event.items() if name != "ingestion-time"}
    if not isinstance(delivered["time"], str):
        delivered["time"] = iso_time(datetime.fromtimestamp(float(delivered["time"]), UTC))
    return delivered
