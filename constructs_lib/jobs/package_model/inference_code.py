"""The inference code, which is put into ``code/``."""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from ..common.limits import Limits
from . import buffers
from .archive_file import ARCHIVE_SUFFIXES, MAX_CODE_BYTES, limited, read_archive
from .errors import RefusedError, about, naming, shown
from .inflating import inflate_with_zlib
from .inventory import Inventory, Warnings, check_target
from .reading import ByteSource, read_chunks
from .rules import CODE_FOLDER
from .tar_headers import (
    BLOCK,
    FILE,
    FOLDER,
    HARD_LINK,
    SYMLINK,
    Header,
    Member,
    header_block,
    long_names,
    normalized,
    raw,
)
from .tar_scanner import TarScanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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


def read_range(file: IO[bytes], start: int, size: int) -> Iterator[bytes]:
    """Part of a file, in pieces."""
    file.seek(start)
    while size:
        piece = file.read(min(size, buffers.READ_BYTES))
        if not piece:
            raise RefusedError("a code file became shorter while it was read")
        size -= len(piece)
        yield piece


def read_file(path: str, size: int) -> Iterator[bytes]:
    """A whole file, in pieces."""
    with Path(path).open("rb") as file:
        yield from read_range(file, 0, size)


def code_of_folder(folder: Path) -> Iterator[CodeMember]:
    """The files and links below a folder, but no ``__pycache__``."""
    todo = [folder]
    while todo:
        for entry in list(os.scandir(todo.pop())):
            path = Path(entry.path).relative_to(folder).as_posix()
            info = entry.stat(follow_symlinks=False)
            if entry.is_symlink():
                yield CodeMember(path, 0, executable=False, target=os.readlink(entry.path))  # noqa: PTH115 Path.readlink is 3.9
            elif entry.is_dir():
                todo += [Path(entry.path)] if entry.name != "__pycache__" else []
            elif entry.is_file():
                executable = bool(info.st_mode & stat.S_IXUSR)
                read = functools.partial(read_file, entry.path, info.st_size)
                yield CodeMember(path, info.st_size, executable, read)
            else:
                raise RefusedError(f"member {shown(path)} is not a file, folder or link")


class CodeArchive:
    """The members of a code archive, whose unpacked bytes are in a seekable file."""

    def __init__(self, unpacked: IO[bytes], max_members: int) -> None:
        """Start without members."""
        self._unpacked = unpacked
        self._inventory = Inventory(max_members)
        self._warnings = Warnings()
        self.members: dict[str, CodeMember] = {}

    def visit(self, member: Member) -> None:
        """Note a member, after the same checks as for a model's."""
        with about(member.path or "."):
            if member.kind == SYMLINK:
                check_target(member.path, member.target)
            if not member.path:
                return
            if self._inventory.add(member.path, member.kind, member.target):
                self._warnings.add("is there more than once (the last one counts)", member.path)
        if member.kind != FOLDER and "__pycache__" not in member.path.split("/"):
            self.members[member.path] = self._code_member(member)

    def _code_member(self, member: Member) -> CodeMember:
        if member.kind == HARD_LINK:
            return self.members[normalized(member.target)]._replace(path=member.path)
        executable = bool(member.mode & stat.S_IXUSR)
        read = functools.partial(read_range, self._unpacked, member.data_start, member.size)
        target = member.target if member.kind == SYMLINK else ""
        return CodeMember(member.path, member.size, executable, read, target)


def code_of_archive(archive: Path, unpacked: IO[bytes], limits: Limits) -> Iterator[CodeMember]:
    """The files and links of a code archive."""
    code = CodeArchive(unpacked, limits.members)
    scanner = TarScanner(code.visit)
    with archive.open("rb") as file:
        source = ByteSource(read_chunks(file))
        limits = limits._replace(unpacked_bytes=min(limits.unpacked_bytes, MAX_CODE_BYTES))
        for segment in limited(read_archive(source, inflate_with_zlib), limits):
            unpacked.write(segment.data)
            scanner.feed(segment.data)
    scanner.finish()
    return iter(code.members.values())


def read_code(path: Path, limits: Limits, unpacked: IO[bytes]) -> list[CodeMember]:
    """The inference code, sorted by path.

    Args:
        path: A folder of code, a tar archive, or a folder that holds one ``.tar.gz`` and nothing
            else.
        limits: How much an archive may hold.
        unpacked: Where to keep an archive's unpacked bytes meanwhile.
    """
    archive = path
    if path.is_dir():
        entries = list(path.iterdir())
        lone = len(entries) == 1 and entries[0].name.endswith(ARCHIVE_SUFFIXES)
        archive = entries[0] if lone else path
    with naming(archive):
        if archive.is_dir():
            members = code_of_folder(archive)
        else:
            members = code_of_archive(archive, unpacked, limits)
        code = sorted(members, key=lambda member: raw(member.path).split(b"/"))
        if not code:
            raise RefusedError("holds no code")
    return code


def admit_code(code: Sequence[CodeMember], inventory: Inventory) -> None:
    """Add the code to the inventory of the output, after checking its links."""
    for member in code:
        path = f"{CODE_FOLDER}/{member.path}"
        with about(member.path):
            if member.target:
                check_target(path, member.target)
            inventory.add(path, SYMLINK if member.target else FILE, member.target)
    inventory.check_symlinks()


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
    """The code as tar members: fixed order, owner, modes and time."""
    for folder in code_folders(code):
        yield code_header(folder + "/" if folder else "", b"5", 0o755)
    for member in code:
        if member.target:
            yield code_header(member.path, b"2", 0o777, target=member.target)
            continue
        mode = 0o755 if member.executable else 0o644
        yield code_header(member.path, b"0", mode, size=member.size)
        yield from member.read()
        yield bytes(-member.size % BLOCK)


def code_header(path: str, kind: bytes, mode: int, *, size: int = 0, target: str = "") -> bytes:
    """The headers of one member of the code."""
    name, link = raw(f"{CODE_FOLDER}/{path}"), raw(target)
    block = header_block(name, kind, mode, size=size, target=link, mtime=CODE_TIME)
    return b"".join(header.padded() for header in [*long_names(name, link), Header(block)])
