"""Unpacks archives with programs, in a root of its own that holds nothing else.

Started by ``readers.py`` inside of a mount namespace: it changes its root to the folder it is
given, where only the programs' folders are, read-only. Takes archives as ``tarfile_reader`` does,
and answers each with a line of JSON: what every reader unpacked, or why it could not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.fuzz.tarfile_reader import read_framed
from benchmarks.fuzz.trees import ReaderAnswer, tree_on_disk
from constructs_lib.jobs.common.limits import Limits
from constructs_lib.jobs.verify_model.findings import RefusedModelError
from constructs_lib.jobs.verify_model.unpacking import unpack as unpack_to_verify

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_ARCHIVE = Path("/work/archive.tar")
_PLACE = Path("/work/outside")
_FOLDER = _PLACE / "of/the/folder"
_ERROR_CHARACTERS = 300
_COMMANDS = {
    "tar": ("tar", "-xpf", str(_ARCHIVE), "--no-same-owner"),
    "bsdtar": ("bsdtar", "-xpf", str(_ARCHIVE), "--no-same-owner", "--no-xattrs", "--no-acls"),
    "busybox": ("busybox", "tar", "-xpof", str(_ARCHIVE)),
}


def _run(command: tuple[str, ...]) -> str:
    """Unpack with a program. Returns why it failed, or nothing."""
    done = subprocess.run(
        command,
        cwd=_FOLDER,
        env=_ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode(errors="replace") or "no reason given" if done.returncode else ""


def _verify() -> str:
    """Unpack as the Verify job does."""
    try:
        unpack_to_verify(_ARCHIVE, _FOLDER, Limits())
    except RefusedModelError as error:
        return str(error)
    return ""


_READERS: dict[str, Callable[[], str]] = {
    "verify_model": _verify,
    **{
        name: lambda command=command: _run(command)  # type: ignore[misc]
        for name, command in _COMMANDS.items()
        if shutil.which(name)
    },
}


def _outside() -> set[str]:
    """Everything that is not inside of the folder."""
    found = {str(path) for path in Path("/").iterdir()}
    for parent, folders, files in os.walk("/work"):
        if parent == str(_FOLDER):
            folders.clear()
            continue
        found.update(f"{parent}/{name}" for name in (*folders, *files))
    return found


def _unpacked(unpack: Callable[[], str]) -> ReaderAnswer:
    _FOLDER.mkdir(parents=True)
    before = _outside()
    error = unpack()
    escaped = _outside() ^ before
    tree = tree_on_disk(str(_FOLDER))
    shutil.rmtree(_PLACE)
    if escaped:
        error = f"wrote or removed {sorted(escaped)}"
    return ReaderAnswer(tree, error.strip()[:_ERROR_CHARACTERS])


def main() -> None:
    """Answer until there are no more archives."""
    os.chroot(sys.argv[1])
    os.chdir("/")
    while True:
        archive = read_framed(sys.stdin.buffer)
        if archive is None:
            return
        _ARCHIVE.write_bytes(archive)
        answer = {name: _unpacked(unpack) for name, unpack in _READERS.items()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
