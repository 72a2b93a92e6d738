"""Schedules are refused while synthesizing where EventBridge Scheduler would refuse them."""

from __future__ import annotations

import pytest

from constructs_lib.service_model import schedules
from constructs_lib.settings import Settings, SettingsError


def _read(expression: str, timezone: str = "UTC") -> Settings:
    schedule = {"expression": expression, "timezone": timezone}
    given = {"pipelines": {"returns_risk": {"schedule": schedule}}}
    return Settings.from_context({"model-release": given}.get)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 hour)",
        "rate(7 days)",
        "rate(90 minutes)",
        "cron(0 6 ? * MON *)",
        "cron(15 10 ? * 6L 2022-2023)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0 9 ? * FRI#5 *)",
        "cron(30 2 L * ? *)",
        "cron(0 8 LW JAN,JUL ? *)",
        "cron(0 8 3W 1/3 ? 2030/2)",
        "cron(*/10 * 1,15 * ? *)",
        "cron(0 6 ? * mon-fri *)",
        "at(2026-11-20T13:00:00)",
    ],
)
def test_what_the_scheduler_takes_is_taken(expression: str) -> None:
    schedule = _read(expression).pipelines["returns_risk"].schedule

    assert schedule is not None
    assert schedule.expression == expression


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("every day", r"is not one of rate\(value unit\), cron\(fields\) or at"),
        ("rate(0 days)", "a positive number of minutes, hours or days"),
        ("rate(1 fortnight)", "a positive number of minutes, hours or days"),
        ("rate(minutes)", "a positive number of minutes, hours or days"),
        ("rate(1 days)", r"write rate\(1 day\)"),
        ("rate(5 minute)", r"write rate\(5 minutes\)"),
        ("cron(0 6 * * 1)", "has 5 fields; cron takes six: minutes hours day-of-month"),
        ("cron(0 0 6 ? * MON *)", "has 7 fields"),
        ("cron(0 6 * * MON *)", r"needs \? in exactly one of day-of-month"),
        ("cron(0 6 ? * ? *)", r"needs \? in exactly one of day-of-month"),
        ("cron(61 6 ? * MON *)", "the field minutes is '61'; allowed is 0-59"),
        ("cron(0 24 ? * MON *)", "the field hours is '24'; allowed is 0-23"),
        ("cron(0 6 32 * ? *)", "the field day-of-month is '32'; allowed is 1-31"),
        ("cron(0 6 0 * ? *)", "the field day-of-month is '0'"),
        ("cron(0 6 1 13 ? *)", "the field month is '13'; allowed is 1-12 or JAN-DEC"),
        ("cron(0 6 ? * 0 *)", "the field day-of-week is '0'; allowed is 1-7 or SUN-SAT"),
        ("cron(0 6 ? * MON#6 *)", "the field day-of-week is 'MON#6'"),
        ("cron(0 6 ? * 3#1,6#3 *)", "the field day-of-week is '3#1,6#3'"),
        ("cron(0 6 ? * MONDAY *)", "the field day-of-week is 'MONDAY'"),
        ("cron(0 6 ? * 1/2 *)", "the field day-of-week is '1/2'"),
        ("cron(0 6 1 * ? 1969)", "the field year is '1969'; allowed is 1970-2199"),
        ("cron(0/0 6 1 * ? *)", "the field minutes is '0/0'"),
        ("cron(1-60 6 1 * ? *)", "the field minutes is '1-60'"),
        ("cron(1, 6 1 * ? *)", "the field minutes is '1,'"),
        ("cron(? 6 1 * ? *)", r"the field minutes is '\?'"),
        ("at(2026-11-20)", r"is not a time: at\(yyyy-mm-ddThh:mm:ss\)"),
        ("at(2026-02-30T13:00:00)", "is not a time"),
        ("at(2026-2-3T13:00:00)", "is not a time"),
        ("at(2026-11-20T13:00:00+01:00)", "is not a time"),
    ],
)
def test_what_the_scheduler_refuses_is_refused_with_what_it_takes(
    expression: str, message: str
) -> None:
    with pytest.raises(
        SettingsError, match=f"pipelines.returns_risk.schedule.expression.*{message}"
    ):
        _read(expression)


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "UTC", "America/Argentina/Ushuaia"])
def test_zones_of_the_database_are_taken(timezone: str) -> None:
    assert _read("rate(1 day)", timezone)


@pytest.mark.parametrize("timezone", ["Europe/Bremen", "CET-Berlin", "", "../etc/localtime"])
def test_zones_that_nobody_knows_are_refused(timezone: str) -> None:
    with pytest.raises(SettingsError, match=r"schedule.timezone: .*IANA time zone database"):
        _read("rate(1 day)", timezone)


def test_a_machine_without_the_database_refuses_no_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "available_timezones", set)

    assert _read("rate(1 day)", "Europe/Berlin")
