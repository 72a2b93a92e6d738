"""The process that serves a production variant: the model's functions, called as a container would.

One process serves a variant, however many instances it asks for: two cores have no more to give.
As a container's server does, it starts another worker when one has ended.

Source: "Use your own inference code with hosting services" in the SageMaker developer guide: the
container answers within 60 seconds.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, Final

from constructs_lib.direct_server import REQUEST_SECONDS, WalledCalls, WalledModel
from constructs_lib.jobs.verify_model.findings import RefusedModelError
from constructs_lib.jobs.verify_model.payloads import Payload
from constructs_lib.jobs.verify_model.toolkit import MODEL_FOLDER
from constructs_lib.jobs.verify_model.worker import Worker, WorkerEndedError, WorkerSilentError
from local.emulator.endpoints.words import unhealthy
from local.emulator.monitoring.log_streams import LogStream

_LOOK_SECONDS: Final = 0.2
_LOGGED_BYTES: Final = 64 * 1024
"""At most of what is printed between two looks."""
_UNSUPPORTED: Final = "UnsupportedTypeError"
"""What the toolkit's default functions raise, and its server answers with a status of 415."""


class ModelFailedError(Exception):
    """A model that does not answer; ``status`` is what the container would answer with."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status."""
        super().__init__(message)
        self.status = status


class FleetEndedError(ModelFailedError):
    """A fleet that is no more; its requests are another one's, if there is one."""


@dataclass(frozen=True)
class ModelAnswer:
    """What a model answers to a request."""

    body: bytes
    content_type: str


@dataclass(frozen=True)
class ServedFiles(WalledModel):
    """An unpacked model, what its container is told, and where it logs.

    ``of_aws`` is its region and, unless it is isolated, the keys of the model's role.
    """

    log: LogStream


_FOLDERS: Final[set[Path]] = set()
"""Of all fleets that there are."""


@contextmanager
def new_folder() -> Iterator[Path]:
    """Make a folder for a fleet, which goes away again if that does not come to be."""
    folder = Path(tempfile.mkdtemp(prefix="endpoint-")).resolve()
    _FOLDERS.add(folder)
    try:
        yield folder
    except BaseException:
        _remove(folder)
        raise


def remove_files() -> None:
    """Remove the files of all fleets, for a process that is about to end; their workers do then."""
    for folder in list(_FOLDERS):
        _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _FOLDERS.discard(folder)


class Fleet:
    """Serves one production variant, from :meth:`start` until :meth:`stop`."""

    def __init__(self, variant: str, files: ServedFiles, startup_seconds: float) -> None:
        """Start nothing yet.

        Args:
            variant: Name of the production variant.
            files: What it serves; its folder goes away with the fleet.
            startup_seconds: How long a worker may take, of this machine.
        """
        self.variant = variant
        self.files = files
        self._calls = WalledCalls(files, startup_seconds)
        self._requests: SimpleQueue[tuple[Payload, Future[ModelAnswer]] | None] = SimpleQueue()
        self._has_started = Event()
        self._is_stopping = Event()
        self._failure: str | None = "It did not start."
        self._logged_bytes = 0
        # The worker's walls end with the thread that has put them up: it lives as long as the fleet
        self._thread = Thread(target=self._run, name=f"fleet {variant}", daemon=True)

    def start(self) -> None:
        """Wait until the model is loaded.

        Raises:
            CannotServeError: It is not; nothing is left of the fleet.
        """
        self._thread.start()
        self._has_started.wait()
        if self._failure is not None:
            self.stop()
            raise unhealthy(self.variant, self._failure)

    def ask(self, payload: Payload) -> ModelAnswer:
        """Send a request, and wait for the answer.

        Raises:
            ModelFailedError: There is none.
        """
        future: Future[ModelAnswer] = Future()
        self._requests.put((payload, future))
        while self._thread.is_alive() or future.done():
            with suppress(TimeoutError):
                return future.result(_LOOK_SECONDS)
        raise _no_more()

    def retire(self) -> None:
        """Answer the requests that wait, and end."""
        self._requests.put(None)
        self._thread.join(REQUEST_SECONDS)
        self.stop()

    def stop(self) -> None:
        """End the process, and remove its files; requests that wait are not answered."""
        self._is_stopping.set()
        self._requests.put(None)
        while self._thread.is_alive():
            self._calls.kill()
            self._thread.join(_LOOK_SECONDS)
        _remove(self.files.folder)

    def _run(self) -> None:
        while not self._is_stopping.is_set():
            try:
                worker = self._calls.start()
                self._failure = None
            except RefusedModelError as error:
                self._failure = str(error).replace(str(self.files.model), MODEL_FOLDER)
                break
            finally:
                self._keep_log()
                self._has_started.set()
            if not self._answer(worker):
                break
        self._calls.stop()
        self._refuse_the_rest()

    def _answer(self, worker: Worker) -> bool:
        """Answer requests with a worker until it ends, or the fleet does; whether it goes on."""
        while not self._is_stopping.is_set():
            request = self._requests.get()
            if request is None:
                return False
            payload, future = request
            try:
                future.set_result(_answer_of(worker.ask(payload, REQUEST_SECONDS)))
                continue
            except ModelFailedError as error:
                future.set_exception(error)
                self._keep_log()
            except WorkerSilentError:
                future.set_exception(_timed_out())
                worker.stop()
                return True
            except WorkerEndedError:
                future.set_exception(ModelFailedError(500, f"The worker {worker.how_it_ended()}."))
                worker.stop()
                return True
        return False

    def _keep_log(self) -> None:
        """Add to the log what the code has printed since the last time."""
        if self.files.printed.exists():
            with self.files.printed.open("rb") as file:
                file.seek(self._logged_bytes)
                content = file.read(_LOGGED_BYTES)
            self._logged_bytes = self.files.printed.stat().st_size
            self.files.log.keep(content.replace(bytes(self.files.model), MODEL_FOLDER.encode()))

    def _refuse_the_rest(self) -> None:
        while not self._requests.empty():
            request = self._requests.get()
            if request is not None:
                request[1].set_exception(_no_more())


def _no_more() -> FleetEndedError:
    return FleetEndedError(503, "The container has ended.")


def _timed_out() -> ModelFailedError:
    return ModelFailedError(
        0,
        "Your invocation timed out while waiting for a response from container primary. Review the"
        " latency metrics for each container in Amazon CloudWatch, resolve the issue, and try"
        " again.",
    )


def _answer_of(reply: Mapping[str, Any]) -> ModelAnswer:
    failed = reply.get("failure")
    if failed is None:
        return ModelAnswer(base64.b64decode(reply["body"]), reply["content_type"])
    status = 415 if failed["type"] == _UNSUPPORTED else 500
    where = f" ({failed['where']})" if failed["where"] else ""
    raise ModelFailedError(status, f"{failed['type']}: {failed['message']}{where}")
