"""Asks git about the folder of the app.

    git(root, "archive", "--format=zip", "HEAD")    # bytes
    commit_of(root)    # "4f1c…", or "4f1c…-dirty" with changes that are not committed

Which commit a release came from travels as a parameter of its execution: in the template, every
commit would be a change to deploy.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from constructs_lib.errors import ReleaseError

COMMIT_PARAMETER: Final = "GitCommit"
"""The pipeline parameter that says which commit an execution was started from."""
UNKNOWN_COMMIT: Final = "unknown"
"""Its default."""

DIRTY: Final = "-dirty"
"""What follows a commit whose tree was not clean."""
_OTHER_REPOSITORY: Final = (
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_WORK_TREE",
)
"""What a hook has in its environment, about the repository that it is of."""


class GitError(ReleaseError):
    """Git is not there, or does not do what it is asked."""


def git(folder: Path, *arguments: str) -> bytes:
    """Return what a git command prints, run in a folder. It writes nothing to the repository.

    Raises:
        GitError: There is no git, or the command failed; says what git says.
    """
    inherited = {name: text for name, text in os.environ.items() if name not in _OTHER_REPOSITORY}
    environment = {**inherited, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        ).stdout
    except OSError as error:
        raise GitError(
            f"git cannot be started: {error.strerror}. Install it; commits are read with it."
        ) from error
    except subprocess.CalledProcessError as error:
        raise GitError(
            f"git {arguments[0]} failed in {folder}: "
            f"{error.stderr.decode(errors='replace').strip()}"
        ) from error


def commit_of(folder: Path) -> str:
    """Return the commit that is checked out, with ``-dirty`` when the tree is not clean.

    Files that git does not know count, those that it ignores do not.

    Raises:
        GitError: There is no git, no repository or no commit yet, or git refuses.
    """
    status = git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal")
    # By bytes: the name of a branch may hold what splits lines of text.
    lines = [line.decode(errors="replace") for line in status.splitlines()]
    headers = dict(line.split(" ", 2)[1:] for line in lines if line.startswith("# branch."))
    commit = headers["branch.oid"]
    if commit == "(initial)":
        raise GitError(f"The repository of {folder} has no commit yet.")
    is_clean = all(line.startswith("#") for line in lines)
    return commit if is_clean else f"{commit}{DIRTY}"
