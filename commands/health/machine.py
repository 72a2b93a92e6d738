"""Checks of this machine: what the app needs to run here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Final

from commands.health.checks import Check
from commands.terminal import places

_MIN_PYTHON: Final = (3, 11)
_MIN_NODE: Final = 22
_MIN_FREE_GB: Final = 3
_SETUP: Final = "Run make setup."
_TIMEOUT_SECONDS: Final = 30


def machine_checks() -> Iterator[Check]:
    """Check Python, Node, the CDK CLI and the disk."""
    yield _python()
    yield _tool("Node", "node", lambda text: int(text.lstrip("v").split(".")[0]) >= _MIN_NODE)
    yield _tool("CDK CLI", "cdk", bool)
    yield _disk()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _MIN_PYTHON:
        return Check("Python", "ok", version)
    return Check("Python", "problem", version, "Install Python 3.11 or newer, then make setup.")


def _tool(name: str, command: str, good: Callable[[str], bool]) -> Check:
    beside_python = os.path.dirname(sys.executable)  # noqa: PTH120  # a search path is text
    search_path = f"{beside_python}:{os.environ.get('PATH', '')}"
    path = shutil.which(command, path=search_path)
    if path is None:
        return Check(name, "problem", "not found", _SETUP)
    try:
        result = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            env={**os.environ, "PATH": search_path},
        )
        version = result.stdout.strip()
        fine = result.returncode == 0 and good(version)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return Check(name, "problem", str(error), _SETUP)
    if not fine:
        return Check(name, "problem", version or result.stderr.strip(), _SETUP)
    return Check(name, "ok", version)


def _disk() -> Check:
    free = shutil.disk_usage(places.ROOT).free / 1e9
    if free >= _MIN_FREE_GB:
        return Check("disk", "ok", f"{free:.0f} GB free")
    return Check("disk", "problem", f"{free:.1f} GB free", f"Free {_MIN_FREE_GB} GB.")
