"""Waiting for what another process does, and a clock that makes nobody wait."""

from __future__ import annotations

import time
from collections.abc import Callable


class TurnedClock:
    """A clock that only tests turn: sleeping turns it, and takes no time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is so, and fail when it does not come to that, on a busy machine too."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
