"""A copy of the project where a reader's commands run, against an embedded AWS."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.example_pipeline import ROOT, copy_pipelines
from tests.synth.app_copy import AFTER_AN_END, JSII_CACHE

_LEFT_OUT: Final = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", ".local", "cdk.out", ".*_cache", ".hypothesis", "*.pyc.*"
)
"""The last are byte code that another process is writing: gone before they are copied."""
_OF_THE_COPY: Final = ("activate", "release", "cdk")
"""Files of ``.venv/bin`` that name the folder of the project."""
_COLUMNS: Final = "120"


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    output: str
    exit_code: int


def make_workplace(folder: Path) -> Path:
    """Copy the project as a git clone with its installed environment; returns the folder."""
    shutil.copytree(ROOT, folder, ignore=_LEFT_OUT, symlinks=True)
    # Not this folder's pipelines, which are of whoever runs the tests.
    shutil.rmtree(folder / "pipelines", ignore_errors=True)
    copy_pipelines(folder)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    _link_environment(folder)
    git = ("git", "-c", "user.name=Reader", "-c", "user.email=reader@example.com")
    for command in (
        ("git", "init", "--quiet", "--initial-branch=main"),
        ("git", "add", "."),
        (*git, "-c", "commit.gpgsign=false", "commit", "--quiet", "--message", "As cloned"),
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def _link_environment(folder: Path) -> None:
    environment = folder / ".venv"
    binaries = environment / "bin"
    binaries.mkdir(parents=True)
    for name in ("lib", "pyvenv.cfg"):
        (environment / name).symlink_to(ROOT / ".venv" / name)
    for file in (ROOT / ".venv" / "bin").iterdir():
        if file.name not in _OF_THE_COPY:
            (binaries / file.name).symlink_to(file)
    activate = (ROOT / ".venv" / "bin" / "activate").read_text()
    # Of a worktree, the environment may be a link to that of another folder, which it names.
    installed = {str(ROOT / ".venv"), str((ROOT / ".venv").resolve())}
    for named in installed:
        activate = activate.replace(named, str(environment))
    (binaries / "activate").write_text(activate)
    (binaries / "release").symlink_to("../../cli.py")
    (binaries / "cdk").symlink_to("../../node_modules/aws-cdk/bin/cdk")


class Shell:
    """One shell in which a reader types one command after the other."""

    _END: Final = "@@ended"

    def __init__(self, folder: Path, aws: Mapping[str, str]) -> None:
        """Start it.

        Args:
            folder: A workplace.
            aws: Variables that lead to an embedded AWS.
        """
        self._folder = folder
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-o", "pipefail"],
            cwd=folder,
            env={
                **aws,
                "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(folder / ".local"),
                "COLUMNS": _COLUMNS,
                "LANG": "C.UTF-8",
                "CDK_DISABLE_CLI_TELEMETRY": "true",
                "CDK_DISABLE_VERSION_CHECK": "true",
                "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(JSII_CACHE),
                "SOURCE_DATE_EPOCH": str(AFTER_AN_END),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        """Return the shell."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End it."""
        self._process.communicate()

    def run(self, command: str) -> Ran:
        """Run a command, without a terminal, and wait for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(
            f"{{ {command}\n}} </dev/null\nprintf '\\n{self._END} %s\\n' $?\n"
        )
        self._process.stdin.flush()
        printed = list[str]()
        for line in self._process.stdout:
            if line.startswith(self._END):
                output = "".join(printed).replace(f"{self._folder}/", "")
                return Ran(output.replace(str(self._folder), "."), int(line.split()[1]))
            printed.append(line)
        raise AssertionError(f"the shell ended at {command!r}: {''.join(printed)}")
