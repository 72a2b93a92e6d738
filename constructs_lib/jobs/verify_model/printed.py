"""What a child process prints."""

from __future__ import annotations

import os
import select
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

LOG_BYTES = 64 * 1024
"""How much of what one process prints goes into the log."""
PIPE_BYTES = 64 * 1024
"""What a pipe holds; more that is read at a time would be printed meanwhile, without an end."""


class PrintedOutput:
    """Reads what a process prints as soon as it is there, or the process would block."""

    def __init__(self, process: subprocess.Popen[bytes], *, is_logged: bool = True) -> None:
        """Start reading.

        Args:
            process: Its standard output is a pipe.
            is_logged: Whether to copy it into the log, up to a limit.
        """
        self._output: Any = process.stdout
        self._lock = threading.Lock()
        self._has_ended = False
        self._left = LOG_BYTES if is_logged else 0
        self._printed = b""
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        with self._output as output:
            while not self._has_ended:
                select.select([output], [], [])
                self._read()

    def _read(self) -> None:
        """Read what was printed by now, in whatever thread: one pipe full of it."""
        with self._lock:
            if not self._has_ended and select.select([self._output], [], [], 0)[0]:
                chunk = os.read(self._output.fileno(), PIPE_BYTES)
                self._has_ended = not chunk
                self._printed = (self._printed + chunk)[-LOG_BYTES:]
                self._log(chunk)

    def _log(self, chunk: bytes) -> None:
        """Copy what was printed into the log, up to a limit."""
        if self._left > 0:
            sys.stderr.write(chunk[: self._left].decode("utf-8", "replace"))
            if self._left <= len(chunk):
                sys.stderr.write(f"\n(cut: the code printed over {LOG_BYTES:,} bytes)\n")
        self._left -= len(chunk)

    def forget(self) -> None:
        """Leave out what was printed until now."""
        self._read()
        self._printed = b""

    def text(self) -> str:
        """Return the end of what was printed since then."""
        self._read()
        return self._printed.decode("utf-8", "replace")

    def join(self) -> None:
        """Wait a little for the end, of a process that has ended."""
        self._thread.join(1)
