"""What an archive may hold: paths and links that every reader handles alike."""

from __future__ import annotations

import collections
import logging

from ..common.limits import MIB
from .errors import RefusedError, about, shown
from .tar_headers import FILE, FOLDER, HARD_LINK, MAX_PATH_BYTES, SYMLINK, normalized

logger = logging.getLogger(__name__)

MAX_LINK_BYTES = MIB
"""How much text all symbolic links may have."""
MAX_LINK_HOPS = 40


class Inventory:
    """Every path of the output, to refuse those that readers would handle unsafely or differently.

    Nothing stands inside of a link, so unpacking in any way writes only where the paths say.
    """

    def __init__(self, max_members: int) -> None:
        """Start empty."""
        self._max_members = max_members
        # Keyed by hash: names can be long, and memory has to stay flat.
        self._kinds: dict[int, str] = {}
        self._symlinks: dict[str, str] = {}
        self._symlink_bytes = 0

    def add(self, path: str, kind: str, target: str = "") -> bool:
        """Note a member. Returns whether the path was there already, as a file.

        Raises:
            RefusedError: it contradicts members before it, or links to outside.
        """
        if kind == HARD_LINK:
            self._link_hard(target)
        known = self._kinds.get(hash(path))
        if known is None:
            self._add_parents(path)
        elif known != kind or kind not in (FILE, FOLDER):
            raise RefusedError(f"is there twice, as a {known} and as a {kind}")
        self._kinds[hash(path)] = kind
        if len(self._kinds) > self._max_members:
            raise RefusedError(
                f"is one too many: more than {self._max_members:,} files and folders "
                "(the limit is --max-members)"
            )
        if kind == SYMLINK:
            self._link(path, target)
        return known == FILE

    def _add_parents(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        while parent:
            known = self._kinds.get(hash(parent))
            if known == FOLDER:
                return
            if known is not None:
                raise RefusedError(f"is inside of {shown(parent)}, which is a {known}")
            self._kinds[hash(parent)] = FOLDER
            parent = parent.rpartition("/")[0]

    def _link_hard(self, target: str) -> None:
        """From here on both are the same file: readers differ in what a later duplicate changes."""
        path = normalized(target)
        if self._kinds.get(hash(path)) not in (FILE, HARD_LINK):
            raise RefusedError(
                f"is a hard link to {shown(target)}, which is not a file before it in the archive"
            )
        self._kinds[hash(path)] = HARD_LINK

    def _link(self, path: str, target: str) -> None:
        self._symlink_bytes += len(path) + len(target)
        if self._symlink_bytes > MAX_LINK_BYTES:
            raise RefusedError("is one link too many")
        self._symlinks[path] = target

    def check_symlinks(self) -> None:
        """Follow every symbolic link, through other links too.

        Raises:
            RefusedError: one leads out of the archive.
        """
        for path, target in self._symlinks.items():
            with about(path):
                self._follow(path, target)

    def _follow(self, path: str, target: str) -> None:
        at = path.split("/")[:-1]
        todo = collections.deque(target.split("/"))
        hops = 0
        while todo:
            part = todo.popleft()
            if part == ".." and not at:
                raise leaves_archive(target)
            if part == "..":
                at.pop()
            elif part not in ("", "."):
                at.append(part)
                through = self._symlinks.get("/".join(at))
                if through is not None:
                    hops += 1
                    at.pop()
                    todo.extendleft(reversed(through.split("/")))
            if hops > MAX_LINK_HOPS:
                raise RefusedError(f"links to {shown(target)} in a circle")


def leaves_archive(target: str) -> RefusedError:
    """The error for a link to outside."""
    return RefusedError(
        f"links to {shown(target)}, outside of the archive; only relative links inside are allowed"
    )


def check_target(path: str, target: str) -> None:
    """Refuse a symbolic link whose text alone says that it leaves the archive."""
    depth = path.count("/")
    for part in target.split("/"):
        depth += {"..": -1, "": 0, ".": 0}.get(part, 1)
        if depth < 0 or target.startswith("/"):
            raise leaves_archive(target)
    if not target or "\0" in target or len(target) > MAX_PATH_BYTES:
        raise RefusedError(f"links to {shown(target)}, which is not a proper target")


class Warnings:
    """Logs what was accepted but is odd; many of a kind are summed up at the end."""

    SHOWN = 10

    def __init__(self) -> None:
        """Start without any."""
        self._counts: dict[str, int] = collections.Counter()

    def add(self, what: str, name: str) -> None:
        """Warn about a member."""
        self._counts[what] += 1
        if self._counts[what] <= self.SHOWN:
            logger.warning("warning: member %s %s", shown(name), what)

    def close(self) -> None:
        """Say how many were not shown."""
        for what, count in self._counts.items():
            if count > self.SHOWN:
                logger.warning("warning: %d more: %s", count - self.SHOWN, what)
