"""Processes that a process has started, those among them that cut themselves loose too."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...common.pauses import pauses

if TYPE_CHECKING:
    from collections.abc import Iterator

ADOPT_ORPHANS = 36
"""PR_SET_CHILD_SUBREAPER of Linux's prctl.h."""
_ROUNDS = 50
_LONGEST_ROUND_SECONDS = 0.1


class SeenProcess(NamedTuple):
    """A process as ``/proc`` shows it."""

    pid: int
    parent: int
    session: int
    resident_bytes: int


def processes() -> Iterator[SeenProcess]:
    """Yield every process, where the system tells of them."""
    page = os.sysconf("SC_PAGE_SIZE")
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            pid, resident = int(entry.name), int(fields[21]) * page
            yield SeenProcess(pid, int(fields[1]), int(fields[3]), resident)


def adopt_orphans() -> None:
    """Become the parent of what this process's children leave behind, as daemons do.

    Source: prctl(2), PR_SET_CHILD_SUBREAPER. Elsewhere than on Linux nothing happens.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)


class Family:
    """What a process starts from now on; what it has started before is another matter."""

    def __init__(self, pid: int) -> None:
        """Take those there are as strangers."""
        self._pid = pid
        self._strangers = frozenset(each.pid for each in below(pid))

    def members(self) -> list[SeenProcess]:
        """Return them; what has ended and is still listed holds no memory, and is none."""
        return [each for each in below(self._pid, self._strangers) if each.resident_bytes]

    def kill(self) -> None:
        """Kill them all, and what they start meanwhile."""
        before_next = pauses(_LONGEST_ROUND_SECONDS)
        for _ in range(_ROUNDS):
            members = self.members()
            if not members:
                return
            for each in members:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(each.pid, signal.SIGKILL)
            time.sleep(next(before_next))


def below(pid: int, strangers: frozenset[int] = frozenset()) -> list[SeenProcess]:
    """Return all processes below one, but for strangers and what is below them."""
    children: dict[int, list[SeenProcess]] = {}
    for each in processes():
        if each.pid not in strangers:
            children.setdefault(each.parent, []).append(each)
    found, new = [], children.get(pid, [])
    while new:
        found += new
        new = [child for each in new for child in children.get(each.pid, [])]
    return found
