"""Calls the model's functions in processes of this job, as the serving toolkit calls them."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

from .failures import exited_error, handler_error, hangs_error, start_error
from .findings import ModelFinding, RefusedModelError
from .layout import is_in_aws
from .server.environment import of_worker
from .toolkit import MODEL_FOLDER
from .toolkit.handler import ARGUMENT_COUNTS
from .worker import Worker, WorkerEndedError, WorkerSilentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .findings import FoundProblems
    from .job import VerificationJob
    from .memory import MemorySampler
    from .payloads import Payload


class DirectCalls:
    """Starts workers, and tells what is wrong when one fails."""

    def __init__(
        self,
        job: VerificationJob,
        declared: Mapping[str, str],
        folder: Path,
        found: FoundProblems,
        memory: MemorySampler,
        *,
        container: str,
    ) -> None:
        """Start nothing yet.

        Args:
            job: What to do.
            declared: The registered environment.
            folder: The model folder of the serving layout.
            found: Where findings are added.
            memory: What watches processes.
            container: Which one serves, as configs name it.
        """
        self._job = job
        self._container = container
        self._declared = declared
        self._folder = folder
        self._found = found
        self._memory = memory
        self._entry_point = declared.get("SAGEMAKER_PROGRAM", "inference.py")
        self._workers: list[Worker] = []
        self.first_answer_seconds = None
        self.python_path = os.environ.get("PYTHONPATH", "")
        """Where the code finds packages beside those of this Python."""
        self.functions: dict[str, str] = dict.fromkeys(ARGUMENT_COUNTS, "missing")

    def start(self, first: Payload | None = None) -> Worker:  # noqa: ARG002 as servers are
        """Start a worker and let it load the model.

        Raises:
            RefusedModelError: it did not come so far.
        """
        worker = self._new_worker()
        self._wait_for("loaded", worker)
        return worker

    def check_import(self) -> None:
        """Import the code in a process that ends then, and loads nothing.

        Raises:
            RefusedModelError: It cannot be imported, or not be called.
        """
        worker = self._new_worker()
        self._wait_for("imported", worker)
        worker.stop()

    def _new_worker(self) -> Worker:
        module = re.sub(r"\.py$", "", self._entry_point)
        environment = of_worker(self._declared, self._folder, self.python_path)
        worker = Worker(self._job.program, self._folder, module, environment)
        self._workers.append(worker)
        self._memory.watch(worker)
        return worker

    def _wait_for(self, wanted: str, worker: Worker) -> None:
        """Wait until a worker has imported the code, and loaded the model if that is wanted."""
        try:
            self._receive_until(wanted, worker)
        except RefusedModelError as error:
            error.printed = self.printed(worker)
            raise

    def _receive_until(self, wanted: str, worker: Worker) -> None:
        end = time.monotonic() + self._job.startup_timeout
        stage = "import"
        try:
            while True:
                reply = worker.receive(end - time.monotonic())
                if "failure" in reply:
                    raise start_error(
                        reply["stage"],
                        reply["failure"],
                        self._folder,
                        in_container=self._job.is_in_container,
                        in_aws=is_in_aws(self._job.output),
                        container=self._container,
                    )
                if reply["stage"] == "imported":
                    self._note_functions(reply)
                if reply["stage"] == wanted:
                    return
                stage = "model_fn"
                worker.load()
        except WorkerSilentError:
            raise RefusedModelError(
                "startup-timeout",
                f"The model was not loaded after {self._job.startup_timeout:g} s ({stage}).",
                "Load less in model_fn, or raise container_startup_health_check_timeout.",
            ) from None
        except WorkerEndedError:
            raise RefusedModelError(
                "worker-ended",
                f"The process {worker.how_it_ended()} during {stage} of {self._entry_point}.",
                "Remove exit() and the like; look at the log for a crash in native code.",
            ) from None

    def _note_functions(self, reply: Mapping[str, Any]) -> None:
        self.functions = reply["functions"]
        problems = [ModelFinding("error", **problem) for problem in reply["problems"]]
        if problems:
            self._found.add(*problems[1:])
            first = problems[0]
            raise RefusedModelError(first.code, first.message, first.fix)

    def running(self, worker: Worker) -> Worker:
        """Return a worker that answers: another one, if this has ended."""
        return worker if worker.process.poll() is None else self.start()

    def crew(self, worker: Worker, count: int, _at_once: float) -> list[Worker]:
        """Return so many workers, this one among them if it still answers."""
        workers = [worker] if worker.process.poll() is None else []
        while len(workers) < count:
            workers.append(self.start())
        return workers

    def replacement(self) -> Worker | None:
        """Start a worker in place of one that died under load, if there can be one."""
        if self._memory.exceeded:
            return None
        try:
            return self.start()
        except RefusedModelError:
            return None

    def ask(self, worker: Worker, payload: Payload) -> dict[str, Any]:
        """Send one payload once. A worker that does not answer is ended.

        Raises:
            ResponseError: There is no answer.
        """
        try:
            reply = worker.ask(payload, self._job.request_timeout)
        except WorkerSilentError:
            worker.stop()
            raise hangs_error(self._job.request_timeout) from None
        except WorkerEndedError:
            how = worker.how_it_ended()
            worker.stop()
            raise exited_error(how) from None
        if "failure" in reply:
            raise handler_error(
                reply["failure"],
                self._folder,
                in_container=self._job.is_in_container,
                container=self._container,
            )
        return reply

    def printed(self, worker: Worker) -> str:
        """Return the end of what the code has printed since the last request, or the start."""
        return worker.printed().replace(str(self._folder), MODEL_FOLDER)

    def stop(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.stop()
