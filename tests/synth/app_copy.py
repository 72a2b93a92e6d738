"""A copy of the app, and what it synthesizes to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
JSII_CACHE = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
"""In the home folder otherwise, which tests replace: unpacking the CDK takes seconds."""
SOURCES = ("app.py", "cdk.json", "cli.py", "commands", "constructs_lib", "stacks", "pipelines")


def copy_app(folder: Path, *, backwards: bool = False) -> Path:
    """Copy what an app is made of, without caches; also in an order that is not the usual one."""
    files = [
        path
        for name in SOURCES
        for path in ([ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*")))
        if path.is_file() and path.suffix != ".pyc"
    ]
    for file in reversed(files) if backwards else files:
        target = folder / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return folder


def run(
    folder: Path, *command: str, umask: int = 0o022, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with nothing in the environment but what is given."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={
            "PATH": os.defpath,
            "CDK_VALIDATION": "false",
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(JSII_CACHE),
            **(environment or {}),
        },
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )


def assembly(folder: Path) -> dict[str, bytes]:
    """Read each file of a cloud assembly."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
