"""Notices that the embedded AWS has ended while an execution runs, and ends that at once.

Without it, each call would be retried as if the service had a fault, for minutes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final
from urllib.parse import urlsplit

from local.runner.language.errors import EmulatedAwsGoneError

_POLL_SECONDS: Final = 0.5
_REFUSALS: Final = 3
"""In a row: nothing listens there any more."""


@contextmanager
def ended_with(endpoint_url: str, stopping: Event) -> Iterator[None]:
    """Set ``stopping`` as soon as nothing listens at an endpoint of this machine any more.

    Raises:
        EmulatedAwsGoneError: That is how it ended.
    """
    watch = _Watch(endpoint_url, stopping)
    watch.start()
    try:
        yield
    finally:
        watch.ended.set()
        watch.join()
    if watch.has_gone or watch.is_refused():
        raise EmulatedAwsGoneError(
            f"The embedded AWS at {endpoint_url} has ended while the execution ran, and what was in"
            " it is gone. Its log may tell why: .local/emulator.log. Begin anew: release emulator"
            " in another shell, then release deploy-local and release run."
        )


class _Watch(Thread):
    def __init__(self, endpoint_url: str, stopping: Event) -> None:
        super().__init__(daemon=True)
        place = urlsplit(endpoint_url)
        self._address = (place.hostname or "localhost", place.port or 80)
        self._stopping = stopping
        self.ended = Event()
        self.has_gone = False

    def run(self) -> None:
        refusals = 0
        while refusals < _REFUSALS:
            if self.ended.wait(_POLL_SECONDS):
                return
            refusals = refusals + 1 if self.is_refused() else 0
        self.has_gone = True
        self._stopping.set()

    def is_refused(self) -> bool:
        """Whether nothing listens there."""
        try:
            socket.create_connection(self._address, timeout=_POLL_SECONDS).close()
        except ConnectionRefusedError:
            return True
        except OSError:  # busy, perhaps
            return False
        return False
