"""The inference code as members of a tar archive: the same code gives the same bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from .tar_blocks import BLOCK, Header, header_block, long_names, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CODE_FOLDER = "code"
CODE_TIME = 315_532_800
"""1980-01-01: fixed, so that the same code gives the same bytes; zip files know nothing earlier."""


class CodeMember(NamedTuple):
    """A file or symbolic link of the inference code."""

    path: str
    """Inside of ``code/``."""
    size: int
    executable: bool
    read: Callable[[], Iterator[bytes]] = lambda: iter(())
    target: str = ""
    """Of a symbolic link."""


def sorted_code(members: Iterable[CodeMember]) -> list[CodeMember]:
    """Return the members in the order of the archive."""
    return sorted(members, key=lambda member: raw(member.path).split(b"/"))


def code_folders(code: Sequence[CodeMember]) -> list[str]:
    """Every folder the code is in, from ``code`` down."""
    folders = {""}
    for member in code:
        parent = member.path.rpartition("/")[0]
        while parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(folders)


def code_tar(code: Sequence[CodeMember]) -> Iterator[bytes]:
    """Return the code as tar members: fixed order, owner, modes and time."""
    for folder in code_folders(code):
        yield _header(f"{CODE_FOLDER}/{folder}/" if folder else f"{CODE_FOLDER}/", b"5", 0o755)
    for member in code:
        path = f"{CODE_FOLDER}/{member.path}"
        if member.target:
            yield _header(path, b"2", 0o777, target=member.target)
            continue
        mode = 0o755 if member.executable else 0o644
        yield _header(path, b"0", mode, size=member.size)
        yield from member.read()
        yield bytes(-member.size % BLOCK)


def file_tar(path: str, content: bytes) -> bytes:
    """Return a file as a tar member, with the same owner, modes and time as the code."""
    return _header(path, b"0", 0o644, size=len(content)) + content + bytes(-len(content) % BLOCK)


def _header(path: str, kind: bytes, mode: int, *, size: int = 0, target: str = "") -> bytes:
    """Return the headers of one member."""
    name, link = raw(path), raw(target)
    block = header_block(name, kind, mode, size=size, target=link, mtime=CODE_TIME)
    return b"".join(header.padded() for header in [*long_names(name, link), Header(block)])


def code_sha256(code: Sequence[CodeMember]) -> str:
    """Return the digest of the code, as the packaging manifest has it."""
    digest = hashlib.sha256()
    for piece in code_tar(code):
        digest.update(piece)
    return digest.hexdigest()
