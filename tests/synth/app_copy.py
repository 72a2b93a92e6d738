"""A copy of the app, and what it synthesizes to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.example_pipeline import PIPELINES, ROOT

JSII_CACHE = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
"""In the home folder otherwise, which tests replace: unpacking the CDK takes seconds."""
BEFORE_ANY_END = 1_700_000_000
"""A day of 2023, when AWS patched the example's containers: there is nothing to tell of them."""
AFTER_AN_END = 1_795_824_000
"""2026-11-28, when AWS patched no PyTorch container with TorchServe."""
AFTER_THE_EXAMPLES_END = 1_816_000_000
"""2027-07-19, when AWS patches the example's container of scikit-learn no more."""
_NOT_OF_THE_APP = {"benchmarks", "cdk.out", "docs", "node_modules", "pipelines", "tests"}
"""All else in this folder is copied, so that a new folder of the app is no change here."""


def copy_app(folder: Path, *, backwards: bool = False) -> Path:
    """Copy the app without caches, with the tests' own pipeline instead of those that it has.

    Args:
        folder: The copy.
        backwards: Write its files in an order that is not the usual one.
    """
    files = {
        path: folder / path.relative_to(ROOT)
        for entry in sorted(ROOT.iterdir())
        if entry.name not in _NOT_OF_THE_APP and not entry.name.startswith(".")
        for path in ([entry] if entry.is_file() else _files(entry))
    } | {path: folder / path.relative_to(PIPELINES.parent) for path in _files(PIPELINES)}
    for file, target in reversed(files.items()) if backwards else files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return folder


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]


def run(
    folder: Path, *command: str, umask: int = 0o022, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with nothing in the environment but what is given."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={
            "RELEASE_SERVING": "",  # as all tests: functions are called directly
            "PATH": os.defpath,
            "CDK_VALIDATION": "false",
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(JSII_CACHE),
            "SOURCE_DATE_EPOCH": str(BEFORE_ANY_END),
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
