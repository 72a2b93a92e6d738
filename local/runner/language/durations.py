"""ISO 8601 durations, as step caching takes them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from local.runner.language.errors import DefinitionError

# SageMaker's own documentation also writes "30d" and "T12H": the P may be absent, case is free.
_DURATION: Final = re.compile(
    r"P?(?=[\dT])(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.IGNORECASE,
)


def parse_duration(text: str, *, owner: str) -> timedelta:
    """Read a duration such as ``P30D`` or ``PT1H``; a year is 365 days, a month 30.

    Raises:
        DefinitionError: ``text``, which is ``owner``'s, is not one.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise DefinitionError(
            f"{owner} is '{text}', but must be an ISO 8601 duration such as P30D or PT12H."
        )
    count = {unit: int(number or 0) for unit, number in match.groupdict().items()}
    return timedelta(
        days=365 * count.pop("years") + 30 * count.pop("months") + count.pop("days"), **count
    )
