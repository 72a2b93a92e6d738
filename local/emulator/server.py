"""The server process of the embedded AWS: moto's services, ours for CloudFormation."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, Final

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import connection_dropped_errors, make_server

from constructs_lib.aws.handle import AccessKey
from local.emulator.authorization.decisions import Decisions
from local.emulator.authorization.evaluator import Evaluator
from local.emulator.authorization.identities import Identities
from local.emulator.authorization.sessions import Sessions
from local.emulator.background import Background
from local.emulator.clients import Clients
from local.emulator.cloudformation.resources import act_as
from local.emulator.cloudformation.service import CloudFormation
from local.emulator.embedded import ACCOUNT_ID
from local.emulator.endpoints.artifact import ModelReader
from local.emulator.endpoints.faults import EndpointFaults
from local.emulator.endpoints.fleet import remove_files
from local.emulator.endpoints.invocations import Invocations
from local.emulator.endpoints.rollout import Rollout
from local.emulator.endpoints.service import EndpointService
from local.emulator.events.clock import Clock
from local.emulator.events.delivery import EventDelivery
from local.emulator.events.s3_events import install_s3_events
from local.emulator.events.sagemaker_events import SageMakerEvents
from local.emulator.functions.environments import end_environments
from local.emulator.functions.service import FunctionService
from local.emulator.gate import RequestGate
from local.emulator.house import House
from local.emulator.monitoring.alarms import AlarmWatch
from local.emulator.monitoring.metric_calls import MetricCalls
from local.emulator.network_validation import NetworkValidation
from local.emulator.pace import TIME_SCALE, Pace
from local.emulator.sagemaker.execution_steps import ExecutionSteps
from local.emulator.services import Dispatcher, Services
from local.emulator.workflows.executions import Workflows
from local.emulator.workflows.identities import WorkflowIdentities
from local.processes import kill_children

_HOST: Final = "127.0.0.1"
_LARGE_BYTES: Final = 1 << 20
_LOG_SECONDS: Final = 0.2
_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000
_SMALL_LENGTH: Final = re.compile("[0-9]{1,7}")
"""As text, of a body that may be small enough: what else there is, is no number or too large."""
_IDLE_SECONDS: Final = 30.0
"""How long a connection is kept that nobody uses."""
_WITHOUT_CONTENT: Final = frozenset({*range(100, 200), 204, 304})


class RequestLog(logging.FileHandler):
    """A log that is written several times a second, not at each request; warnings at once.

    Whoever writes lets the other requests go on, and then waits for them.
    """

    def __init__(self, path: Path) -> None:
        """Begin to write.

        Args:
            path: Appended to.
        """
        super().__init__(path)
        self._is_due = False
        Thread(target=self._keep_writing, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; called by one thread at a time."""
        self._is_due = record.levelno >= logging.WARNING
        super().emit(record)

    def flush(self) -> None:
        """Write what was taken, if it is time for that; closing writes it in any case."""
        if self._is_due:
            super().flush()

    def _keep_writing(self) -> None:
        while True:
            time.sleep(_LOG_SECONDS)
            self.acquire()
            try:
                self._is_due = True
                self.flush()
            finally:
                self.release()


class RequestHandler(MotoRequestHandler):  # type: ignore[misc]  # moto is not type-checked
    """Answers one request after the other on a connection, as AWS does.

    werkzeug's server ends the connection after each, as it does not know what is left of a body. A
    body that is not large is read whole here, before the request is answered; what comes with
    another one is answered as by werkzeug.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request."""
        length = self.headers.get("Content-Length", "0")
        others = self.headers.get("Transfer-Encoding") or self.headers.get("Expect")
        self.connection.settimeout(None)
        if self.request_version != self.protocol_version:
            self.close_connection = True  # an older client knows no chunks, and asks for more anew
        if _SMALL_LENGTH.fullmatch(length) and int(length) <= _LARGE_BYTES and not others:
            self._answer_small(int(length))
        else:
            super().run_wsgi()
        self.connection.settimeout(_IDLE_SECONDS)

    def _answer_small(self, length: int) -> None:
        body = self.rfile.read(length)
        if len(body) == length:
            self._answer(body)
        else:
            self.close_connection = True  # the client has gone, and what it meant is not known

    def _answer(self, body: bytes) -> None:
        self.environ = self.make_environ()
        self.environ["wsgi.input"] = BytesIO(body)
        answer = _Answer(self)
        try:
            chunks = self.server.app(self.environ, answer.start)
            for chunk in chunks:
                answer.write(chunk)
            answer.end()
            if hasattr(chunks, "close"):
                chunks.close()
        except connection_dropped_errors:
            self.close_connection = True
        except Exception:
            self.close_connection = True  # the client finds its answer broken off
            logging.getLogger(__name__).exception("defect of the server")

    def log_error(self, text: str, *arguments: Any) -> None:
        """Log an error; a connection that nobody uses any longer is none."""
        if not any(isinstance(each, TimeoutError) for each in arguments):
            super().log_error(text, *arguments)


class _Answer:
    """Writes the answer to a request, as an application gives it."""

    def __init__(self, handler: RequestHandler) -> None:
        self._handler = handler
        self._head = b""
        self._has_content = True
        self._has_chunks = False
        self._left: int | None = None
        """Bytes that were announced, and have yet to come."""

    def start(self, status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
        """Take status and headers; they are written with the begin of the content."""
        handler, code = self._handler, int(status.split(None, 1)[0])
        handler.log_request(code)
        given = {name.lower(): text for name, text in headers}
        self._has_content = handler.command != "HEAD" and code not in _WITHOUT_CONTENT
        if self._has_content and "content-length" in given:
            self._left = int(given["content-length"])
        is_measured = self._left is not None or not self._has_content
        self._has_chunks = not is_measured and not handler.close_connection
        own = {
            "Server": handler.version_string(),
            "Date": handler.date_time_string(),
            **({"Transfer-Encoding": "chunked"} if self._has_chunks else {}),
            **({"Connection": "close"} if handler.close_connection else {}),
        }
        told = [*headers, *(each for each in own.items() if each[0].lower() not in given)]
        lines = [
            f"{handler.protocol_version} {status}",
            *(f"{name}: {text}" for name, text in told),
        ]
        self._head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return self.write

    def write(self, content: bytes) -> None:
        """Write a part of the content."""
        if not self._has_content:
            content = b""
        if self._left is not None:
            self._left -= len(content)
        if self._has_chunks and content:
            content = b"%x\r\n%b\r\n" % (len(content), content)
        self._head, content = b"", self._head + content
        if content:
            self._handler.wfile.write(content)

    def end(self) -> None:
        """Write what is left; nothing follows an answer that is not as it was announced."""
        self.write(b"")
        if self._has_chunks:
            self._handler.wfile.write(b"0\r\n\r\n")
        if self._left:
            self._handler.close_connection = True


@dataclass(frozen=True)
class Started:
    """A server that accepts connections: where, and the administrator's key."""

    endpoint_url: str
    key: AccessKey

    def as_json(self) -> dict[str, str]:
        """Return what is printed of it as JSON."""
        return {
            "endpoint": self.endpoint_url,
            "access_key_id": self.key.id,
            "secret_access_key": self.key.secret,
        }


def _print(started: Started) -> None:
    sys.stdout.write(f"{json.dumps(started.as_json())}\n")
    sys.stdout.flush()


def serve(
    *,
    port: int,
    log_file: Path,
    permissions: bool = True,
    time_scale: float = TIME_SCALE,
    prepare: bool = False,
    stop_at_end_of_input: bool = False,
    on_ready: Callable[[Started], None] = _print,
) -> None:
    """Serve until SIGTERM or SIGINT; every request goes to the log.

    Args:
        port: 0 takes a free one.
        log_file: Appended to.
        permissions: Whether calls are decided by the deployed policies.
        time_scale: Seconds of a service's waits in one of this machine.
        prepare: Whether services are imported before somebody asks them.
        stop_at_end_of_input: Stop, too, when standard input ends: a process that starts this one
            with a pipe takes it along however it dies.
        on_ready: Called once connections are accepted; prints URL and key as JSON by default.
    """
    # Imports and models make half a million objects, and looking for garbage among them a third of
    # the time that they take.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        handlers=[RequestLog(log_file)],
        level=logging.INFO,
        format="%(asctime)s %(name)s %(message)s",
    )
    sessions = Sessions(Identities(ACCOUNT_ID), Decisions(Evaluator(), is_on=permissions))
    server = make_server(_HOST, port, _not_yet, threaded=True, request_handler=RequestHandler)
    os.environ.update(
        {
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            # The only one: moto would look for the caller's in every partition.
            "MOTO_ACCOUNT_ID": ACCOUNT_ID,
            "MOTO_PORT": str(server.port),  # moto calls itself in places
        }
    )
    endpoint_url = f"http://localhost:{server.port}"
    server.app, dispatcher = _applications(endpoint_url, sessions, Pace(time_scale))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)
    if stop_at_end_of_input:
        Thread(target=_stop_at_end_of_input, daemon=True).start()
    on_ready(Started(endpoint_url, sessions.identities.administrator))
    sessions.decisions.prepare()
    if prepare:
        Thread(target=dispatcher.prepare, name="preparing", daemon=True).start()
    server.serve_forever()


def _applications(
    endpoint_url: str, sessions: Sessions, pace: Pace
) -> tuple[RequestGate, Dispatcher]:
    """Make what answers requests, and the part of it that finds the services."""
    CloudFormation.endpoint_url = endpoint_url
    act_as(sessions.identities.emulator)
    background, faults = Background(), EndpointFaults()
    delivery = EventDelivery(Clients(endpoint_url), sessions, background)
    clock, events = Clock(delivery, pace), SageMakerEvents(delivery, ExecutionSteps())
    rollout = Rollout(ModelReader(delivery.clients, sessions), pace, faults)
    endpoints = EndpointService(rollout, sessions, events.endpoint_changed)
    workflows = Workflows(WorkflowIdentities(endpoint_url, sessions), delivery, pace)
    services = Services(
        {
            "awslambda": [FunctionService(delivery.clients, sessions, background).install],
            "cloudwatch": [AlarmWatch(delivery, pace).install, MetricCalls(pace).install],
            "events": [delivery.install, clock.watch_rules],
            "s3": [partial(install_s3_events, delivery)],
            "sagemaker": [
                events.install,
                NetworkValidation(sessions.decisions).install,
                endpoints.install,
            ],
            "sagemakerruntime": [Invocations(ACCOUNT_ID, background).install],
            "scheduler": [clock.watch_schedules],
            "stepfunctions": [workflows.install],
        }
    )
    dispatcher = Dispatcher(services)
    house = House(sessions, background, clock, events, faults).application()
    gate = RequestGate(dispatcher, house, sessions.identities, sessions.decisions)
    return gate, dispatcher


def _not_yet(_environ: Any, _start_response: Any) -> Any:
    """Stand in for the application until the server, which has to be made first, has a port."""
    raise AssertionError("no connection is accepted yet")


def _stop_at_end_of_input() -> None:
    sys.stdin.read()
    _end()


def _exit(_signal: int, _frame: Any) -> None:
    _end()


def _end() -> None:
    end_environments()
    kill_children()
    remove_files()
    logging.shutdown()
    # Not SystemExit: tearing all of moto's modules down takes a second, and nothing is kept.
    os._exit(0)
