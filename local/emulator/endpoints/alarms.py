"""The alarms that end an update: read from moto's Amazon CloudWatch in this process."""

from __future__ import annotations

from collections.abc import Iterable


def missing_alarms(names: Iterable[str], region: str, account: str) -> list[str]:
    """Return the names that no alarm has."""
    from moto.cloudwatch.models import cloudwatch_backends

    alarms = cloudwatch_backends[account][region].alarms
    return [name for name in names if name not in alarms]


def tripped_alarm(names: Iterable[str], region: str, account: str, since: float) -> str | None:
    """Return the first of some alarms that is in ALARM, or was since a time.

    At a quick pace an alarm can be over between two looks at it.

    Args:
        names: Of the alarms; one that is deleted is none.
        region: Where they are.
        account: Whose they are.
        since: Seconds of the monotonic clock.
    """
    from moto.cloudwatch.models import cloudwatch_backends

    alarms = cloudwatch_backends[account][region].alarms
    for name in names:
        alarm = alarms.get(name)
        if alarm is None:
            continue
        if alarm.state_value == "ALARM" or getattr(alarm, "tripped", 0.0) > since:
            return name
    return None
