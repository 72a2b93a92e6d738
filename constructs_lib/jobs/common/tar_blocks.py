"""Headers of tar archives: where their fields are, and how they are written.

Every header has 512 bytes, because each field is padded or cut to its width.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

BLOCK = 512
ZEROS = bytes(BLOCK)
POSIX, GNU, OLD = b"ustar\x0000", b"ustar  \0", bytes(8)
"""The formats, as the field ``magic`` tells them; the oldest has no such field."""
NAME, MODE, OWNER, GROUP, SIZE, TIME, CHECKSUM, TYPE, LINK, MAGIC, DEVICES, PREFIX = (
    slice(0, 100),
    slice(100, 108),
    slice(108, 116),
    slice(116, 124),
    slice(124, 136),
    slice(136, 148),
    slice(148, 156),
    slice(156, 157),
    slice(157, 257),
    slice(257, 265),
    slice(329, 345),
    slice(345, 500),
)
NAME_BYTES = 100


class Header(NamedTuple):
    """A header block and, for an extension, what follows it."""

    block: bytes
    payload: bytes = b""

    @property
    def type(self) -> bytes:
        """The type flag."""
        return self.block[TYPE]

    def padded(self) -> bytes:
        """Return the bytes as they stand in the archive."""
        return self.block + self.payload + bytes(-len(self.payload) % BLOCK)


def text(name: bytes) -> str:
    """Return a name as text, such that other encodings survive the way back."""
    return name.decode("utf-8", "surrogateescape")


def raw(name: str) -> bytes:
    """Return a name as the bytes that an archive holds."""
    return name.encode("utf-8", "surrogateescape")


def checksum(block: bytes) -> int:
    """Return a header's checksum: the sum of its bytes, with blanks in place of itself."""
    return _sum(block[:256]) + _sum(block[256:]) - sum(block[CHECKSUM]) + 8 * 0x20


def _sum(half: bytes) -> int:
    """Return the sum of up to 256 bytes, in a tenth of the time of ``sum``.

    The lower half of an Adler-32 is one more than it, modulo 65,521, which so few do not reach.
    """
    return (zlib.adler32(half) & 0xFFFF) - 1


def number_field(value: int, where: slice) -> tuple[slice, bytes]:
    """Write a number as GNU tar does: in octal digits, or in base-256 if it has too many."""
    width = where.stop - where.start
    if 0 <= value < 8 ** (width - 1):
        return where, b"%0*o\0" % (width - 1, value)
    return where, (value % 256**width | 0x80 << 8 * (width - 1)).to_bytes(width, "big")


def with_fields(block: bytes, *fields: tuple[slice, bytes]) -> bytes:
    """Return the header with other fields, padded or cut to their width, and the checksum set."""
    changed = bytearray(block)
    for where, value in fields:
        struct.pack_into(f"{where.stop - where.start}s", changed, where.start, value)
    struct.pack_into("8s", changed, CHECKSUM.start, b"%06o\0 " % checksum(bytes(changed)))
    return bytes(changed)


def header_block(
    name: bytes, kind: bytes, mode: int, *, size: int = 0, target: bytes = b"", mtime: int = 0
) -> bytes:
    """Make a header in GNU format, owned by root; longer names go before it, by ``long_names``."""
    numbers = ((MODE, mode), (OWNER, 0), (GROUP, 0), (SIZE, size), (TIME, mtime))
    fields = [number_field(value, where) for where, value in numbers]
    return with_fields(ZEROS, *fields, (NAME, name), (TYPE, kind), (LINK, target), (MAGIC, GNU))


def long_names(name: bytes, target: bytes) -> list[Header]:
    """Return the GNU extensions for what is too long for a header's own fields."""
    return [
        extension(header_block(b"././@LongLink", type_flag, 0), value + b"\0")
        for type_flag, value in ((b"L", name), (b"K", target))
        if len(value) > NAME_BYTES
    ]


def extension(block: bytes, payload: bytes) -> Header:
    """Make an extended header with this payload."""
    return Header(with_fields(block, number_field(len(payload), SIZE)), payload)
