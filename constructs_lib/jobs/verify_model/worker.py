"""The worker process from outside."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .payloads import Payload

LOG_BYTES = 64 * 1024
"""How much of what one worker prints goes into the log."""
RESPONSE_BYTES = 16 * MIB


class WorkerEndedError(Exception):
    """A worker that is no more."""


class WorkerSilentError(Exception):
    """A worker that does not answer in time."""


class Worker:
    """A child process that runs the model's code, and can be killed at any time."""

    def __init__(
        self, program: Path, model_dir: Path, module_name: str, environment: Mapping[str, str]
    ) -> None:
        """Start it.

        Args:
            program: The archive of this job.
            model_dir: The model folder of the serving layout; its ``code/`` holds the module.
            module_name: The model's entry point.
            environment: All of the process's environment.
        """
        request_read, self._requests = os.pipe()
        self._replies, reply_write = os.pipe()
        self._buffer = b""
        arguments = [str(model_dir), module_name, str(request_read), str(reply_write)]
        self.process = subprocess.Popen(
            [sys.executable, str(program), "--serve", *arguments],
            env=dict(environment),
            cwd=str(model_dir),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(request_read, reply_write),
            start_new_session=True,
        )
        os.close(request_read)
        os.close(reply_write)
        self._log = threading.Thread(target=self._copy_log, daemon=True)
        self._log.start()

    def _copy_log(self) -> None:
        """Keep what the code prints, up to a limit; read on after it, or the code would block."""
        left = LOG_BYTES
        with self.process.stdout as output:  # type: ignore[union-attr]
            for chunk in iter(functools.partial(os.read, output.fileno(), 65536), b""):
                text = chunk[:left].decode("utf-8", "replace")
                if left > 0:
                    sys.stderr.write(text)
                    if left <= len(chunk):
                        sys.stderr.write(f"\n(cut: the code printed over {LOG_BYTES:,} bytes)\n")
                left -= len(chunk)

    def receive(self, timeout_seconds: float) -> dict[str, Any]:
        """Return the next reply.

        Raises:
            WorkerEndedError: the process ended.
            WorkerSilentError: it said nothing in time, or far too much.
        """
        end = time.monotonic() + timeout_seconds
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._replies], [], [], max(0, end - time.monotonic()))
            if not ready or len(self._buffer) > 2 * RESPONSE_BYTES:
                raise WorkerSilentError
            chunk = os.read(self._replies, MIB)
            if not chunk:
                raise WorkerEndedError
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)  # type: ignore[no-any-return]

    def ask(self, payload: Payload, timeout_seconds: float) -> dict[str, Any]:
        """Send one request and wait for its reply."""
        try:
            view = memoryview(payload.line)
            while view:
                view = view[os.write(self._requests, view) :]
        except OSError:
            raise WorkerEndedError from None
        return self.receive(timeout_seconds)

    def how_it_ended(self) -> str:
        """Exit code or signal of a worker that ended."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def stop(self) -> None:
        """Kill it, with everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.join(1)
        for descriptor in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                os.close(descriptor)
