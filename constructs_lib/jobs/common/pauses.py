"""Pauses between looks at what another process does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def pauses(longest_seconds: float, first_seconds: float = 0.005) -> Iterator[float]:
    """Yield seconds without an end, each twice those before: what is quick is seen at once."""
    seconds = first_seconds
    while True:
        yield min(seconds, longest_seconds)
        seconds *= 2
