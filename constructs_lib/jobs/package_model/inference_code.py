"""The inference code, which is put into ``code/``."""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..common.code_members import CODE_FOLDER, CodeMember, sorted_code
from ..common.limits import Limits
from . import buffers
from .archive_file import ARCHIVE_SUFFIXES, MAX_CODE_BYTES, checked, read_archive
from .errors import RefusedError, about, naming, shown
from .inflating import inflate_with_zlib
from .inventory import Inventory, Warnings, check_target
from .reading import ByteSource, read_chunks
from .tar.members import FILE, FOLDER, HARD_LINK, SYMLINK, Member, normalized
from .tar.scanner import TarScanner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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
    """Return a whole file, in pieces."""
    with Path(path).open("rb") as file:
        yield from read_range(file, 0, size)


def code_of_folder(folder: Path) -> Iterator[CodeMember]:
    """Return the files and links below a folder, but no ``__pycache__``."""
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
    """Return the files and links of a code archive."""
    code = CodeArchive(unpacked, limits.members)
    scanner = TarScanner(code.visit)
    with archive.open("rb") as file:
        source = ByteSource(read_chunks(file))
        limits = limits._replace(unpacked_bytes=min(limits.unpacked_bytes, MAX_CODE_BYTES))
        for segment in checked(read_archive(source, inflate_with_zlib), limits):
            unpacked.write(segment.data)
            scanner.feed(segment.data)
    scanner.finish()
    return iter(code.members.values())


def read_code(path: Path, limits: Limits, unpacked: IO[bytes]) -> list[CodeMember]:
    """Return the inference code, sorted by path.

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
        code = sorted_code(members)
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
