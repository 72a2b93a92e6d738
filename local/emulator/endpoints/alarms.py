"""The alarms that end an update: read from moto's Amazon CloudWatch in this process."""

from __future__ import annotations

from collections.abc import Iterable


def missing_alarms(names: Iterable[str], region: str, account: str) -> list[str]:
    """Return the names that no alarm has."""
    from moto.cloudwatch.models import cloudwatch_backends

    alarms = cloudwatch_backends[account][region].alarms
    return [name for name in names if name not in alarms]


def tripped_alarm(names: Iterable[str], region: str, account: str) -> str | None:
    """Return the first of some alarms that is in ALARM."""
    from moto.cloudwatch.models import cloudwatch_backends

    alarms = cloudwatch_backends[account][region].alarms
    for name in names:
        alarm = alarms.get(name)
        if alarm is not None and alarm.state_value == "ALARM":
            return name
    return None
