"""Pauses between looks at what another process does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_SECONDS = 0.005


def pauses(longest_seconds: float) -> Iterator[float]:
    """Yield seconds without an end, each twice those before: what is quick is seen at once."""
    seconds = _FIRST_SECONDS
    while True:
        yield min(seconds, longest_seconds)
        seconds *= 2
