"""A gzip file or a plain tar file, as verified segments within the limits."""

from __future__ import annotations

import functools
import struct
import zlib
from typing import TYPE_CHECKING

from ..common.limits import GIB, KIB, Limits
from .errors import RefusedError
from .inflating import Inflate, Inflated, Segment
from .libraries import crc32
from .reading import ByteSource

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".gz")
"""By which the archive in a folder is known; CDK cuts the names of its assets to ``<hash>.gz``."""


def read_archive(source: ByteSource, inflate: Inflate) -> Iterator[Inflated]:
    """Return the unpacked bytes of a ``.tar.gz`` or a plain ``.tar`` file, not yet :func:`checked`.

    Raises:
        RefusedError: it is neither, or cannot be inflated.
    """
    start = source.unread()
    if start.startswith(b"\x1f\x8b"):
        yield from gunzip(source, inflate)
    else:
        check_plain(start)
        yield from plain(source)


def check_plain(start: bytes) -> None:
    """Refuse what begins as no tar archive does.

    Raises:
        RefusedError: tells what it is.
    """
    # What is gzip-compressed, as most models are, begins to be inflated without these.
    from ..common.formats import no_archive
    from ..common.tar_blocks import BLOCK, ZEROS
    from .tar.fields import checksum_holds

    block = start[:BLOCK]
    if len(block) < BLOCK or not (block == ZEROS or checksum_holds(block)):
        raise RefusedError(no_archive(start))


def plain(source: ByteSource) -> Iterator[Inflated]:
    """Return a file as it is."""
    while True:
        data = source.unread()
        if not data:
            return
        source.skip(len(data))
        yield Inflated(functools.partial(bytes, data), source.position)


def gunzip(source: ByteSource, inflate: Inflate) -> Iterator[Inflated]:
    """One or more gzip members (RFC 1952), and zeros after them."""
    more = True
    while more:
        read_gzip_header(source)
        for segment in inflate(source):
            if not segment.ends_stream:
                yield segment
                continue
            trailer = struct.unpack("<II", source.read(8))
            more = another_gzip_member(source)
            # The last block says that it is the last one: it can stand only at the very end.
            blocks = None if more else segment.blocks
            yield segment._replace(blocks=blocks, trailer=trailer)


def read_gzip_header(source: ByteSource) -> None:
    """Read over the header of a gzip member."""
    header = bytearray(source.read(10))
    flags = header[3]
    if not header.startswith(b"\x1f\x8b\x08") or flags & 0b1110_0000:
        raise RefusedError(f"has a bad gzip header before byte {source.position:,}")
    if flags & 4:
        size = source.read(2)
        header += size + source.read(int.from_bytes(size, "little"))
    for text in (8, 16):
        while flags & text:
            byte = source.read(1)
            header += byte
            if byte == b"\0" or len(header) > 128 * KIB:
                break
    if flags & 2 and int.from_bytes(source.read(2), "little") != zlib.crc32(header) & 0xFFFF:
        raise RefusedError(f"has a damaged gzip header before byte {source.position:,}")


def another_gzip_member(source: ByteSource) -> bool:
    """Whether another gzip member follows. Nothing may follow but that, or zeros up to the end."""
    if source.unread().startswith(b"\x1f"):
        return True
    while True:
        rest = source.unread()
        if rest.strip(b"\0"):
            raise RefusedError(
                f"has something else after its gzip data, from byte {source.position:,} on"
            )
        if not rest:
            return False
        source.skip(len(rest))


def verified(inflated: Iterator[Inflated]) -> Iterator[Segment]:
    """Return the segments, with each gzip member's size and CRC checked."""
    crc, size = 0, 0
    for segment in inflated:
        data = segment.read()
        crc, size = crc32(data, crc), size + len(data)
        if segment.trailer is not None:
            if segment.trailer != (crc, size & 0xFFFFFFFF):
                raise RefusedError("is damaged: its data does not match its CRC (copy it again)")
            crc, size = 0, 0
        yield Segment(data, segment.position, segment.blocks, segment.ends_stream)


MAX_CODE_BYTES = GIB


def checked(inflated: Iterator[Inflated], limits: Limits) -> Iterator[Segment]:
    """Return the segments, verified, up to the limits of size and compression ratio.

    Raises:
        RefusedError: a CRC or a size does not hold, or a limit is reached.
    """
    unpacked = 0
    for segment in verified(inflated):
        unpacked += len(segment.data)
        if unpacked > limits.unpacked_bytes:
            raise RefusedError(
                f"unpacks to more than {limits.unpacked_bytes:,} bytes (the limit of "
                f"--max-unpacked-bytes, and {MAX_CODE_BYTES:,} for code)"
            )
        if unpacked > limits.bytes_by_ratio(segment.position):
            raise RefusedError(
                f"unpacks to more than {limits.ratio} times its size (--max-ratio), as "
                "decompression bombs do"
            )
        yield segment
