"""What a reader makes of an archive: its files, folders and links, by path.

Imported by processes of old Pythons too: Python 3.8 or later and its standard library.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Dict, NamedTuple  # noqa: UP035 evaluated by Python 3.8

FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"
SET_ID_BITS = stat.S_ISUID | stat.S_ISGID


class Node(NamedTuple):
    """One file, folder or link."""

    kind: str
    detail: str = ""
    """A file's SHA-256, a link's target."""
    set_id: bool = False


Tree = Dict[str, Node]  # noqa: UP006 evaluated by Python 3.8
"""By path, without ``./`` and superfluous slashes; names are decoded with surrogateescape."""


class ReaderAnswer(NamedTuple):
    """What a reader unpacked of an archive."""

    tree: Tree
    error: str = ""
    """Why it did not unpack all of it."""


def path_of(name: str) -> str:
    """Return the place below the folder that a member's name means."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def file_node(content: bytes, mode: int) -> Node:
    """Describe a file with this content."""
    return Node(FILE, hashlib.sha256(content).hexdigest(), bool(mode & SET_ID_BITS))


def put(tree: Tree, path: str, node: Node) -> None:
    """Add what a member unpacks to; folders above it come into being, the last of two wins."""
    parent = path.rpartition("/")[0]
    while parent:
        tree.setdefault(parent, Node(FOLDER))
        parent = parent.rpartition("/")[0]
    if path:
        tree[path] = node


def tree_on_disk(folder: str) -> Tree:
    """Read what lies below a folder, without following links."""
    tree: Tree = {}
    todo = [folder]
    while todo:
        for entry in list(os.scandir(todo.pop())):
            path = os.path.relpath(entry.path, folder)
            tree[path] = _node_on_disk(entry)
            if tree[path].kind == FOLDER:
                todo.append(entry.path)
    return tree


def _node_on_disk(entry: os.DirEntry[str]) -> Node:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return Node(LINK, os.readlink(entry.path))  # noqa: PTH115 Path.readlink is 3.9
    if stat.S_ISDIR(mode):
        return Node(FOLDER, set_id=bool(mode & SET_ID_BITS))
    if stat.S_ISREG(mode):
        with open(entry.path, "rb") as file:  # noqa: PTH123 names may hold anything
            return file_node(file.read(), mode)
    return Node(OTHER, oct(mode))
