"""A user's own packaging script on this machine: where it runs, and what it has to write."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.confinement import confined, own_environment, walled
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.paths import shown_path

_CONTAINER_PATHS: Final = "/opt/ml/"


class OwnScriptError(ReleaseError):
    """A user's packaging script that failed, or did not write what it must."""


@dataclass(frozen=True)
class OwnScript:
    """A script, and the folder that it may write to: all that its job's container would be."""

    script: Path
    folder: Path

    @property
    def output(self) -> Path:
        """The folder for the packaged model and its manifest."""
        return self.folder / "written"

    def process_options(self) -> dict[str, Any]:
        """Make the folders of the process, and return what to start it with."""
        self.output.mkdir()
        environment = own_environment(self.folder)
        return {"cwd": environment["HOME"], "env": confined(environment, [self.folder])}

    def command(self, arguments: Sequence[str], archive: Path) -> list[str]:
        """Return what runs the script, out of sight of everything but it and the model."""
        command = [sys.executable, str(self.script), *arguments]
        return walled(command, self.folder, [self.script, archive]).command

    def failure(self, errors: str) -> OwnScriptError:
        """Make the error for what the script wrote to stderr before it failed."""
        told = errors.strip() or "it says nothing"
        text = f"The packaging script {shown_path(self.script)} failed: {told}"
        if _CONTAINER_PATHS in errors:
            text += (
                "\nIt uses paths of a container: the paths that it has to use are its arguments, as"
                " --model and --output."
            )
        return OwnScriptError(text)

    def hand_over(self, names: Iterable[str], folder: Path) -> None:
        """Move what the script wrote to where it was asked for.

        Raises:
            OwnScriptError: The script has not written all of it.
        """
        missing = [name for name in names if not (self.output / name).is_file()]
        if missing:
            raise OwnScriptError(
                f"The packaging script {shown_path(self.script)} ended without an error and"
                f" wrote no {' and no '.join(missing)}. It has to write the packaged model to what"
                " its argument --output, and manifest.json beside it, with sha256 and code_sha256."
            )
        for name in names:
            (self.output / name).replace(folder / name)
