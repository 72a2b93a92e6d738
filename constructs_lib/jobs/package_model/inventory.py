"""What an archive may hold: paths and links that every reader handles alike."""

from __future__ import annotations

import collections
import logging
import re
from typing import TYPE_CHECKING

from ..common.limits import MIB
from .errors import RefusedError, about, shown
from .tar.members import FILE, FOLDER, FOLDER_ENDS, HARD_LINK, MAX_PATH_BYTES, SYMLINK, normalized

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

MAX_LINK_BYTES = MIB
"""How much text all symbolic links may have."""
MAX_LINK_HOPS = 40
_WINDOWS_START = re.compile(r"\\|[A-Za-z]:")
"""What bsdtar takes away from the beginning of a path."""


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
        self._other_symlinks: dict[str, str | None] = {}
        """Links that only readers without PAX see; no target if they see several at one place."""
        self._symlink_bytes = 0
        self._plain_folders: set[int] = set()
        """Folders that all readers make: no file or link takes the place of one."""

    def add(self, path: str, kind: str, target: str = "", *, is_plain: bool = True) -> bool:
        """Note a member. Returns whether the path was there already, as a file.

        Args:
            path: Where it stands.
            kind: What it is.
            target: What a link points to.
            is_plain: Whether readers that know no PAX headers see the same.

        Raises:
            RefusedError: it contradicts members before it, or links to outside.
        """
        if _WINDOWS_START.match(path):
            raise RefusedError("begins with a backslash or a drive, which bsdtar takes away")
        if kind == HARD_LINK:
            self._link_hard(target)
        self._refuse_other_link(path)
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
        if kind == FOLDER and is_plain:
            self._plain_folders.add(hash(path))
        return known == FILE

    def _add_parents(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        while parent:
            self._refuse_other_link(parent)
            known = self._kinds.get(hash(parent))
            if known == FOLDER:
                return
            if known is not None:
                raise RefusedError(f"is inside of {shown(parent)}, which is a {known}")
            self._kinds[hash(parent)] = FOLDER
            parent = parent.rpartition("/")[0]

    def _refuse_other_link(self, path: str) -> None:
        if path in self._other_symlinks:
            raise RefusedError(
                f"needs {shown(path)}, which readers that know no PAX headers take for a symbolic "
                "link (use GNU tar's own format)"
            )

    def _link_hard(self, target: str) -> None:
        """From here on both are the same file: readers differ in what a later duplicate changes."""
        path = normalized(target)
        is_file = self._kinds.get(hash(path)) in (FILE, HARD_LINK)
        if not is_file or target.endswith(FOLDER_ENDS):
            raise RefusedError(
                f"is a hard link to {shown(target)}, which is not a file before it in the archive"
            )
        self._kinds[hash(path)] = HARD_LINK

    def _link(self, path: str, target: str) -> None:
        self._count_link(path, target)
        self._symlinks[path] = target

    def _count_link(self, path: str, target: str) -> None:
        self._symlink_bytes += len(path) + len(target)
        if self._symlink_bytes > MAX_LINK_BYTES:
            raise RefusedError("is one link too many")

    def add_other_name(self, name: str, target: str, kind: str, path: str) -> None:
        """Note what readers that know no PAX headers take a member for.

        Args:
            name: What they take its name for.
            target: What they take a link's target for.
            kind: The member's kind.
            path: The member's path for all others.

        Raises:
            RefusedError: they would change another member, or write or link to outside.
        """
        place = normalized(name)
        if kind == FILE and name.endswith("/"):
            kind = FOLDER
        known = self._kinds.get(hash(place))
        if place == path and kind == FOLDER:
            self._plain_folders.add(hash(path))
        if hash(place) in self._plain_folders:
            return
        if place != path and known is not None and not known == kind == FOLDER:
            raise RefusedError(f"is there twice, as a {known} and as a {kind}")
        parent = place.rpartition("/")[0]
        while parent:
            self._refuse_other_link(parent)
            if self._kinds.get(hash(parent), FOLDER) != FOLDER:
                raise RefusedError(f"is inside of {shown(parent)}, which is no folder")
            parent = parent.rpartition("/")[0]
        if kind == SYMLINK:
            check_target(place, target)
            self._count_link(place, target)
            is_same = self._other_symlinks.get(place, target) == target
            self._other_symlinks[place] = target if is_same else None

    def check_symlinks(self) -> None:
        """Follow every symbolic link, through other links too.

        Raises:
            RefusedError: one leads out of the archive.
        """
        views: list[Mapping[str, str | None]] = [self._symlinks]
        if self._other_symlinks:
            views.append({**self._symlinks, **self._other_symlinks})
        for links in views:
            for path, target in links.items():
                with about(path):
                    _follow(path, target or "", links)


def _follow(path: str, target: str, links: Mapping[str, str | None]) -> None:
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
            place = "/".join(at)
            if place in links:
                hops += 1
                at.pop()
                todo.extendleft(reversed(_only_target(links[place], target).split("/")))
        if hops > MAX_LINK_HOPS:
            raise RefusedError(f"links to {shown(target)} in a circle")


def _only_target(through: str | None, target: str) -> str:
    if through is None:
        raise leaves_archive(target)
    return through


def leaves_archive(target: str) -> RefusedError:
    """Return the error for a link to outside."""
    return RefusedError(
        f"links to {shown(target)}, outside of the archive; only relative links inside are allowed "
        "(put the files in place of links to them: tar -h, or cp -rL of a folder)"
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
