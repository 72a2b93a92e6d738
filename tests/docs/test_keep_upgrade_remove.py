"""What the README tells whoever keeps a clone for years, done in a clone of its own."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.diff.app_repository import git
from tests.docs.documents import blocks
from tests.docs.workplace import Ran, Shell, make_workplace
from tests.example_pipeline import ROOT

README = ROOT / "README.md"
RECORDED = """#!/bin/sh
echo "$(basename "$0") $*" >> "$(dirname "$0")/recorded"
"""


def _commands(first_word: str) -> list[str]:
    """Return the commands of the one block that begins with such a command."""
    (found,) = [
        [command.text for command in block.commands]
        for block in blocks(README)
        if block.commands and block.commands[0].text.startswith(first_word) and block.not_run
    ]
    return found


def _pipelines_dir() -> str:
    (setting,) = re.findall(
        r'^"model-release": (\{ "pipelines_dir".*\})$', README.read_text(), re.M
    )
    folder: str = json.loads(setting)["pipelines_dir"]
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this project, with an installed environment."""
    folder = make_workplace(tmp_path / "clone")
    git(folder, "config", "user.name", "Reader")
    git(folder, "config", "user.email", "reader@example.com")
    return folder


@pytest.fixture
def shell(clone: Path) -> Iterator[Shell]:
    """A shell in it, whose make and cdk only write down how they are called."""
    for name in ("make", "cdk"):
        program = clone / ".venv" / "bin" / name
        program.unlink(missing_ok=True)
        program.write_text(RECORDED)
        program.chmod(0o755)
    with Shell(clone, {}) as started:
        yield started


def _keep_pipelines_outside(clone: Path) -> Path:
    """Do what the README says of pipelines of one's own; returns their folder."""
    folder = clone / _pipelines_dir()
    shutil.copytree(clone / "pipelines" / "returns_risk", folder / "our_model")
    settings = clone / "cdk.json"
    document = json.loads(settings.read_text())
    document["context"]["model-release"]["pipelines_dir"] = _pipelines_dir()
    settings.write_text(json.dumps(document, indent=2))
    return folder


def _done(ran: Ran) -> str:
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_an_upgrade_keeps_pipelines_outside_and_tells_what_changes_of_them(
    clone: Path, shell: Shell, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(clone), "origin.git")
    git(clone, "remote", "add", "origin", "../origin.git")
    git(clone, "fetch", "--quiet", "origin")
    git(clone, "branch", "--quiet", "--set-upstream-to", "origin/main")
    before = shell.run("git status --porcelain").output
    ours = _keep_pipelines_outside(clone)
    changed = shell.run("git status --porcelain").output
    git(clone, "commit", "--quiet", "--all", "--message", "Our settings")
    _publish_a_new_version(tmp_path)

    pull, look, deploy = _commands("git pull")
    _done(shell.run(pull))
    told = _done(shell.run(look))
    _done(shell.run(deploy))

    assert set(changed.splitlines()) - set(before.splitlines()) == {" M cdk.json"}
    assert list(ours.iterdir()) == [ours / "our_model"]
    assert "our_model: valid, pipeline returns-risk" in told
    assert "returns-risk: 1 step changed" in told
    assert re.search(r"~ Package  Processing\n +packaging script \(content\)", told), told
    assert "added" not in told
    assert (clone / ".venv" / "bin" / "recorded").read_text() == "make setup\ncdk deploy --all\n"


def _publish_a_new_version(folder: Path) -> None:
    git(folder, "clone", "--quiet", "origin.git", "upstream")
    job = folder / "upstream" / "constructs_lib" / "jobs" / "package_model" / "job.py"
    job.write_text(f"{job.read_text()}\n_OF_A_LATER_VERSION = True\n")
    git(folder / "upstream", "commit", "--quiet", "--all", "--message", "A later version")
    git(folder / "upstream", "push", "--quiet")


def test_the_example_can_be_removed(clone: Path, shell: Shell) -> None:
    for command in _commands("release new my_model"):
        _done(shell.run(command))

    valid = _done(shell.run("release validate"))
    demo = shell.run("release demo")

    assert [each.name for each in (clone / "pipelines").iterdir()] == ["my_model"]
    assert "my_model: valid, pipeline my-model" in valid
    assert "returns" not in valid
    assert demo.exit_code == 1
    assert "The demo releases the example pipeline" in demo.output
    assert "Traceback" not in demo.output
