"""What goes beside ``code/`` for the container that serves, written as the code is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ..common.code_members import file_tar
from ..ray_serving import layout
from .errors import RefusedError, shown
from .tar.members import FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .inventory import Inventory
    from .writing import GzipSink


class ServingFiles:
    """The files that a container needs at the root of the archive, none for most containers."""

    def __init__(self, container: str | None, files: Mapping[str, bytes]) -> None:
        """Take their content by name."""
        self._container = container
        self._files = dict(sorted(files.items()))

    @classmethod
    def of(
        cls, container: str | None, entry_point: str | None, workers: int | None
    ) -> ServingFiles:
        """Return the files of a container.

        Args:
            container: One of :data:`~.job.CONTAINERS`, or None.
            entry_point: The file of the code that has the functions.
            workers: How many processes answer; None leaves it to the machine.

        Raises:
            RefusedError: there is no entry point to name.
        """
        if container is None:
            return cls(None, {})
        if entry_point is None:
            raise RefusedError(f"--serving {container} needs --entry-point: the file to serve")
        return cls(container, layout.files(entry_point, workers))

    @property
    def size_bytes(self) -> int:
        """How much they hold."""
        return sum(map(len, self._files.values()))

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self._files)

    def refuse(self, path: str) -> None:
        """Refuse a path of the model that one of them takes.

        Raises:
            RefusedError: tells what to do.
        """
        if path.partition("/")[0] in self._files:
            raise RefusedError(
                f"stands where Package puts what Ray Serve's container looks for "
                f"({shown(', '.join(self._files))}): give it another name, and name that one in "
                "the code that reads it; of a model that was packaged before, take the archive "
                "that training wrote"
            )

    def write(self, sink: GzipSink, inventory: Inventory) -> None:
        """Write them as members."""
        for name, content in self._files.items():
            inventory.add(name, FILE)
            sink.compress(file_tar(name, content))

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of them."""
        if self._container is None:
            return {}
        digests = {
            name: hashlib.sha256(content).hexdigest() for name, content in self._files.items()
        }
        return {"serving": {"container": self._container, "files": digests}}
