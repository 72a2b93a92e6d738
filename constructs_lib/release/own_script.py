"""A user's own packaging script on this machine: where it runs, and what it has to write."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.confinement import confined
from constructs_lib.errors import ReleaseError

_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
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
        home, temporary = self.folder / "home", self.folder / "temporary"
        for folder in (home, temporary, self.output):
            folder.mkdir()
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        own = {"HOME": str(home), "TMPDIR": str(temporary)}
        return {"cwd": home, "env": confined({**inherited, **own}, [self.folder])}

    def failure(self, errors: str) -> OwnScriptError:
        """Make the error for what the script wrote to stderr before it failed."""
        told = errors.strip() or "it says nothing"
        text = f"The packaging script {self.script} failed: {told}"
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
                f"The packaging script {self.script} ended without an error and wrote no"
                f" {' and no '.join(missing)}. It has to write the packaged model to what its"
                " argument --output, and manifest.json beside it, with sha256 and code_sha256."
            )
        for name in names:
            (self.output / name).replace(folder / name)
