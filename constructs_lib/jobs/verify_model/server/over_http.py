"""Asks the model through the container's server; calls its functions to explain a failure."""

from __future__ import annotations

import math
import os
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

from ..answers.responses import ResponseError
from ..failures import exited_error, hangs_error
from ..findings import RefusedModelError
from ..toolkit import MODEL_FOLDER
from ..worker import WorkerEndedError, WorkerSilentError, how_ended
from .families import Family
from .process import ContainerServer

if TYPE_CHECKING:
    from pathlib import Path

    from ..direct import DirectCalls
    from ..job import VerificationJob
    from ..memory import MemorySampler
    from ..payloads import Payload
    from ..worker import Worker
    from .connection import Connection
    from .starting import ServerStart

MOST_CONNECTIONS = 64
_ENDS_WITHIN = 2
"""Seconds: connections of a process that ends are closed before it has ended."""
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*m")


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process whose connection was closed ends."""
    try:
        process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        return False
    return True


class ServerCalls:
    """One server, and connections to it."""

    def __init__(
        self,
        job: VerificationJob,
        start: ServerStart,
        folder: Path,
        direct: DirectCalls | None,
        memory: MemorySampler,
    ) -> None:
        """Start nothing yet.

        Args:
            job: What to do.
            start: How the server starts.
            folder: The model folder of the serving layout.
            direct: What calls the functions that it serves; None, if it serves without any.
            memory: What watches processes.
        """
        self._job = job
        self._start = start
        self._folder = folder
        self._direct = direct
        if direct is not None:
            direct.python_path = start.environment.get("PYTHONPATH", "")
        self._memory = memory
        self._server: ContainerServer | None = None
        self._explaining: Worker | None = None
        self._is_explained = False
        self.first_answer_seconds: float | None = None

    @property
    def functions(self) -> dict[str, str]:
        """Which function comes from where."""
        return self._direct.functions if self._direct is not None else {}

    def check_import(self) -> None:
        """Import the functions before the server does, which may hide why it cannot.

        Ray Serve and TorchServe try again until they are given up.

        Raises:
            RefusedModelError: They cannot be imported, or not be called.
        """
        if self._direct is not None:
            self._direct.check_import()

    def start(self, first: Payload) -> Connection:
        """Start the server, and wait for an answer to a payload.

        Raises:
            RefusedModelError: None came; where the functions tell why, it says what they do.
        """
        started = time.monotonic()
        family = Family(os.getpid())
        self._memory.watch_server(family)
        self._server = ContainerServer(self._start, family)
        try:
            connection = self._server.wait_for_answer(first, self._job.startup_timeout)
        except RefusedModelError as error:
            error.printed = self._clean(self._server.printed())
            self._server.stop()
            if self._direct is not None and not self._memory.exceeded:
                self._explaining = self._direct.start()  # raises what is wrong with the code
            raise
        self.first_answer_seconds = round(time.monotonic() - started, 3)
        return connection

    def running(self, connection: Connection) -> Connection:
        """Return a connection to a server that runs.

        Raises:
            RefusedModelError: It has ended.
        """
        if connection.process.poll() is None:
            return connection
        raise self._ended_error(connection.process)

    def _ended_error(self, process: subprocess.Popen[bytes]) -> RefusedModelError:
        error = RefusedModelError(
            "server-ended",
            f"The container's server {how_ended(process)}.",
            "Look at what it printed, below and in the job's log.",
        )
        error.printed = self._clean(self._server.printed()) if self._server else ""
        return error

    def crew(self, connection: Connection, count: int, at_once: float) -> list[Connection]:
        """Return connections for a load, this one among them: requests wait in the server.

        Args:
            connection: The one that there is.
            count: How many processes answer.
            at_once: How many requests are under way, if each takes as long as it may.
        """
        assert self._server is not None  # noqa: S101 - there is a connection to it
        wanted = min(MOST_CONNECTIONS, 2 * count + math.ceil(at_once))
        return [connection, *(self._server.connection() for _ in range(wanted - 1))]

    def replacement(self) -> Connection | None:
        """Return a connection in place of one that got no answer, as long as the server runs."""
        server = self._server
        return server.connection() if server and server.process.poll() is None else None

    def ask(self, connection: Connection, payload: Payload) -> dict[str, Any]:
        """Send one payload once.

        Raises:
            ResponseError: There is no answer; where the functions tell why, it says what they do.
        """
        self._is_explained = False
        try:
            reply = connection.ask(payload, self._job.request_timeout)
        except WorkerSilentError:
            raise self._explained(payload, hangs_error(self._job.request_timeout)) from None
        except WorkerEndedError:
            unexplained = exited_error("closed the connection")
            told = self._explained(payload, unexplained)
            if told is unexplained and _ends(connection.process):
                raise self._ended_error(connection.process) from None
            raise told from None
        if "failure" in reply:
            raise self._explained(payload, self._status_error(reply["failure"]))
        return reply

    def _status_error(self, failed: dict[str, Any]) -> ResponseError:
        body = failed["body"].replace(str(self._folder), MODEL_FOLDER)
        aside = " Called directly, the functions answer it." if self._direct else ""
        return ResponseError(
            "response-status",
            f"is answered with status {failed['status']} over HTTP: {body}.{aside}".rstrip("."),
            "Look at what the server has logged; only the status 200 is an answer.",
        )

    def _explained(self, payload: Payload, error: ResponseError) -> ResponseError:
        """Return what is wrong when the functions are called with a payload, if anything is."""
        if self._direct is None:
            return error
        worker = self._explaining
        worker = self._direct.running(worker) if worker else self._direct.start()
        self._explaining, self._is_explained = worker, True
        try:
            self._direct.ask(worker, payload)
        except ResponseError as told:
            return told
        return error

    def printed(self, connection: Connection) -> str:  # noqa: ARG002 as workers are asked
        """Return what the functions printed that explained the last failure."""
        if self._direct is None or self._explaining is None or not self._is_explained:
            return ""
        return self._direct.printed(self._explaining)

    def _clean(self, printed: str) -> str:
        return _TERMINAL_CODES.sub("", printed).replace(str(self._folder), MODEL_FOLDER)

    def stop(self) -> None:
        """End everything."""
        if self._direct is not None:
            self._direct.stop()
        if self._server is not None:
            self._server.stop()
