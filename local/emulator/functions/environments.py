"""Where invocations of a Lambda function run: a process that stays for the next one.

Source: "Understanding the Lambda execution environment lifecycle" in the Lambda developer guide. An
environment takes one invocation at a time. It stays after an error of the handler, and is ended
when the process has ended, took too long, or has no handler. Two things differ: what the handler
leaves running goes on between invocations, where Lambda freezes it, and the session of the role
does not end, so clients that a handler keeps never lose their credentials.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Final

from local.emulator.authorization.identities import CallerIdentity
from local.emulator.functions import bootstrap
from local.processes import ProcessGroup

_END_SECONDS: Final = 2.0
"""How long an idle process may take to end by itself."""
_LOOK_SECONDS: Final = 0.01
_ENVIRONMENTS: Final[set[ExecutionEnvironment]] = set()


@dataclass(frozen=True)
class EnvironmentKey:
    """What an environment was made for: a version of a function, as it was configured."""

    function_arn: str
    configuration: str


@dataclass(frozen=True)
class Limits:
    """What an invocation may take."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class InvocationOutcome:
    """What the process wrote; None if it ended instead, or was too slow."""

    document: dict[str, Any] | None
    timed_out: bool
    exit_code: int | None
    log: bytes


@dataclass(frozen=True)
class AssumedRole:
    """As whom an environment calls, and the stream of its log."""

    identity: CallerIdentity
    log_stream: str


class ExecutionEnvironment:
    """A process with a function's code, its folder, its session and its log stream."""

    def __init__(
        self,
        key: EnvironmentKey,
        role: AssumedRole,
        variables: Mapping[str, str],
        unpack: Callable[[Path], None],
    ) -> None:
        """Start the process.

        Args:
            key: What it is for.
            role: As whom it calls.
            variables: Of the function and its session.
            unpack: Writes the function's code into a folder.
        """
        self.key = key
        self.role = role
        self._files = TemporaryDirectory(prefix="function-", ignore_cleanup_errors=True)
        self._folder = Path(self._files.name)
        try:
            task_root = self._folder / "var" / "task"
            unpack(task_root)
            self._group, self._pipe = self._start(task_root, variables)
        except BaseException:
            self._files.cleanup()
            raise
        _ENVIRONMENTS.add(self)

    def _start(self, task_root: Path, variables: Mapping[str, str]) -> tuple[ProcessGroup, int]:
        reader, writer = os.pipe()
        command = [sys.executable, "-P", bootstrap.__file__, str(reader), str(self._folder)]
        try:
            with self._log.open("ab") as log:
                group = ProcessGroup.start(
                    command,
                    environment={
                        "HOME": str(self._folder),
                        "TMPDIR": str(self._folder),
                        "LAMBDA_TASK_ROOT": str(task_root),
                        **variables,
                    },
                    folder=task_root,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[reader],
                )
        except BaseException:
            os.close(writer)
            raise
        finally:
            os.close(reader)
        return group, writer

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._group.process.poll() is None

    def invoke(
        self, name: str, document: Mapping[str, Any], limits: Limits
    ) -> tuple[InvocationOutcome, bool]:
        """Run one invocation; returns what came of it, and whether another one may follow."""
        invocation, outcome = (self._folder / f"{name}.{end}" for end in ("invocation", "outcome"))
        invocation.write_text(json.dumps(document), encoding="utf-8")
        printed_before = self._log.stat().st_size
        with suppress(BrokenPipeError):  # it has ended: that is what is found below
            os.write(self._pipe, f"{name}\n".encode())
        in_time = self._group.wait(
            timeout_seconds=limits.seconds,
            stopping=Event(),
            memory_bytes=limits.memory_bytes,
            is_done=outcome.exists,
        )
        answer = None
        if in_time and outcome.exists():
            answer = json.loads(outcome.read_text(encoding="utf-8"))
            outcome.unlink()
        invocation.unlink()
        may_follow = answer is not None and answer.get("is_loaded", True)
        if not may_follow:
            self._group.kill()
        with self._log.open("rb") as log:
            log.seek(printed_before)
            printed = log.read()
        exit_code = self._group.process.returncode
        return InvocationOutcome(answer, not in_time, exit_code, printed), may_follow

    def end(self) -> None:
        """End the process, if it has not ended, and remove its files."""
        end_environments([self])

    def _let_end(self) -> None:
        os.close(self._pipe)

    def _end_by(self, deadline: float) -> None:
        while not self._has_ended() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        self._group.kill()
        self._files.cleanup()

    def _has_ended(self) -> bool:
        if self._group.process.returncode is not None:
            return True
        # It keeps the id of its group until it is waited for.
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with suppress(ChildProcessError):  # waited for meanwhile
            return os.waitid(os.P_PID, self._group.process.pid, look) is not None
        return True


def end_environments(environments: Iterable[ExecutionEnvironment] | None = None) -> None:
    """End environments together; by default all that there are, for a process that ends."""
    ended = []
    for each in list(_ENVIRONMENTS if environments is None else environments):
        with suppress(KeyError):  # somebody else ends it
            _ENVIRONMENTS.remove(each)
            ended.append(each)
    for each in ended:
        each._let_end()
    deadline = time.monotonic() + _END_SECONDS
    for each in ended:
        each._end_by(deadline)
