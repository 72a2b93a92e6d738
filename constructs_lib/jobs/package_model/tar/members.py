"""The members of a tar archive: what their headers say, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...common.tar_blocks import BLOCK, LINK, MODE, NAME, PREFIX, SIZE, TYPE, Header, raw, text
from ..errors import RefusedError, about
from .fields import canonical_block, field_text, read_number
from .pax import pax_records, sparse_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE, FOLDER, SYMLINK, HARD_LINK = "file", "folder", "symbolic link", "hard link"
KINDS = {b"0": FILE, b"\0": FILE, b"7": FILE, b"1": HARD_LINK, b"2": SYMLINK, b"5": FOLDER}
TYPES = {FILE: b"0", HARD_LINK: b"1", SYMLINK: b"2", FOLDER: b"5"}
"""The type flag that is usual for a kind."""
REFUSED_KINDS = {
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"S": "a sparse file, which not every reader understands (use tar without --sparse)",
    b"M": "part of a multi-volume archive",
    b"V": "a volume label",
    b"D": "a GNU dump folder (use tar without --incremental)",
}
EXTENSIONS = (b"L", b"K", b"x", b"g")
"""Headers that say more about the next member: GNU long name, long link, PAX, PAX for all."""
FOLDER_ENDS = ("/", "/.")
"""How only the name of a folder may end."""
MAX_PATH_BYTES = 4095
FULL_SIZE = 8**11 - 1
"""What some programs write into a header in place of a size that it cannot hold."""


class Extensions(NamedTuple):
    """What the headers before a member's own say."""

    long_name: bytes | None = None
    long_link: bytes | None = None
    records: Mapping[bytes, bytes] = {}


_NO_EXTENSIONS = Extensions()


class Member(NamedTuple):
    """A file, folder or link of an archive."""

    path: str
    """Without ``./``, double or final slashes; empty for the root folder itself."""
    kind: str
    size: int
    mode: int
    name: str
    """The path as written."""
    target: str
    """What a link points to, as written."""
    headers: Sequence[Header]
    """Extensions first, the member's own header last; each written the usual way."""
    extensions: Extensions
    is_canonical: bool
    """Whether the headers are those of the archive."""
    start: int
    """Where its first header starts in the unpacked archive."""
    data_start: int

    @property
    def end(self) -> int:
        """Where the next member starts."""
        return self.data_start + self.size + -self.size % BLOCK


def parse_member(headers: Sequence[Header], start: int, data_start: int) -> Member:
    """Put a member's headers together.

    Raises:
        RefusedError: of a kind that is not allowed, contradictory, or not written the usual way.
    """
    with about(text(_provisional_name(headers))):
        canonical = [_canonical(header) for header in headers]
        block = canonical[-1].block
        extensions = _read_extensions(canonical[:-1])
        records = extensions.records
        long_name = _agreed("name", extensions.long_name, records.get(b"path"))
        long_link = _agreed("link", extensions.long_link, records.get(b"linkpath"))
        name = text(own_name(block) if long_name is None else long_name)
    with about(name):
        kind = _kind(block[TYPE], name, is_long=long_name is not None)
        path = "" if kind == FOLDER and not name.strip("/") and name else normalized(name)
        target = field_text(block[LINK]) if long_link is None else long_link
        if target and kind not in (SYMLINK, HARD_LINK):
            raise RefusedError(f"is a {kind} that links to {text(target)!r}")
        size = _size(read_number(block[SIZE], "size"), records)
        if size and kind != FILE:
            raise RefusedError(f"is a {kind} with {size:,} bytes of content")
    is_canonical = canonical == [*headers]
    mode = read_number(block[MODE], "mode")
    return Member(
        path, kind, size, mode, name, text(target), canonical, extensions, is_canonical, start,
        data_start,
    )  # fmt: skip


def _provisional_name(headers: Sequence[Header]) -> bytes:
    """Return what to call a member before its headers are read."""
    if len(headers) == 1:
        return field_text(headers[-1].block[NAME])
    names = [sparse_name(header.payload) for header in headers if header.type == b"x"]
    return next(filter(None, names), field_text(headers[-1].block[NAME]))


def _canonical(header: Header) -> Header:
    block = canonical_block(header.block)
    return header if block is header.block else Header(block, header.payload)


def _read_extensions(headers: Sequence[Header]) -> Extensions:
    if not headers:
        return _NO_EXTENSIONS
    names = {header.type: _long_text(header) for header in headers if header.type in (b"L", b"K")}
    records = {
        header.type: pax_records(header.payload) for header in headers if header.type == b"x"
    }
    return Extensions(names.get(b"L"), names.get(b"K"), records.get(b"x", {}))


def _long_text(header: Header) -> bytes:
    """Return a GNU long name or long link, which its only NUL ends."""
    if len(header.payload) < 2 or header.payload.find(b"\0") != len(header.payload) - 1:
        raise RefusedError("has a long name or link that does not end with its first NUL")
    return header.payload[:-1]


def _agreed(what: str, long: bytes | None, record: bytes | None) -> bytes | None:
    """Return the one value that headers give, or None; of two, readers differ in which counts."""
    if None not in (long, record) and long != record:
        raise RefusedError(f"has headers with different values for its {what}")
    return record if long is None else long


def own_name(block: bytes) -> bytes:
    """Return the name in the header itself; in the ustar format a prefix may stand before it."""
    name, prefix = field_text(block[NAME]), field_text(block[PREFIX])
    return prefix + b"/" + name if prefix else name


def _kind(flag: bytes, name: str, *, is_long: bool) -> str:
    """Return the member's kind, if it is one that is allowed."""
    if flag in REFUSED_KINDS:
        raise RefusedError(f"is {REFUSED_KINDS[flag]}; allowed are files, folders and links")
    kind = KINDS.get(flag)
    if kind is None:
        raise RefusedError(f"is of the unknown type {flag!r}; allowed are files, folders, links")
    if kind == FOLDER or not name.endswith(FOLDER_ENDS):
        return kind
    # Before POSIX a folder was a file with a slash at the end of its name.
    if flag == b"\0" and not is_long and name.endswith("/"):
        return FOLDER
    raise RefusedError(f"is a {kind}, but its name ends with '/' or '/.' as those of folders do")


def _size(own: int, records: Mapping[bytes, bytes]) -> int:
    """Return the size of the content; PAX has a record for sizes that the header cannot hold."""
    size = int(records.get(b"size", own))
    if own not in (0, size, FULL_SIZE):
        raise RefusedError(f"has headers with two different sizes, {own:,} and {size:,}")
    return size


def normalized(name: str) -> str:
    """Return a member's path without ``./`` and superfluous slashes.

    Raises:
        RefusedError: it could leave the folder that the archive is unpacked to.
    """
    if name.startswith("/"):
        raise RefusedError("has an absolute path; only paths inside the archive are allowed")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise RefusedError("has '..' in its path; only paths inside the archive are allowed")
    if not name or "\0" in name:
        raise RefusedError("has no proper name")
    if len(name) > MAX_PATH_BYTES or len(raw(name)) > MAX_PATH_BYTES:
        raise RefusedError(f"has a name of more than {MAX_PATH_BYTES:,} bytes")
    return "/".join(parts)
