"""When schedules are due: ``rate``, ``cron`` and ``at`` expressions.

Sources: "Schedule types" in the EventBridge Scheduler user guide; "Creating a rule that runs on a
schedule" in the EventBridge user guide.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTE: Final = timedelta(minutes=1)
_UNITS: Final = {"minute": _MINUTE, "hour": timedelta(hours=1), "day": timedelta(days=1)}
_MONTHS: Final = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS: Final = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_YEARS: Final = (1970, 2199)


class ScheduleExpressionError(Exception):
    """An expression that no schedule has."""


@dataclass(frozen=True)
class Recurrence:
    """When a schedule is due.

    ``created`` is when its rate begins to count; ``starts_at_once`` tells whether it is due then,
    too, as with EventBridge Scheduler but not with rules.
    """

    expression: str
    created: datetime
    zone: str = "UTC"
    starts_at_once: bool = False

    def due(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the times after one and until another, in UTC.

        Raises:
            ScheduleExpressionError: The expression is none.
        """
        kind, _, rest = self.expression.partition("(")
        if kind == "at":
            yield from self._once(rest.rstrip(")"), after, until)
        elif kind == "cron":
            yield from self._cron(Cron.parse(rest.rstrip(")")), after, until)
        else:
            yield from self._rate(after, until)

    def _once(self, text: str, after: datetime, until: datetime) -> Iterator[datetime]:
        time = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        if after < time <= until:
            yield time

    def _cron(self, cron: Cron, after: datetime, until: datetime) -> Iterator[datetime]:
        zone = ZoneInfo(self.zone)
        time = after.replace(second=0, microsecond=0) + _MINUTE
        while time <= until:
            if cron.matches(time.astimezone(zone)):
                yield time
            time += _MINUTE

    def _rate(self, after: datetime, until: datetime) -> Iterator[datetime]:
        match = _RATE.fullmatch(self.expression)
        if match is None or int(match[1]) == 0:
            raise ScheduleExpressionError(f"'{self.expression}' is no schedule expression")
        period = int(match[1]) * _UNITS[match[2]]
        first = self.created if self.starts_at_once else self.created + period
        passed = max((after - first) // period, 0)
        time = first + passed * period
        while time <= until:
            if time > after:
                yield time
            time += period


@dataclass(frozen=True)
class Cron:
    """A cron expression of six fields."""

    minutes: frozenset[int]
    hours: frozenset[int]
    day_of_month: str
    months: frozenset[int]
    day_of_week: str
    years: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read the fields between the brackets.

        Raises:
            ScheduleExpressionError: They are not six.
        """
        fields = text.upper().split()
        if len(fields) != 6:
            raise ScheduleExpressionError(f"cron({text}) has {len(fields)} fields, not six")
        minutes, hours, day_of_month, months, day_of_week, years = fields
        return cls(
            minutes=_values(minutes, (0, 59)),
            hours=_values(hours, (0, 23)),
            day_of_month=day_of_month,
            months=_values(_numbers(months, _MONTHS), (1, 12)),
            day_of_week=_numbers(day_of_week, _DAYS),
            years=_values(years, _YEARS),
        )

    def matches(self, time: datetime) -> bool:
        """Whether it is due in the minute of ``time``."""
        return (
            time.minute in self.minutes
            and time.hour in self.hours
            and time.month in self.months
            and time.year in self.years
            and self._is_day_of_month(time)
            and self._is_day_of_week(time)
        )

    def _is_day_of_month(self, time: datetime) -> bool:
        field = self.day_of_month
        last = calendar.monthrange(time.year, time.month)[1]
        if field == "L":
            return time.day == last
        if field.endswith("W"):
            return time.day == _nearest_weekday(time, int(field[:-1]), last)
        return field == "?" or time.day in _values(field, (1, 31))

    def _is_day_of_week(self, time: datetime) -> bool:
        field = self.day_of_week
        day = time.isoweekday() % 7 + 1  # Sunday is 1
        if field.endswith("L"):
            last = calendar.monthrange(time.year, time.month)[1]
            return day == int(field[:-1] or 7) and time.day > last - 7
        if "#" in field:
            wanted, number = map(int, field.split("#"))
            return day == wanted and (time.day - 1) // 7 + 1 == number
        return field == "?" or day in _values(field, (1, 7))


def _nearest_weekday(time: datetime, day: int, last: int) -> int:
    wanted = time.replace(day=min(day, last))
    weekday = wanted.isoweekday()
    if weekday == 6:
        return wanted.day - 1 if wanted.day > 1 else 3
    if weekday == 7:
        return wanted.day + 1 if wanted.day < last else wanted.day - 2
    return wanted.day


def _numbers(field: str, names: dict[str, int]) -> str:
    return re.sub(r"[A-Z]{3}", lambda match: str(names.get(match[0], match[0])), field)


def _values(field: str, limits: tuple[int, int]) -> frozenset[int]:
    return frozenset(value for part in field.split(",") for value in _part(part, limits))


def _part(part: str, limits: tuple[int, int]) -> range:
    values, _, step = part.partition("/")
    if values == "*":
        first, last = limits
    elif "-" in values:
        first, last = map(int, values.split("-"))
    else:
        first = int(values)
        last = limits[1] if step else first
    return range(first, last + 1, int(step or 1))
