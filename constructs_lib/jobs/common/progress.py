"""Tells what a job is doing while that takes long."""

from __future__ import annotations

import sys
import threading
import time


class Ticker:
    """Says on standard error what is going on, every few seconds as long as it lasts."""

    def __init__(self, every_seconds: float) -> None:
        """Start to count."""
        self._every = every_seconds
        self._what = "starting"
        self._since = time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def doing(self, what: str) -> None:
        """Note what is done from now on."""
        self._what, self._since = what, time.monotonic()

    def stop(self) -> None:
        """Say no more."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            sys.stderr.write(f"still {self._what} ({time.monotonic() - self._since:.0f} s)\n")
            sys.stderr.flush()
