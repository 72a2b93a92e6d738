"""Requests to the server, as SageMaker sends them."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from ...common.serving.context import OK
from ..answers.excerpts import excerpt
from ..worker import RESPONSE_BYTES, WorkerEndedError, WorkerSilentError

if TYPE_CHECKING:
    import subprocess

    from ..payloads import Payload

HOST = "127.0.0.1"
PATH = "/invocations"
_WATCH_SECONDS = 0.2


class Answer:
    """What a server has answered."""

    def __init__(self, status: int, body: bytes, content_type: str) -> None:
        """Take the parts of a response."""
        self.status = status
        self.body = body
        self.content_type = content_type

    def reply(self) -> dict[str, Any]:
        """Return it as a worker's reply."""
        if self.status != OK:
            return {"failure": {"status": self.status, "body": excerpt(self.body)}}
        body = base64.b64encode(self.body).decode("ascii")
        return {"body": body, "content_type": self.content_type}


class Connection:
    """One connection, which stays open from one request to the next; asks as a worker is asked.

    Source of path and headers: SageMaker Developer Guide, "Custom Inference Code with Hosting
    Services", and InvokeEndpoint in the API reference.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Connect when something is asked.

        Args:
            process: The server's; when it ends, no answer comes.
            port: Where it listens.
        """
        self.process = process
        self._port = port
        self._http: http.client.HTTPConnection | None = None

    def ask(self, payload: Payload, timeout_seconds: float) -> dict[str, Any]:
        """Send one request, and return its answer as a worker's reply.

        Raises:
            WorkerEndedError: The server has ended, or closes its connections.
            WorkerSilentError: It said nothing in time, or far too much.
        """
        return self.exchange(payload, timeout_seconds).reply()

    def exchange(self, payload: Payload, timeout_seconds: float) -> Answer:
        """Send one request, and return its answer; raises what :meth:`ask` does."""
        end = time.monotonic() + timeout_seconds
        is_new = self._http is None
        try:
            return self._exchange(payload, end)
        except (OSError, http.client.HTTPException):
            self.stop()
        if is_new:
            raise WorkerEndedError
        try:  # a server may close what it has kept open; that is no answer to this request
            return self._exchange(payload, end)
        except (OSError, http.client.HTTPException):
            self.stop()
            raise WorkerEndedError from None

    def _exchange(self, payload: Payload, end: float) -> Answer:
        left = max(0.001, end - time.monotonic())
        if self._http is None:
            self._http = http.client.HTTPConnection(HOST, self._port, timeout=left)
        headers = {"Content-Type": payload.content_type, "Accept": payload.accept}
        self._http.request("POST", PATH, payload.body, headers)
        self._wait(end)
        try:
            with self._http.getresponse() as response:
                body = response.read(RESPONSE_BYTES + 1)
        except socket.timeout:  # noqa: UP041 - until Python 3.9 it is no TimeoutError
            self.stop()
            raise WorkerSilentError from None
        if len(body) > RESPONSE_BYTES:
            self.stop()
            raise WorkerSilentError
        answer = Answer(response.status, body, response.headers.get("Content-Type", ""))
        if response.will_close:
            self.stop()
        return answer

    def _wait(self, end: float) -> None:
        """Wait for the beginning of an answer, as long as the server runs."""
        opened: Any = self._http
        while not select.select([opened.sock], [], [], _WATCH_SECONDS)[0]:
            if self.process.poll() is not None:
                raise ConnectionResetError
            if time.monotonic() > end:
                self.stop()
                raise WorkerSilentError
        opened.sock.settimeout(max(1.0, end - time.monotonic()))

    def stop(self) -> None:
        """Close it; the next request opens another."""
        if self._http is not None:
            self._http.close()
        self._http = None
