"""A process that has made ready what a program needs, and is forked for each run of the program.

The program is a module with two functions: ``prepare`` makes ready and starts no thread, and
``run`` is what a copy does with its arguments.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import IO

from constructs_lib.aws.handle import without_aws_variables
from tests.example_pipeline import ROOT

Run = Callable[[list[str]], object]
_MESSAGE_BYTES = 1 << 20
STDERR = 2


class Copy:
    """A copy that runs; what it does is named as :class:`subprocess.Popen` names it."""

    def __init__(self, told: IO[str]) -> None:
        self._told = told
        self._code: int | None = None
        self._pid = int(told.readline())

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(self._pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, at most so many seconds; returns the exit code."""
        if self._code is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a copy", timeout or 0)
            with self._told:
                self._code = int(self._told.readline())
        return self._code


def copy(
    program: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    standard: Sequence[int],
) -> Copy:
    """Let a copy run a program.

    Args:
        program: Name of its module.
        arguments: What ``run`` takes.
        environment: All of its variables.
        standard: Its standard input, output and error.
    """
    told, telling = os.pipe()
    message = json.dumps([list(arguments), dict(environment)]).encode()
    socket.send_fds(_running(program), [message], [*standard, telling])
    os.close(telling)
    return Copy(os.fdopen(told))


@cache
def _running(program: str) -> socket.socket:
    """Start the process that is copied, once."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm.copies", program, str(there.fileno())],
        cwd=ROOT,
        env=without_aws_variables(os.environ),
        stdin=subprocess.DEVNULL,
        pass_fds=[there.fileno()],
    )
    there.close()

    def end() -> None:
        here.close()
        process.wait()

    atexit.register(end)
    return here


def main() -> None:
    """Make ready, and be copied until nobody is there to ask."""
    gc.disable()  # importing leaves none, and looking for it takes a fifth of the time
    program = importlib.import_module(sys.argv[1])
    program.prepare()
    gc.freeze()  # what is not looked through is not copied in memory, either
    gc.enable()
    asked = socket.socket(fileno=int(sys.argv[2]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for copies
    while True:
        message, descriptors, _, _ = socket.recv_fds(asked, _MESSAGE_BYTES, 4)
        if not message:
            return
        if os.fork() == 0:
            asked.close()
            arguments, environment = json.loads(message)
            _wait_for_copy(program.run, arguments, environment, *descriptors)
        for each in descriptors:
            os.close(each)


def _wait_for_copy(
    run: Run, arguments: list[str], environment: dict[str, str], *descriptors: int
) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, telling = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(telling)
        for number, each in enumerate(standard):
            os.dup2(each, number)
            os.close(each)
        os.environ.clear()
        os.environ.update(environment)
        _run(run, arguments)
    for each in standard:
        os.close(each)
    os.write(telling, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(telling, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(run: Run, arguments: list[str]) -> None:
    try:
        run(arguments)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
