"""``make torch`` as it is typed, in a clone whose uv installs no more than a version."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.command_line.fake_uv import put_uv
from tests.docs.workplace import make_workplace


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this project, set up."""
    return make_workplace(tmp_path_factory.mktemp("torch") / "clone")


def _make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # It is set up: what that installs is not looked at again.
    return _run(clone, "make", "--old-file=setup", "torch", *arguments)


def _run(clone: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)


def test_it_installs_what_verdicts_name_afterwards(clone: Path) -> None:
    called = put_uv(clone / ".venv", "2.10.0")
    model = "pipelines/returns_risk/model/model.tar.gz"
    check = ("check-archive", "returns_risk", model, "--with-code", "--seconds", "0")

    made = _make(clone)
    checked = _run(clone, str(clone / ".venv" / "bin" / "python"), "cli.py", *check)

    assert (made.returncode, made.stderr) == (0, "")
    assert "Installing torch 2.10.0 into .venv/torch" in made.stdout
    assert "torch 2.10.0: release check-archive and release run use it." in made.stdout
    assert "PYTHONPATH=.venv/torch python train.py\n" in made.stdout
    assert called.read_text().startswith("true pip install --python ")
    assert checked.returncode == 0, checked.stderr
    assert ", torch 2.10.0" in checked.stdout.splitlines()[-1]


def test_version_chooses_another(clone: Path) -> None:
    called = put_uv(clone / ".venv", "2.6.0")

    made = _make(clone, "VERSION=2.6.0")

    assert made.returncode == 0, made.stderr
    assert "torch>=2.6.0\n" in called.read_text()


def test_a_download_that_fails_fails_it(clone: Path) -> None:
    put_uv(clone / ".venv", "2.5.0", code=2)

    made = _make(clone, "VERSION=2.5.0")

    assert made.returncode != 0
    assert "error: torch 2.5.0 or newer cannot be installed" in made.stderr


def test_make_help_tells_of_it(clone: Path) -> None:
    # Under another make it would tell its folder, too.
    told = _run(clone, "make", "--no-print-directory", "help").stdout

    assert "make torch " in told
    assert max(map(len, told.splitlines())) <= 80
