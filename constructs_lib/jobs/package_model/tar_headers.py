"""The headers of tar members, read and written."""

from __future__ import annotations

import functools
import re
import stat
import struct
from typing import TYPE_CHECKING, NamedTuple

from ..common.limits import MIB
from .errors import RefusedError, about

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK = 512
ZEROS = bytes(BLOCK)
FILE, FOLDER, SYMLINK, HARD_LINK = "file", "folder", "symbolic link", "hard link"
KINDS = {b"0": FILE, b"\0": FILE, b"7": FILE, b"1": HARD_LINK, b"2": SYMLINK, b"5": FOLDER}
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
PAX_RECORD = re.compile(rb"(\d{1,9}) ([^=]+)=")
PAX_NUMBERS = (b"size", b"uid", b"gid", b"mtime", b"atime", b"ctime")
PAX_NUMBER = re.compile(rb"-?\d{1,19}(\.\d*)?")
NUMBERS = {
    "mode": slice(100, 108),
    "owner": slice(108, 116),
    "group": slice(116, 124),
    "size": slice(124, 136),
    "time": slice(136, 148),
    "device": slice(329, 337),
    "minor device": slice(337, 345),
}
"""Where a header has numbers."""
MAX_EXTENSION_BYTES = MIB
MAX_PATH_BYTES = 4095


class Header(NamedTuple):
    """A header block and, for an extension, what follows it."""

    block: bytes
    payload: bytes = b""

    @property
    def type(self) -> bytes:
        """The type flag."""
        return self.block[156:157]

    def padded(self) -> bytes:
        """The bytes as they stand in the archive."""
        return self.block + self.payload + bytes(-len(self.payload) % BLOCK)


class Member(NamedTuple):
    """A file, folder or link of an archive."""

    path: str
    """Without ``./``, double or final slashes; empty for the root folder itself."""
    kind: str
    size: int
    mode: int
    target: str
    """What a link points to, as written."""
    headers: Sequence[Header]
    """Extensions first, the member's own header last."""
    start: int
    """Where its first header starts in the unpacked archive."""
    data_start: int

    @property
    def end(self) -> int:
        """Where the next member starts."""
        return self.data_start + self.size + -self.size % BLOCK


def checksum_holds(block: bytes) -> bool:
    """Whether a header's checksum is right: the sum of its bytes, signed ones in very old files."""
    stored = octal(block[148:156])
    rest = block[:148] + block[156:]
    unsigned = sum(rest) + 8 * 0x20
    if stored == unsigned:
        return True
    return stored == unsigned - 256 * sum(byte > 127 for byte in rest)


def octal(field: bytes) -> int | None:
    """A number in octal digits, which a NUL or a space ends; None if it is not one."""
    digits = field.split(b"\0", 1)[0].strip(b" ")
    if digits.strip(b"01234567"):
        return None
    return int(digits or b"0", 8)


@functools.lru_cache(maxsize=1024)
def number(field: bytes, name: str) -> int:
    """A numeric field: octal digits, or the base-256 of GNU tar for what they cannot hold."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if field[0] == 0xFF:
        return int.from_bytes(field, "big", signed=True)
    value = octal(field)
    if value is None:
        raise RefusedError(f"has a header whose {name} is not a number: {field!r}")
    return value


def with_checksum(block: bytes) -> bytes:
    """The header block with its checksum set."""
    total = sum(block[:148]) + 8 * 0x20 + sum(block[156:])
    return block[:148] + b"%06o\0 " % total + block[156:]


def text(name: bytes) -> str:
    """A name as text, such that other encodings survive the way back."""
    return name.decode("utf-8", "surrogateescape")


def raw(name: str) -> bytes:
    """A name as the bytes that an archive holds."""
    return name.encode("utf-8", "surrogateescape")


def field_text(field: bytes) -> bytes:
    """A text field, which a NUL ends."""
    return field.split(b"\0", 1)[0]


def pax_records(payload: bytes) -> dict[bytes, bytes]:
    """The records of a PAX header, ``<length> <keyword>=<value>\\n`` each."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(payload):
        match = PAX_RECORD.match(payload, at)
        end = at + int(match.group(1)) if match else 0
        if (
            match is None
            or not match.end() < end <= len(payload)
            or payload[end - 1 : end] != b"\n"
        ):
            raise RefusedError("has a damaged PAX header")
        keyword, value = match.group(2), payload[match.end() : end - 1]
        if records.get(keyword, value) != value:
            raise RefusedError(f"has a PAX header that says {text(keyword)} twice, differently")
        if keyword in PAX_NUMBERS and not PAX_NUMBER.fullmatch(value):
            raise RefusedError(f"has a PAX header whose {text(keyword)} is not a number")
        records[keyword] = value
        at = end
    return records


def agreed(name: str, values: Sequence[bytes | None]) -> bytes | None:
    """The one value several headers give, or None. Readers would disagree which of two to take."""
    given = {value for value in values if value is not None}
    if len(given) > 1:
        raise RefusedError(f"has headers with different values for its {name}")
    return given.pop() if given else None


def parse_member(headers: Sequence[Header], start: int, data_start: int) -> Member:
    """Put a member's headers together.

    Raises:
        RefusedError: of a kind that is not allowed, or contradictory.
    """
    block = headers[-1].block
    with about(text(field_text(block[:100]))):
        numbers = {name: number(block[where], name) for name, where in NUMBERS.items()}
        pax = pax_records(b"".join(header.payload for header in headers if header.type == b"x"))
        long_name = agreed("name", [*gnu_values(headers, b"L"), pax.get(b"path")])
        long_link = agreed("link", [*gnu_values(headers, b"K"), pax.get(b"linkpath")])
        name = text(own_name(block) if long_name is None else long_name)
    with about(name):
        kind, path = kind_of(block, name, pax), normalized(name)
        size = size_of(numbers["size"], pax)
        if size and kind != FILE:
            raise RefusedError(f"is a {kind} with {size:,} bytes of content")
    target = text(field_text(block[157:257]) if long_link is None else long_link)
    return Member(path, kind, size, numbers["mode"], target, headers, start, data_start)


def gnu_values(headers: Sequence[Header], type_flag: bytes) -> list[bytes | None]:
    """What GNU long name or long link headers give."""
    return [field_text(header.payload) for header in headers if header.type == type_flag]


def own_name(block: bytes) -> bytes:
    """The name in the header itself; in the ustar format a prefix may stand before it."""
    name, prefix = field_text(block[:100]), field_text(block[345:500])
    if not prefix:
        return name
    if block[257:263] != b"ustar\0":
        raise RefusedError("has a name prefix outside of the ustar format")
    return prefix + b"/" + name


def kind_of(block: bytes, name: str, pax: dict[bytes, bytes]) -> str:
    """The member's kind, if it is one that is allowed."""
    flag = block[156:157]
    if flag in REFUSED_KINDS:
        raise RefusedError(f"is {REFUSED_KINDS[flag]}; allowed are files, folders and links")
    if flag not in KINDS:
        raise RefusedError(f"is of the unknown type {flag!r}; allowed are files, folders, links")
    if any(keyword.startswith(b"GNU.sparse.") for keyword in pax):
        raise RefusedError(f"is {REFUSED_KINDS[b'S']}")
    # Before POSIX a folder was a file with a slash at the end of its name.
    return FOLDER if KINDS[flag] == FILE and name.endswith("/") else KINDS[flag]


def size_of(own: int, pax: dict[bytes, bytes]) -> int:
    """The size of the content; PAX has a record for sizes that the header cannot hold."""
    size = int(pax.get(b"size", own))
    if own not in (0, size, 8**11 - 1):
        raise RefusedError(f"has headers with two different sizes, {own:,} and {size:,}")
    if size < 0:
        raise RefusedError(f"has a size of {size:,} bytes")
    return size


def normalized(name: str) -> str:
    """A member's path without ``./`` and superfluous slashes.

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


def without_set_id_bits(header: Header) -> Header:
    """The same header without the setuid and setgid bits."""
    mode = number(header.block[NUMBERS["mode"]], "mode") & ~(stat.S_ISUID | stat.S_ISGID)
    return Header(with_checksum(header.block[:100] + b"%07o\0" % mode + header.block[108:]))


def renamed(member: Member, path: str, target: str) -> list[Header]:
    """A member's headers with another path and link target, everything else as it was."""
    headers = []
    for header in member.headers[:-1]:
        records = pax_records(header.payload) if header.type in (b"x", b"g") else {}
        kept = {key: value for key, value in records.items() if key not in (b"path", b"linkpath")}
        if kept:
            headers.append(extension(header.block, pax_payload(kept)))
    name, link = raw(path), raw(target)
    name += b"/" if member.kind == FOLDER else b""
    block = member.headers[-1].block
    headers += long_names(name, link)
    block = (
        name[:100].ljust(100, b"\0") + block[100:157] + link[:100].ljust(100, b"\0") + block[257:]
    )
    if block[257:263] == b"ustar\0":
        block = block[:345] + bytes(155) + block[500:]
    return [*headers, Header(with_checksum(block))]


def header_block(
    name: bytes, kind: bytes, mode: int, *, size: int = 0, target: bytes = b"", mtime: int = 0
) -> bytes:
    """A header in GNU format, owned by root. Longer names go before it (see ``long_names``)."""
    large = size >= 8**11
    block = struct.pack(
        "100s8s8s8s12s12s8s1s100s8s247x",
        name[:100],
        b"%07o" % mode,
        b"%07o" % 0,
        b"%07o" % 0,
        b"\x80" + size.to_bytes(11, "big") if large else b"%011o" % size,
        b"%011o" % mtime,
        b"",
        kind,
        target[:100],
        b"ustar  ",
    )
    return with_checksum(block)


def long_names(name: bytes, target: bytes) -> list[Header]:
    """The GNU extensions for what is too long for a header's own fields."""
    return [
        extension(header_block(b"././@LongLink", type_flag, 0), value + b"\0")
        for type_flag, value in ((b"L", name), (b"K", target))
        if len(value) > 100
    ]


def extension(block: bytes, payload: bytes) -> Header:
    """An extended header with this payload."""
    block = block[:124] + b"%011o\0" % len(payload) + block[136:]
    return Header(with_checksum(block), payload)


def pax_payload(records: dict[bytes, bytes]) -> bytes:
    """The payload of a PAX header: every record's length counts its own digits too."""
    lines = []
    for keyword, value in records.items():
        rest = b" " + keyword + b"=" + value + b"\n"
        length = len(rest) + len(str(len(rest)))
        length = len(rest) + len(str(length))
        lines.append(b"%d" % length + rest)
    return b"".join(lines)
