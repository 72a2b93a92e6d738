"""Reads the fields of a tar header strictly.

Readers differ in what they make of a field that is not written the usual way. What can mean only
one thing is written anew, everything else is refused.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from ...common.tar_blocks import (
    CHECKSUM,
    DEVICES,
    GNU,
    GROUP,
    LINK,
    MAGIC,
    MODE,
    NAME,
    OLD,
    OWNER,
    POSIX,
    PREFIX,
    SIZE,
    TIME,
    TYPE,
    checksum,
    number_field,
    with_fields,
)
from ..errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = {
    "link": LINK,
    "owner's name": slice(265, 297),
    "group's name": slice(297, 329),
    "name prefix": PREFIX,
}
"""Texts behind the checksum."""


class Number(NamedTuple):
    """A numeric field: where it is, and what it may hold."""

    name: str
    where: slice
    least: int
    most: int


_IDS, _EIGHT_DIGITS = 2**32 - 2, 8**7 - 1
NUMBERS = (
    Number("mode", MODE, 0, _EIGHT_DIGITS),
    Number("owner", OWNER, 0, _IDS),
    Number("group", GROUP, 0, _IDS),
    Number("size", SIZE, 0, 2**63 - 1),
    # What every reader can give to a file on any disk.
    Number("time", TIME, -(2**50), 2**50),
)
DEVICE_NUMBERS = (
    Number("device", slice(329, 337), 0, _EIGHT_DIGITS),
    Number("minor device", slice(337, 345), 0, _EIGHT_DIGITS),
)
_USUAL_NUMBERS = re.compile(
    rb"(?:[0-7]{7}\0){3}(?:[0-7]{11}\0){2}|(?:[0-7]{6} \0){3}(?:[0-7]{11} ){2}"
)
"""All of them, as GNU tar and Python write them, and as bsdtar does."""
_USUAL_CHECKSUM = re.compile(rb"[0-7]{6}\0 |[0-7]{7}\0")
_CHECKSUM_BOUNDS = (CHECKSUM.start, CHECKSUM.stop)
_USUAL_NUMBER = re.compile(rb"[0-7]+ ?\0*")
_LOOSE_NUMBER = re.compile(rb" *([0-7]*)[ \0]*")


def field_text(field: bytes) -> bytes:
    """Return a text field, which a NUL ends."""
    return field.split(b"\0", 1)[0]


def checksum_holds(block: bytes) -> bool:
    """Whether a header's checksum is right; very old files sum up signed bytes."""
    stored, unsigned = _stored_checksum(block), checksum(block)
    if stored == unsigned:
        return True
    rest = block[: CHECKSUM.start] + block[CHECKSUM.stop :]
    return stored == unsigned - 256 * sum(byte > 127 for byte in rest)


def _stored_checksum(block: bytes) -> int | None:
    match = _LOOSE_NUMBER.fullmatch(block, CHECKSUM.start, CHECKSUM.stop)
    return int(match[1] or b"0", 8) if match else None


@functools.lru_cache(maxsize=1024)
def read_number(field: bytes, name: str) -> int:
    """Return a numeric field: octal digits, or GNU tar's base-256 for what they cannot hold.

    Raises:
        RefusedError: it is something else.
    """
    match = _LOOSE_NUMBER.fullmatch(field)
    if match is not None:
        return int(match[1] or b"0", 8)
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if field[0] == 0xFF:
        return int.from_bytes(field, "big", signed=True)
    raise RefusedError(f"has a header whose {name} is not a number: {field!r}")


def canonical_block(block: bytes) -> bytes:
    """Write a header's numbers and checksum the usual way; git pads that to 7 digits.

    Args:
        block: A header whose checksum holds.

    Raises:
        RefusedError: something in it is not what any program writes.
    """
    _check_text("name", block[NAME])
    fields = [*_fields_to_rewrite(block[TYPE.start :])]
    if not _USUAL_NUMBERS.fullmatch(block, MODE.start, CHECKSUM.start):
        fields += _rewritten(block, NUMBERS)
    is_signed = not block.isascii() and _stored_checksum(block) != checksum(block)
    if fields or is_signed or not _USUAL_CHECKSUM.fullmatch(block, *_CHECKSUM_BOUNDS):
        return with_fields(block, *fields)
    return block


@functools.lru_cache(maxsize=1024)
def _fields_to_rewrite(end: bytes) -> tuple[tuple[slice, bytes], ...]:
    """Check what follows the checksum, which most members of an archive have in common."""
    block = bytes(TYPE.start) + end
    magic = _checked_format(block)
    fields = [(MAGIC, magic)] if magic != block[MAGIC] else []
    if block[DEVICES].strip(b"\0"):
        fields += _rewritten(block, DEVICE_NUMBERS)
    return tuple(fields)


def _checked_format(block: bytes) -> bytes:
    """Return a header's format; texts end with their first NUL, unused fields are empty."""
    magic = block[MAGIC]
    if magic[:6] == b"ustar\0":
        magic = POSIX
    elif magic not in (GNU, OLD):
        raise RefusedError(f"has a header of no known format: {magic!r}")
    if magic != POSIX and block[PREFIX].strip(b"\0"):
        raise RefusedError("has a name prefix outside of the ustar format")
    unused = block[257:329] + block[500:] if magic == OLD else block[500:]
    if unused.strip(b"\0"):
        raise RefusedError("has a header with something where its format has nothing")
    for name, where in TEXTS.items():
        _check_text(name, block[where])
    return magic


def _check_text(name: str, field: bytes) -> None:
    if b"\0" in field.rstrip(b"\0"):
        raise RefusedError(f"has a header with something behind the end of its {name}")


def _rewritten(block: bytes, numbers: tuple[Number, ...]) -> Iterator[tuple[slice, bytes]]:
    """Return the numbers that are not written the usual way, written so."""
    for name, where, least, most in numbers:
        field = block[where]
        value = read_number(field, name)
        if not least <= value <= most:
            raise RefusedError(f"has a {name} of {value:,}; {least:,} to {most:,} are allowed")
        usual = number_field(value, where)
        if field != usual[1] and not _USUAL_NUMBER.fullmatch(field):
            yield usual
