"""Waiting for what another process does, and a clock that makes nobody wait."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from constructs_lib.jobs.common.pauses import pauses


class TurnedClock:
    """A clock that only tests turn: sleeping turns it, and takes no time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class QuickClock:
    """A clock of which ten seconds pass in one, for a limit that a process does reach."""

    def monotonic(self) -> float:
        return 10 * time.monotonic()


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that has ended may wait a second for who collects it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # it has just gone, or the system has no /proc
        return not Path("/proc/self").exists()


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is so, and fail when it does not come to that, on a busy machine too."""
    end, before_next = time.monotonic() + seconds, pauses(0.05, 0.001)
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(next(before_next))
