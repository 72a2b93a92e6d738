"""The same commit and configs give the same cloud assembly, byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("app.py", "cdk.json", "constructs_lib", "stacks", "pipelines")


def _synthesize(folder: Path, *, umask: int, mtime: int, **environment: str) -> dict[str, bytes]:
    """Synthesize a copy of the app; returns the content of each file of the assembly."""
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        else:
            shutil.copy(ROOT / name, folder / name)
    for path in folder.rglob("*"):
        os.utime(path, (mtime, mtime))
    subprocess.run(
        [sys.executable, "app.py"],
        cwd=folder,
        env={"PATH": os.defpath, **environment},
        umask=umask,
        check=True,
    )
    output = folder / "cdk.out"
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }


def test_two_machines_synthesize_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "elsewhere").mkdir()

    one = _synthesize(
        tmp_path / "one", umask=0o022, mtime=1_000_000_000, TZ="UTC", PYTHONHASHSEED="1"
    )
    other = _synthesize(
        tmp_path / "elsewhere",
        umask=0o077,
        mtime=1_700_000_000,
        TZ="Asia/Tokyo",
        LC_ALL="C.UTF-8",
        HOME=str(tmp_path),
        PYTHONHASHSEED="4242",
    )

    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
