"""The readers that are compared: ``tarfile`` of several Pythons, GNU tar, bsdtar and busybox.

Programs unpack inside of namespaces of their own, in a root folder of their own that lives in
memory: hostile archives must not reach this machine's files.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from benchmarks.fuzz.tarfile_reader import framed, read_with_tarfile
from benchmarks.fuzz.trees import Node, ReaderAnswer

PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
PROGRAMS = ("tar", "bsdtar", "busybox")
_FOLDER = Path(__file__).parent
_NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount", "--net", "--kill-child")

Answers = Mapping[str, ReaderAnswer]
"""What each reader unpacked."""


class Process:
    """A reader that runs in a process of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it."""
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, archive: bytes) -> None:
        """Hand over an archive."""
        pipe = _pipe(self._process.stdin)
        pipe.write(framed(archive))
        pipe.flush()

    def answer(self) -> Any:
        """Wait for what it made of the archive.

        Raises:
            RuntimeError: it has died.
        """
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended unexpectedly")
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        _pipe(self._process.stdin).close()
        self._process.wait()
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("started without pipes")
    return pipe


class Readers:
    """All readers that this machine has."""

    def __init__(self, pythons: Mapping[str, Process], unpacking: Process | None) -> None:
        """Take what was started; see :func:`started_readers`."""
        self._pythons = pythons
        self._unpacking = unpacking

    def read(self, archive: bytes) -> Answers:
        """Let each of them read an uncompressed archive."""
        processes = [*self._pythons.values(), *([self._unpacking] if self._unpacking else [])]
        for process in processes:
            process.ask(archive)
        answers = {"tarfile": read_with_tarfile(archive)}
        for name, process in self._pythons.items():
            answers[name] = _answer(process.answer())
        if self._unpacking:
            unpacked = self._unpacking.answer()
            answers |= {name: _answer(answer) for name, answer in unpacked.items()}
        return answers


def _answer(parsed: Any) -> ReaderAnswer:
    tree, error = parsed
    return ReaderAnswer({path: Node(*fields) for path, fields in tree.items()}, error)


@contextlib.contextmanager
def started_readers() -> Iterator[Readers]:
    """Start every reader that is installed, and end them afterwards; programs only locked up."""
    with contextlib.ExitStack() as stack:
        pythons = {
            f"tarfile of {version}": Process([path, str(_FOLDER / "tarfile_reader.py")])
            for version, path in other_pythons().items()
        }
        for process in pythons.values():
            stack.callback(process.close)
        unpacking = None
        if can_lock_up():
            root = stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-"))
            unpacking = Process(_locked_up(root))
            stack.callback(unpacking.close)
        yield Readers(pythons, unpacking)


def _locked_up(root: str) -> list[str]:
    process = [sys.executable, str(_FOLDER / "unpacking_process.py"), root]
    return [*_NAMESPACES, "sh", str(_FOLDER / "enter_root.sh"), root, *process]


def other_pythons() -> dict[str, str]:
    """Paths of the Pythons that are not this one, by version."""
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = {version: _python(version) for version in PYTHONS if version != this}
    return {version: path for version, path in found.items() if path}


def _python(version: str) -> str | None:
    versions = Path.home() / ".pyenv" / "versions"
    paths = [str(path) for path in versions.glob(f"{version}.*/bin/python{version}")]
    for path in (shutil.which(f"python{version}"), *paths):
        works = path and subprocess.run([path, "-c", ""], check=False, capture_output=True)
        if works and works.returncode == 0:
            return path
    return None


def can_lock_up() -> bool:
    """Whether this machine gives namespaces to lock the programs up in."""
    if not shutil.which("unshare"):
        return False
    with tempfile.TemporaryDirectory() as root:
        command = [*_NAMESPACES, "sh", str(_FOLDER / "enter_root.sh"), root, "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def absent() -> list[str]:
    """Return a line for each reader that is skipped."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    pythons = {here, *other_pythons()}
    lines = [f"Python {each} is not installed" for each in PYTHONS if each not in pythons]
    if not can_lock_up():
        return [*lines, f"no namespaces to unpack in: {', '.join(PROGRAMS)} are not run"]
    return [*lines, *(f"{each} is not installed" for each in PROGRAMS if not shutil.which(each))]
