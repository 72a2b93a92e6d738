"""Writes tar blocks in every way, right and wrong: a writer that checks nothing."""

from __future__ import annotations

import struct
from dataclasses import dataclass

BLOCK = 512
POSIX, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)
FIELDS = {
    "name": slice(0, 100),
    "mode": slice(100, 108),
    "owner": slice(108, 116),
    "group": slice(116, 124),
    "size": slice(124, 136),
    "time": slice(136, 148),
    "type": slice(156, 157),
    "link": slice(157, 257),
    "magic": slice(257, 265),
    "owner name": slice(265, 297),
    "group name": slice(297, 329),
    "device": slice(329, 337),
    "minor device": slice(337, 345),
    "prefix": slice(345, 500),
    "end": slice(500, 512),
}
"""Where the fields of a header are; the checksum is in 148 to 156."""
NUMBERS = ("mode", "owner", "group", "size", "time", "device", "minor device")


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields of a header, as they stand in it."""

    name: bytes
    type: bytes = b"0"
    mode: bytes = b"0000644\0"
    owner: bytes = b"0000000\0"
    group: bytes = b"0000000\0"
    size: bytes = b"00000000000\0"
    time: bytes = b"00000000000\0"
    link: bytes = b""
    magic: bytes = POSIX
    owner_name: bytes = b""
    device: bytes = b""
    prefix: bytes = b""

    def block(self) -> bytes:
        """Return the header, with its checksum."""
        return summed(
            struct.pack(
                "100s8s8s8s12s12s8x1s100s8s32s32x8s8s155s12x",
                self.name,
                self.mode,
                self.owner,
                self.group,
                self.size,
                self.time,
                self.type,
                self.link,
                self.magic,
                self.owner_name,
                self.device,
                self.device,
                self.prefix,
            )
        )


def summed(block: bytes) -> bytes:
    """Return the same header with the checksum that it should have."""
    total = sum(block[:148]) + 8 * 0x20 + sum(block[156:])
    return block[:148] + b"%06o\0 " % total + block[156:]


def is_header(block: bytes) -> bool:
    """Whether a block has the checksum of a header."""
    return block.strip(b"\0") != b"" and summed(block) == block


def octal(value: int, width: int = 12) -> bytes:
    """Write a number as GNU tar does."""
    return b"%0*o\0" % (width - 1, value)


def base_256(value: int, width: int) -> bytes:
    """Write a number as GNU tar writes what octal digits cannot hold."""
    number = value % (1 << 8 * width) | 0x80 << 8 * (width - 1)
    return number.to_bytes(width, "big")


def padded(content: bytes, padding: bytes = b"") -> bytes:
    """Content in whole blocks, with something in the rest of the last one."""
    room = -len(content) % BLOCK
    return content + padding[:room].ljust(room, b"\0")


def record(keyword: bytes, value: bytes) -> bytes:
    """Write a PAX record, whose length counts its own digits too."""
    rest = b" " + keyword + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length + rest) != length:
        length = len(b"%d" % length + rest)
    return b"%d" % length + rest


def member(fields: Fields, content: bytes = b"") -> bytes:
    """Write a member with the size of its content."""
    return Fields(**{**fields.__dict__, "size": octal(len(content))}).block() + padded(content)
