"""The server's process from outside."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from ...common.pauses import pauses
from ..findings import RefusedModelError
from ..printed import PrintedOutput
from ..worker import WorkerEndedError, WorkerSilentError, how_ended
from .connection import Answer, Connection
from .families import adopt_orphans

if TYPE_CHECKING:
    from ..payloads import Payload
    from .families import Family
    from .starting import ServerStart

UNAVAILABLE = (502, 503, 504)
"""What servers say as long as the application behind them does not run."""
NOT_YET = re.compile(
    rb"Path '.*' not found|\{\"error\": \"(Service unavailable|Request timeout)\"\}"
    rb"|ServiceUnavailableException"
)
"""The same of those whose answers are known: a model may have such a status of its own.

Sources: ray/serve/_private/proxy.py; sagemaker_serve.py of Ray Serve's container; TorchServe and
Multi Model Server, whose errors name the Java class.
"""
NEVER = b"failed to deploy"
"""Of Ray's answer for an application that has given up (ray/serve/_private/router.py)."""
_LONGEST_PAUSE_SECONDS = 0.25
_STOP_SECONDS = 10


class ContainerServer:
    """The container's server, and what it has started."""

    def __init__(self, start: ServerStart, family: Family) -> None:
        """Start it.

        Args:
            start: How.
            family: What is killed at its end.

        Raises:
            RefusedModelError: There is no such program, or it is none.
        """
        adopt_orphans()
        self._start = start
        self._family = family
        self._connections: list[Connection] = []
        try:
            self.process = subprocess.Popen(
                list(start.command),
                env=dict(start.environment),
                stdin=subprocess.PIPE,  # nothing is written: what stands in for it ends with this
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise not_started(f"cannot be started: {error}") from None
        self._output = PrintedOutput(self.process, is_logged=start.is_logged)

    def connection(self) -> Connection:
        """Return another connection to it."""
        connection = Connection(self.process, self._start.port)
        self._connections.append(connection)
        return connection

    def printed(self) -> str:
        """Return the end of what it has printed."""
        return self._output.text()

    def wait_for_answer(self, payload: Payload, timeout_seconds: float) -> Connection:
        """Ask until an answer comes from the model, not from a server before it.

        Health checks tell less: Ray Serve's is good before the model is loaded.

        Raises:
            RefusedModelError: None came.
        """
        end = time.monotonic() + timeout_seconds
        connection, last = self.connection(), "nothing"
        before_again = pauses(_LONGEST_PAUSE_SECONDS)
        while self.process.poll() is None:
            left = end - time.monotonic()
            if left <= 0:
                break
            with contextlib.suppress(WorkerEndedError, WorkerSilentError):
                answer = connection.exchange(payload, left)
                last = told(answer)
                if NEVER in answer.body:
                    raise not_started(f"does not load the model: it answers {last}")
                if not self._is_before_the_model(answer):
                    return connection
            time.sleep(next(before_again))
        if self.process.poll() is not None:
            raise not_started(how_ended(self.process))
        raise RefusedModelError(
            "startup-timeout",
            f"The server answered {last} to the first request for {timeout_seconds:g} s.",
            "Load less in model_fn, or raise container_startup_health_check_timeout.",
        )

    def _is_before_the_model(self, answer: Answer) -> bool:
        if self._start.has_functions:
            return NOT_YET.search(answer.body) is not None
        return answer.status in UNAVAILABLE

    def stop(self) -> None:
        """End it, with everything it has started."""
        for connection in self._connections:
            connection.stop()
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]
        if not self._start.is_logged:  # it stands in for a container, and cleans up
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._family.kill()
        self._output.join()


def told(answer: Answer) -> str:
    """Return what a message says of an answer."""
    failed = answer.reply().get("failure", {"status": answer.status, "body": ""})
    return f"status {failed['status']} ({failed['body']})"


def not_started(how: str) -> RefusedModelError:
    """Return the error for a server that never served; ``how`` goes on after "The server"."""
    return RefusedModelError(
        "server-not-started",
        f"The container's server {how}.",
        "Look at what it printed, below and in the job's log.",
    )
