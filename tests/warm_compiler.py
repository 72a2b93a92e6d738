"""A compiler that has imported the SageMaker SDK before anybody asks: a copy of it for each.

Commands and the app start their compiler anew, and importing the SDK takes it seconds. In the
process of tests, :func:`start` stands in for that start: one process a session imports the SDK, and
is forked for each compilation. What is compiled, and how it is asked and answers, stays the same:
``tests/synth/test_compilation.py`` compares. Whatever runs a program of the app has the real start.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from typing import IO, Any

from constructs_lib.aws.handle import without_aws_variables
from constructs_lib.compilation.parent import _start_compiler as start_as_the_app_does
from constructs_lib.configs import PipelineConfigs
from tests.example_pipeline import CONFIG, ROOT

__all__ = ["Compiler", "start", "start_as_the_app_does"]

_MESSAGE_BYTES = 1 << 20
_STDERR = 2


class Compiler:
    """A copy that compiles: what :class:`subprocess.Popen` is to the one that uses it."""

    def __init__(self, stdout: IO[bytes], told: IO[str]) -> None:
        self.stdout = stdout
        self._told = told
        self._pid = int(told.readline())

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        code = int(self._told.readline())
        self._told.close()
        return code

    def communicate(self) -> tuple[bytes, None]:
        with self.stdout:
            rest = self.stdout.read()
        if not self._told.closed:
            self.wait()
        return rest, None


def start(home_region: str, pipelines: list[tuple[str, PipelineConfigs]]) -> Compiler:
    """Let a copy compile; takes the place of ``_start_compiler`` of the app."""
    answers, answering = os.pipe()
    told, telling = os.pipe()
    with tempfile.TemporaryFile() as task:
        pickle.dump((home_region, pipelines), task)
        task.seek(0)
        message = json.dumps(without_aws_variables(os.environ)).encode()
        descriptors = [task.fileno(), answering, _STDERR, telling]
        socket.send_fds(_running(), [message], descriptors)
    os.close(answering)
    os.close(telling)
    return Compiler(os.fdopen(answers, "rb"), os.fdopen(told))


@cache
def _running() -> socket.socket:
    """Start the process that is copied, once."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm_compiler", str(there.fileno())],
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
    """Import, compile once to have it all at hand, and be copied until nobody is there to ask."""
    from constructs_lib.compilation import child
    from constructs_lib.definition import compile_pipeline

    compile_pipeline(PipelineConfigs.load(CONFIG))
    asked = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for copies
    while True:
        message, descriptors, _, _ = socket.recv_fds(asked, _MESSAGE_BYTES, 4)
        if not message:
            return
        if os.fork() == 0:
            asked.close()
            _wait_for_copy(child, json.loads(message), *descriptors)
        for each in descriptors:
            os.close(each)


def _wait_for_copy(child: Any, environment: dict[str, str], *descriptors: int) -> None:
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
        try:
            child.main()
        finally:
            os._exit(1)
    for each in standard:
        os.close(each)
    os.write(telling, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(telling, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
