"""A compiler that has imported the SageMaker SDK before anybody asks.

Commands and the app start their compiler anew, and importing the SDK takes it seconds. In the
process of tests, :func:`start` stands in for that start. What is compiled, and how it is asked and
answers, stays the same: ``tests/synth/test_compilation.py`` compares. Whatever runs a program of
the app has the real start.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from typing import IO

from constructs_lib.aws.handle import without_aws_variables
from constructs_lib.compilation.parent import _start_compiler as start_as_the_app_does
from constructs_lib.configs import PipelineConfigs
from tests.example_pipeline import CONFIG
from tests.warm.copies import STDERR, Copy, copy

__all__ = ["WarmCompiler", "prepare", "run", "start", "start_as_the_app_does"]


class WarmCompiler:
    """A copy that compiles: what :class:`subprocess.Popen` is to the one that uses it."""

    def __init__(self, stdout: IO[bytes], running: Copy) -> None:
        self.stdout = stdout
        self.kill = running.kill
        self.wait = running.wait

    def communicate(self) -> tuple[bytes, None]:
        with self.stdout:
            rest = self.stdout.read()
        self.wait()
        return rest, None


def start(home_region: str, pipelines: list[tuple[str, PipelineConfigs]]) -> WarmCompiler:
    """Let a copy compile; takes the place of ``_start_compiler`` of the app."""
    answers, answering = os.pipe()
    with tempfile.TemporaryFile() as task:
        pickle.dump((home_region, pipelines), task)
        task.seek(0)
        standard = [task.fileno(), answering, STDERR]
        running = copy(__name__, [], without_aws_variables(os.environ), standard)
    os.close(answering)
    return WarmCompiler(os.fdopen(answers, "rb"), running)


def prepare() -> None:
    """Import, and compile once, to have it all at hand."""
    from constructs_lib.compilation import child  # noqa: F401
    from constructs_lib.definition import compile_pipeline

    compile_pipeline(PipelineConfigs.load(CONFIG))


def run(_arguments: list[str]) -> None:
    """Compile what standard input holds."""
    from constructs_lib.compilation import child

    child.main()
