"""``start`` and ``run`` tell an execution which commit they were started from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import local.release
from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from commands.terminal.git_commit import with_git_commit
from constructs_lib.errors import ReleaseError
from constructs_lib.git import commit_of
from tests.command_line.registered_pipeline import NAME
from tests.diff.app_repository import git

DEFINITION: dict[str, Any] = {
    "Parameters": [
        {"Name": "ModelS3Uri", "Type": "String"},
        {"Name": "GitCommit", "Type": "String", "DefaultValue": "unknown"},
    ]
}
MODEL = {"ModelS3Uri": "s3://bucket/model.tar.gz"}


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The commit of the app's folder."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "a")
    monkeypatch.setattr(places, "ROOT", tmp_path)
    return commit_of(tmp_path)


def test_the_commit_is_added(commit: str) -> None:
    assert with_git_commit(DEFINITION, MODEL) == {**MODEL, "GitCommit": commit}


def test_a_tree_with_changes_is_told(commit: str) -> None:
    (places.ROOT / "new.py").write_text("")

    assert with_git_commit(DEFINITION, {})["GitCommit"] == f"{commit}-dirty"


def test_one_that_is_given_stays(commit: str) -> None:
    given = {"GitCommit": "release 1.2 of 4f1c"}

    assert with_git_commit(DEFINITION, given) == given
    assert commit not in given.values()


@pytest.mark.usefixtures("commit")
def test_a_pipeline_of_before_is_passed_none() -> None:
    assert with_git_commit({"Parameters": []}, MODEL) == MODEL


def test_without_a_repository_the_default_stays_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(places, "ROOT", tmp_path)

    assert with_git_commit(DEFINITION, MODEL) == MODEL
    told = capsys.readouterr()
    assert "note: GitCommit is not told: git status failed" in told.err
    assert told.out == ""


def _run(
    release: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, *options: str
) -> dict[str, str]:
    """Let ``run`` go as far as it starts the execution; returns what that is told."""
    started: dict[str, str] = {}

    def start(*_: object, parameters: Mapping[str, str], **__: object) -> None:
        started.update(parameters)
        raise ReleaseError("far enough")

    monkeypatch.setattr(local.release, "release", start)
    monkeypatch.setattr("commands.local.run.definition_to_run", lambda *_, **__: DEFINITION)
    release(*options, NAME, "--model", "s3://bucket/model.tar.gz")
    return started


def test_run_tells_the_commit(
    commit: str, release: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.ROOT / "cdk.json").write_text('{"context": {"model-release": {}}}')

    assert _run(release, monkeypatch, "run")["GitCommit"] == f"{commit}-dirty"


def test_start_on_the_embedded_aws_tells_the_commit(
    commit: str, release: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.ROOT / "cdk.json").write_text('{"context": {"model-release": {}}}')

    assert _run(release, monkeypatch, "start")["GitCommit"] == f"{commit}-dirty"


@pytest.mark.parametrize("value", ["", "a, b", 'a"b', "x" * 257])
def test_what_could_not_be_registered_is_a_usage_error(
    value: str, release: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.local.run.definition_to_run", lambda *_, **__: DEFINITION)
    options = ["--model", "s3://bucket/m.tar.gz", "--parameter", f"GitCommit={value}"]

    result = release("run", NAME, *options)

    assert result.exit_code == ExitCode.USAGE
    assert "a model package can hold" in " ".join(result.output.replace("│", " ").split())
