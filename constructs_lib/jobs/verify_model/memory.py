"""The memory of the worker processes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

from ..common.limits import MIB
from .findings import ModelFinding
from .server.families import processes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .server.families import Family
    from .worker import Worker

SAMPLE_SECONDS = 0.05
LEAK_BYTES = 10 * MIB
LEAK_SHARE = 0.05
FEWEST_SAMPLES = 8
"""Of fewer nobody can tell whether memory grows."""


class MemorySampler:
    """Samples the resident memory of workers and their children, where the system tells it.

    Of a server it is that of everything started since, however it cut itself loose.
    """

    def __init__(self, limit_bytes: int | None) -> None:
        """Start sampling."""
        self._limit = limit_bytes
        self._workers: list[Worker] = []
        self._family: Family | None = None
        self._end = threading.Event()
        self.samples: list[int] = []
        self.exceeded = False
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def watch(self, worker: Worker) -> None:
        """Count a worker."""
        self._workers.append(worker)

    def watch_server(self, family: Family) -> None:
        """Count a server, with all that it starts."""
        self._family = family

    def stop(self) -> None:
        """End the sampling."""
        self._end.set()
        self._thread.join()

    @property
    def peak_bytes(self) -> int | None:
        """The largest sum seen; None when the system tells nothing."""
        return max(self.samples, default=0) or None

    def _sample(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            pids = {worker.process.pid for worker in self._workers}
            total = self._resident_bytes(pids)
            if total:
                self.samples.append(total)
            if self._limit is not None and total > self._limit:
                self.exceeded = True
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, signal.SIGKILL)
                if self._family:
                    self._family.kill()

    def _resident_bytes(self, sessions: set[int]) -> int:
        if self._family:  # workers, which explain failures, are among them
            return sum(each.resident_bytes for each in self._family.members())
        return sum(each.resident_bytes for each in processes() if each.session in sessions)


def above_limit(peak_bytes: int, limit_megabytes: int | None) -> ModelFinding:
    """Return the finding for processes that were ended for their memory."""
    return ModelFinding(
        "error",
        "memory-above-limit",
        f"memory {peak_bytes / MIB:.1f} MB is above container_memory_limit {limit_megabytes}",
        "Keep nothing from one request to the next, use fewer workers, or raise the limit.",
    )


def growth(samples: Sequence[int]) -> ModelFinding | None:
    """Return the finding for memory that grew during a load, by samples from its beginning on."""
    if len(samples) < FEWEST_SAMPLES:
        return None
    quarter = len(samples) // 4
    early = sum(samples[quarter : 2 * quarter]) / quarter
    late = sum(samples[-quarter:]) / quarter
    if late - early <= max(LEAK_BYTES, LEAK_SHARE * early):
        return None
    return ModelFinding(
        "warning",
        "memory-grows",
        f"Memory grew by {(late - early) / MIB:.1f} MB during the load test.",
        "Keep nothing from one request to the next; bound caches.",
    )
