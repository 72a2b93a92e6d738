"""Child processes: a time limit, a log file, and an end for everything they started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO, Final

from constructs_lib.confinement import inherited
from constructs_lib.jobs.common.pauses import pauses

_FIRST_POLL_SECONDS: Final = 0.001
_LONGEST_POLL_SECONDS: Final = 0.02
"""Between two looks at whether a child runs."""
_WEIGH_SECONDS: Final = 0.2
"""Between two looks at how much a child holds: that takes longer than to see whether it runs."""
# A process that left the group may hold stderr open for ever.
_DRAIN_SECONDS: Final = 5
_RUNNING: Final[set[int]] = set()
"""Ids of the children's process groups."""


class ProcessStoppedError(Exception):
    """The child was stopped because whoever waited for it does not want it any more."""


@dataclass(frozen=True)
class ChildResult:
    """How a child ended; ``last_error_line`` is the last line it wrote to stderr."""

    exit_code: int
    timed_out: bool
    last_error_line: str


def run_child(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log_path: Path,
    timeout_seconds: float,
    stopping: Event,
    memory_bytes: int | None = None,
) -> ChildResult:
    """Run ``command`` in ``folder`` with only ``environment``, appending its output to the log.

    A child that holds more than ``memory_bytes`` is killed, where the system tells how much it
    holds: address space says little about that.

    However it ends, the whole process group is killed, as with a container.

    Raises:
        ProcessStoppedError: ``stopping`` was set meanwhile.
    """
    with log_path.open("ab", buffering=0) as log:
        group = ProcessGroup.start(
            command, environment=environment, folder=folder, stdout=log, stderr=subprocess.PIPE
        )
        assert group.process.stderr is not None  # noqa: S101
        errors = _ErrorLines(group.process.stderr, log)
        errors.start()
        try:
            in_time = group.wait(
                timeout_seconds=timeout_seconds, stopping=stopping, memory_bytes=memory_bytes
            )
        finally:
            group.kill()
            errors.join(_DRAIN_SECONDS)
    return ChildResult(group.process.returncode, timed_out=not in_time, last_error_line=errors.last)


@dataclass(frozen=True)
class ProcessGroup:
    """A child, and everything that it starts and that stays in its group."""

    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        stdout: IO[bytes],
        stderr: int,
        pass_fds: Sequence[int] = (),
    ) -> ProcessGroup:
        """Start ``command`` in ``folder`` with only ``environment``.

        Args:
            command: What to run.
            environment: All of its variables but those that every child inherits.
            folder: Its working folder.
            stdout: Where its output goes.
            stderr: ``subprocess.PIPE`` or ``subprocess.STDOUT``.
            pass_fds: The files of this process that it has, too.
        """
        process = subprocess.Popen(
            command,
            env={**inherited(), "PYTHONUNBUFFERED": "1", **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        _RUNNING.add(process.pid)
        return cls(process)

    def wait(
        self,
        *,
        timeout_seconds: float,
        stopping: Event,
        memory_bytes: int | None = None,
        is_done: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait until the child has ended, ``is_done``, or it holds more than ``memory_bytes``.

        Returns:
            Whether that came in time.

        Raises:
            ProcessStoppedError: ``stopping`` was set meanwhile.
        """
        deadline = time.monotonic() + timeout_seconds
        weighed = time.monotonic()
        before_next = pauses(_LONGEST_POLL_SECONDS, _FIRST_POLL_SECONDS)
        while self.process.poll() is None and not is_done():
            if stopping.wait(next(before_next)):
                raise ProcessStoppedError
            now = time.monotonic()
            if now >= deadline:
                return False
            if memory_bytes is not None and now - weighed >= _WEIGH_SECONDS:
                if _resident_bytes(self.process.pid) > memory_bytes:
                    return True
                weighed = now
        return True

    def kill(self) -> None:
        """End all of it at once, if it has not ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        _RUNNING.discard(self.process.pid)


class _ErrorLines(Thread):
    """Copies a child's stderr into the log and remembers the last line."""

    def __init__(self, stream: IO[bytes], log: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._log = log
        self.last = ""

    def run(self) -> None:
        with self._stream:
            for line in self._stream:
                self._log.write(line)
                self.last = line.decode(errors="replace").strip() or self.last


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has ended, or the system has no /proc
        return 0
    return pages * os.sysconf("SC_PAGESIZE")


def kill_children() -> None:
    """Kill every child that runs, for a process that is about to end at once."""
    for pid in list(_RUNNING):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
