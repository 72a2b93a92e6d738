"""Throw-away copies of the checkout: faults are planted there, never in the checkout itself."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.mutants.planted import PlantedFault, PlantingError

_LONGEST_SECONDS: Final = 600
_LEFT_OUT: Final = (".git", ".local", ".*_cache", ".hypothesis", "cdk.out")
_INSTALLED: Final = (".venv", "node_modules")
"""Linked, not copied."""
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)
_PYTEST: Final = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=short", "-rfE")


@dataclass(frozen=True)
class RanTests:
    """What became of tests."""

    exit_code: int
    output: str

    @property
    def failed(self) -> str | None:
        """The test that failed, or whose fixtures did; None when all passed.

        Raises:
            PlantingError: The tests could not be run.
        """
        if self.exit_code == 0:
            return None
        found = _FAILED.search(self.output)
        if self.exit_code != 1 or found is None:
            raise PlantingError(f"The tests could not be run:\n{self.output[-3000:]}")
        return found[1]


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout."""

    folder: Path

    @contextmanager
    def with_fault(self, fault: PlantedFault) -> Iterator[None]:
        """Plant a fault, and take it out again."""
        path = self.folder / fault.file
        text, status = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(fault.plant(text), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")
            # With the time of the original, so that Python takes its cached byte code again.
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def run(self, tests: Sequence[str]) -> RanTests:
        """Run tests up to the first that fails."""
        process = subprocess.Popen(
            [sys.executable, *_PYTEST, *tests],
            cwd=self.folder,
            # Byte code of a fault must not outlive it.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "500"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=_LONGEST_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return RanTests(process.returncode, output)


def copy_checkout(root: Path, folder: Path) -> Checkout:
    """Copy a checkout with its byte code; what is installed is linked."""
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT, *_INSTALLED))
    for name in _INSTALLED:
        if (root / name).exists():
            (folder / name).symlink_to((root / name).resolve())
    return Checkout(folder)
