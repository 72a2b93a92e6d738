"""Calls the functions of a model in workers behind walls."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from constructs_lib.direct_server import worker_program
from constructs_lib.direct_server.model import WalledModel
from constructs_lib.direct_server.worker_program import VARIABLE, packed
from constructs_lib.jobs.verify_model.direct import DirectCalls
from constructs_lib.jobs.verify_model.findings import FoundProblems
from constructs_lib.jobs.verify_model.job import VerificationJob
from constructs_lib.jobs.verify_model.memory import MemorySampler

REQUEST_SECONDS: Final = 60.0
"""How long an answer may take.

Source: "Use your own inference code with hosting services" in the SageMaker developer guide: the
container answers within 60 seconds.
"""


class WalledCalls(DirectCalls):
    """Starts workers as verification does: by a program that puts them behind walls.

    The walls of a worker end with the thread that has started it.
    """

    def __init__(
        self, model: WalledModel, startup_seconds: float, *, container: str = "pytorch"
    ) -> None:
        """Start nothing yet.

        Args:
            model: Whose functions to call.
            startup_seconds: How long a worker may take, of this machine.
            container: Which one serves, as configs name it.
        """
        job = VerificationJob(
            model=model.model,
            payload=model.folder,
            request=model.folder,
            program=Path(worker_program.__file__),
            startup_timeout=startup_seconds,
            request_timeout=REQUEST_SECONDS,
        )
        program = model.program()
        self.has_walls = program.has_walls
        worker = packed(program.command, model.environment(), str(model.printed))
        told = {**model.declared, VARIABLE: worker}
        memory = MemorySampler(None)
        memory.stop()  # nobody counts it
        super().__init__(job, told, model.model, FoundProblems([]), memory, container=container)

    def kill(self) -> None:
        """Kill the processes; whoever waits for one is told that it has ended."""
        for worker in self._workers:
            if worker.process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(worker.process.pid, signal.SIGKILL)
