"""The time of emulated deployments: it goes on by what is waited for, and nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Lock
from typing import Any, Self
from unittest.mock import patch

from constructs_lib.jobs.deploy_model import work


class WorkflowClock:
    """What time it is for the function and for executions."""

    def __init__(self) -> None:
        """Begin at the time that it is."""
        self._lock = Lock()
        self._turned = timedelta()

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + self._turned

    def turn(self, seconds: float) -> None:
        """Let seconds be over."""
        with self._lock:
            self._turned += timedelta(seconds=seconds)

    @contextmanager
    def read_by_function(self) -> Iterator[None]:
        """Let the deployment function read this clock, from the time on that it is."""
        clock, self._turned = self, timedelta()

        class Turned(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return cls.fromtimestamp(clock.now().timestamp(), tz)

        with patch.object(work, "datetime", Turned):
            yield


CLOCK = WorkflowClock()
"""Of the one world that runs in a process."""


def ago(**time: int) -> datetime:
    """Return a time before now: ``ago(minutes=5)``."""
    return CLOCK.now() - timedelta(**time)


def as_text(moment: Any) -> str:
    """Write a time as the states of an execution are told it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
