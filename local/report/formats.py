"""How times, sizes and values read, each in one way everywhere on the page."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from local.report.html import Html, element, join

ABSENT: Final = "—"
"""Where a value does not apply."""

_MAX_CHARACTERS: Final = 4_000
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")
_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 3_600


def time_of(moment: datetime | None) -> Html:
    """Return a moment as date and time, as its record has it (UTC)."""
    if moment is None:
        return element("span", "not recorded", class_="absent")
    text = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return element("time", text, datetime=moment.isoformat())


def duration(seconds: float | None) -> str:
    """Return a duration, in the unit that its length asks for."""
    if seconds is None:
        return ABSENT
    if seconds < _MINUTE_SECONDS:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_SECONDS:
        return f"{int(seconds // _MINUTE_SECONDS)} min {int(seconds % _MINUTE_SECONDS):02} s"
    return f"{int(seconds // _HOUR_SECONDS)} h {int(seconds % _HOUR_SECONDS // 60):02} min"


def size(count: int) -> str:
    """Return a number of bytes, decimal as in S3's price list."""
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{count} bytes" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def number(value: float | None, unit: str = "") -> str:
    """Return a measured number with its unit, or that it was not measured."""
    if value is None:
        return "not measured"
    text = f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{text} {unit}".rstrip()


def figure_of(text: str) -> Html:
    """Return a number as text, whose digits are of one width."""
    return element("span", text, class_="number")


def value_of(value: Any) -> Html:
    """Any value of a record, direction-isolated; very long ones are cut and say so."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    rest = len(text) - _MAX_CHARACTERS
    if rest <= 0:
        return element("bdi", text)
    note = element("span", f" … {rest:,} more characters, see execution.json", class_="absent")
    return join([element("bdi", text[:_MAX_CHARACTERS]), note])


def code_of(value: Any) -> Html:
    """Return an identifier, a URI or a digest."""
    return element("code", value_of(value))
