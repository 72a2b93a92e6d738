"""The worker process from outside."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.limits import MIB
from .printed import PrintedOutput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .payloads import Payload

RESPONSE_BYTES = 16 * MIB


class WorkerEndedError(Exception):
    """A worker that is no more."""


class WorkerSilentError(Exception):
    """A worker that does not answer in time."""


def how_ended(process: subprocess.Popen[bytes]) -> str:
    """Exit code or signal of a process that ended; goes on after "it"."""
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        return "closed its connection"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


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
            stdin=subprocess.PIPE,  # nothing is written: it ends when this process does
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(request_read, reply_write),
            start_new_session=True,
        )
        os.close(request_read)
        os.close(reply_write)
        self._output = PrintedOutput(self.process)
        self._is_stopped = False

    def printed(self) -> str:
        """Return the end of what the code has printed since the last request, or the start."""
        return self._output.text()

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

    def load(self) -> None:
        """Let it load the model, for which it waits once it has imported the code."""
        with contextlib.suppress(OSError):  # it has ended: who waits for its reply is told
            os.write(self._requests, b"\n")

    def ask(self, payload: Payload, timeout_seconds: float) -> dict[str, Any]:
        """Send one request and wait for its reply."""
        self._output.forget()
        try:
            view = memoryview(payload.line)
            while view:
                view = view[os.write(self._requests, view) :]
        except OSError:
            raise WorkerEndedError from None
        return self.receive(timeout_seconds)

    def how_it_ended(self) -> str:
        """Exit code or signal of a worker that ended."""
        return how_ended(self.process)

    def stop(self) -> None:
        """Kill it, with everything it started; once more does nothing."""
        if self._is_stopped:  # the numbers of its descriptors may be another worker's by now
            return
        self._is_stopped = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._output.join()
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]
        for descriptor in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                os.close(descriptor)
