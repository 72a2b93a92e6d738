"""When Amazon EventBridge Scheduler takes a schedule: its expressions and its time zones.

Source: EventBridge Scheduler User Guide, "Schedule types in EventBridge Scheduler". The service
checks them when a schedule is created, that is in the middle of a deployment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import available_timezones

FORMS: Final = "rate(value unit), cron(fields) or at(yyyy-mm-ddThh:mm:ss)"

_EXPRESSION: Final = re.compile(r"(rate|cron|at)\((.+)\)", re.DOTALL)
_AT: Final = re.compile(r"[-0-9]+T[:0-9]+")
"""Without the offset of a time zone, which the schedule has beside its expression."""
_UNITS: Final = ("minute", "hour", "day")
_ANY: Final = "?"
_MONTHS: Final = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
)
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, kw_only=True)
class _Field:
    """One of the six fields of a cron expression."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()
    """Words for the values, in their order."""
    increments: bool = True
    """Whether ``/`` is allowed."""
    special: str = r"(?!)"
    """Pattern of what it takes alone, in place of values, ranges and increments."""

    def problem(self, text: str) -> str | None:
        """Say what is wrong with a field's text; None when nothing is."""
        if re.fullmatch(self.special, text) or all(map(self._fits, text.split(","))):
            return None
        named = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"the field {self.name} is {text!r}; allowed is {self.first}-{self.last}{named}"

    def _fits(self, part: str) -> bool:
        base, slash, step = part.partition("/")
        if slash and not (self.increments and re.fullmatch(r"0*[1-9]\d*", step)):
            return False
        first, dash, last = base.partition("-")
        if dash:
            return self._is_value(first) and self._is_value(last)
        return base == "*" or self._is_value(base)

    def _is_value(self, text: str) -> bool:
        if text.upper() in self.names:
            return True
        return re.fullmatch(r"[0-9]{1,4}", text) is not None and (
            self.first <= int(text) <= self.last
        )


_DAY: Final = r"(0?[1-9]|[12]\d|3[01])"
_WEEKDAY: Final = rf"([1-7]|{'|'.join(_WEEKDAYS)})"
_FIELDS: Final = (
    _Field(name="minutes", first=0, last=59),
    _Field(name="hours", first=0, last=23),
    _Field(name="day-of-month", first=1, last=31, special=rf"\?|L|LW|{_DAY}W"),
    _Field(name="month", first=1, last=12, names=_MONTHS),
    _Field(
        name="day-of-week",
        first=1,
        last=7,
        names=_WEEKDAYS,
        increments=False,
        special=rf"(?i:\?|L|{_WEEKDAY}L|{_WEEKDAY}#[1-5])",
    ),
    _Field(name="year", first=1970, last=2199),
)
_DAY_OF_MONTH: Final = 2
_DAY_OF_WEEK: Final = 4


def expression_problem(expression: str) -> str | None:
    """Say what the service would refuse of a schedule's expression; None when nothing is wrong."""
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        return f"is not one of {FORMS}"
    problems: dict[str, Callable[[str], str | None]] = {
        "rate": _rate_problem,
        "cron": _cron_problem,
        "at": _at_problem,
    }
    return problems[match[1]](match[2])


def timezone_problem(timezone: str) -> str | None:
    """Say that a time zone is unknown; None when it is known, or this machine knows none.

    Source: the IANA time zone database of this machine.
    """
    known = available_timezones()
    if not known or timezone in known:
        return None
    return "is not a name in the IANA time zone database, such as UTC or Europe/Berlin"


def _rate_problem(text: str) -> str | None:
    value, _, unit = text.strip().partition(" ")
    singular = unit.strip().removesuffix("s")
    if not re.fullmatch(r"0*[1-9][0-9]*", value) or singular not in _UNITS:
        return "is not a rate: rate(value unit), a positive number of minutes, hours or days"
    wanted = singular if int(value) == 1 else f"{singular}s"
    if unit.strip() != wanted:
        return f"counts {value} in {unit.strip()}: write rate({value} {wanted})"
    return None


def _cron_problem(text: str) -> str | None:
    texts = text.split()
    if len(texts) != len(_FIELDS):
        names = " ".join(field.name for field in _FIELDS)
        return f"has {len(texts)} fields; cron takes six: {names}"
    if (texts[_DAY_OF_MONTH] == _ANY) == (texts[_DAY_OF_WEEK] == _ANY):
        return (
            "needs ? in exactly one of day-of-month (third) and day-of-week (fifth), for example"
            " cron(0 6 ? * MON *)"
        )
    problems = (field.problem(each) for field, each in zip(_FIELDS, texts, strict=True))
    return next(filter(None, problems), None)


def _at_problem(text: str) -> str | None:
    try:
        is_written_so = datetime.fromisoformat(text).isoformat(timespec="seconds") == text
    except ValueError:
        is_written_so = False
    if not is_written_so or not _AT.fullmatch(text):
        return "is not a time: at(yyyy-mm-ddThh:mm:ss), for example at(2026-11-20T13:00:00)"
    return None
