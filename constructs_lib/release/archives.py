"""Writes tar.gz archives whose bytes depend on their content alone.

The same members give the same bytes on any machine and with any zlib: members are sorted, owner,
mode and times are fixed, and the gzip stream holds its data in stored (uncompressed) blocks, so
that no compressor takes part. What is shipped this way is small: inference code and payloads.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.paths import shown_path

_SKIPPED: Final = (".*", "__pycache__", "*.pyc", "*~")
"""Hidden files (an ``.env`` may hold secrets), caches and editors' files."""
_FILE_MODE: Final = 0o644
_LARGEST_STORED_BLOCK: Final = 0xFFFF


class ArchiveError(ReleaseError):
    """Files that cannot go into an archive."""


def archive(members: Mapping[str, bytes]) -> bytes:
    """Return the canonical tar.gz of files by their names.

    Args:
        members: Content by path within the archive: relative, ``/`` between folders.

    Raises:
        ArchiveError: a name that would unpack elsewhere than below the target folder.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(members):
            _check_name(name)
            member = tarfile.TarInfo(name)
            member.size = len(members[name])
            member.mode = _FILE_MODE
            tar.addfile(member, io.BytesIO(members[name]))
    return _stored_gzip(buffer.getvalue())


def folder_archive(folder: Path) -> bytes:
    """Return the canonical tar.gz of a folder's files; see ``read_folder`` for which."""
    return archive(read_folder(folder))


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read a folder's files by relative path, subfolders too, hidden files and caches not.

    Links to files within the folder count as copies of those.

    Raises:
        ArchiveError: no such folder, a link that leaves the folder or goes nowhere, a link to a
            folder, or something that is neither file nor folder.
    """
    if not folder.is_dir():
        raise ArchiveError(f"{shown_path(folder)} is not a folder that can be archived")
    return {name: path.read_bytes() for name, path in folder_files(folder).items()}


def folder_files(folder: Path) -> dict[str, Path]:
    """Return the paths of the files that :func:`read_folder` reads.

    Raises:
        ArchiveError: See there, but for a folder that is none.
    """
    root = folder.resolve()
    return {path.relative_to(root).as_posix(): path for path in _files(root, root)}


def _files(folder: Path, root: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if any(entry.match(pattern) for pattern in _SKIPPED):
            continue
        if entry.is_symlink():
            _check_link(entry, root)
        if entry.is_dir():
            yield from _files(entry, root)
        elif entry.is_file():
            yield entry
        else:
            raise ArchiveError(f"{shown_path(entry)} is neither a file nor a folder: remove it")


def _check_link(link: Path, root: Path) -> None:
    place = shown_path(link)
    if not link.exists():
        raise ArchiveError(f"{place} is a link to nothing: remove it")
    target = link.resolve()
    if not target.is_relative_to(root):
        raise ArchiveError(
            f"{place} is a link out of {shown_path(root)}, to {shown_path(target)}: put a copy in"
            " its place"
        )
    if target.is_dir():
        raise ArchiveError(f"{place} is a link to a folder: only links to files are taken")


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or path.as_posix() != name:
        raise ArchiveError(
            f"{name!r} cannot be the name of an archive member: give a relative path "
            "without '.', '..' and doubled slashes"
        )


def _stored_gzip(data: bytes) -> bytes:
    """Make a gzip stream (RFC 1952) of stored blocks (RFC 1951, 3.2.4), no name, no time."""
    header = b"\x1f\x8b\x08\0" + bytes(4) + b"\0\xff"  # flags, time, extra flags, unknown system
    starts = range(0, len(data), _LARGEST_STORED_BLOCK) or range(1)
    blocks = []
    for start in starts:
        block = data[start : start + _LARGEST_STORED_BLOCK]
        is_last = start == starts[-1]
        blocks.append(struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF) + block)
    trailer = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return b"".join([header, *blocks, trailer])
