"""Which commit an execution was started from, as git tells it, or why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from constructs_lib.git import GitError, commit_of, git
from tests.diff.app_repository import git as run_git


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose machine it is must not matter: which folders are safe there, for example."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "config.json").write_text("{}")
    (folder / ".gitignore").write_text(".local\n")
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "--message", "a")
    return folder


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD").decode().strip()


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    (repository / ".local").mkdir()
    (repository / ".local" / "record.json").write_text("ignored by git")

    assert commit_of(repository) == head(repository)
    assert len(head(repository)) == 40


def test_a_subfolder_is_of_the_whole_repository(repository: Path) -> None:
    (repository / "more").mkdir()
    (repository / "config.json").write_text("changed")

    assert commit_of(repository / "more") == f"{head(repository)}-dirty"


@pytest.mark.parametrize("change", ["changed", "staged", "new", "deleted"])
def test_a_tree_with_changes_is_dirty(repository: Path, change: str) -> None:
    config = repository / "config.json"
    if change == "deleted":
        config.unlink()
    elif change == "new":
        (repository / "handler.py").write_text("")
        run_git(repository, "config", "status.showUntrackedFiles", "no")
    else:
        config.write_text('{"a": 1}')
    if change == "staged":
        run_git(repository, "add", "--all")

    assert commit_of(repository) == f"{head(repository)}-dirty"


def test_a_detached_head_is_its_commit(repository: Path) -> None:
    run_git(repository, "checkout", "--quiet", "--detach")

    assert commit_of(repository) == head(repository)


@pytest.mark.parametrize("character", ["\x85", "\u2028"])
def test_a_branch_may_have_a_line_separator_in_its_name(repository: Path, character: str) -> None:
    run_git(repository, "checkout", "--quiet", "-b", f"a{character}b")

    assert commit_of(repository) == head(repository)


def test_asking_changes_nothing_in_the_repository(repository: Path) -> None:
    (repository / "config.json").touch()

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}

    before = files()
    commit_of(repository)

    assert files() == before


def test_a_hook_of_another_repository_does_not_mislead(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "other" / ".git" / "objects"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / "index"))

    assert commit_of(repository) == head(repository)


def test_a_repository_without_a_commit_is_told(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet")

    with pytest.raises(GitError, match="no commit yet"):
        commit_of(tmp_path)


def test_a_folder_outside_of_any_repository_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(GitError, match="not a git repository"):
        commit_of(tmp_path)


def test_a_machine_without_git_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))

    with pytest.raises(GitError, match=r"cannot be started.*Install it"):
        commit_of(repository)


def test_a_folder_that_git_does_not_trust_is_told_with_gits_own_fix(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(GitError, match=r"dubious ownership(.|\n)*--add safe.directory"):
        commit_of(repository)
