"""Reads archives with Python's ``tarfile``: as a module here, as a process in other Pythons.

As a process it takes archives from standard input, each after its size in four bytes, and answers
each with a line of JSON: what it holds, or why it cannot be read. Python 3.8 or later and its
standard library.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import tarfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.fuzz.trees import (
    FOLDER,
    LINK,
    OTHER,
    SET_ID_BITS,
    Node,
    ReaderAnswer,
    file_node,
    path_of,
    put,
)

if TYPE_CHECKING:
    from benchmarks.fuzz.trees import Tree

_ERRORS = "surrogateescape"


def read_with_tarfile(archive: bytes) -> ReaderAnswer:
    """Read an uncompressed archive as ``extractall`` of this Python would unpack it."""
    tree: Tree = {}
    file = io.BytesIO(archive)
    try:
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors=_ERRORS) as tar:
            for member in tar:
                put(tree, path_of(member.name), _node(tar, member, tree))
    except Exception as error:  # noqa: BLE001 whatever it is, it is this reader's answer
        return ReaderAnswer(tree, "{}: {}".format(type(error).__name__, error))  # noqa: UP032 3.8
    return ReaderAnswer(tree)


def _node(tar: tarfile.TarFile, member: tarfile.TarInfo, tree: Tree) -> Node:
    set_id = bool(member.mode & SET_ID_BITS)
    if member.isdir():
        return Node(FOLDER, set_id=set_id)
    if member.issym():
        return Node(LINK, member.linkname)
    if member.islnk():
        return tree[path_of(member.linkname)]
    if member.isreg():
        content = tar.extractfile(member)
        return file_node(content.read() if content else b"", member.mode)
    return Node(OTHER, repr(member.type))


def read_framed(file: IO[bytes]) -> bytes | None:
    """Read the next archive; None at the end."""
    size = file.read(4)
    return file.read(struct.unpack("<I", size)[0]) if size else None


def framed(archive: bytes) -> bytes:
    """Write an archive as ``read_framed`` takes it."""
    return struct.pack("<I", len(archive)) + archive


def main() -> None:
    """Answer until there are no more archives."""
    while True:
        archive = read_framed(sys.stdin.buffer)
        if archive is None:
            return
        answer = read_with_tarfile(archive)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
