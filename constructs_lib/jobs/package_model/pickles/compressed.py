"""Unpacks files that are compressed as a whole, which ``joblib.load`` opens like any other."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from ...common.limits import KIB
from .regions import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ_BYTES = 64 * KIB
OUTPUT_BYTES = 256 * KIB
"""How much is unpacked at once, so that bombs go off slowly."""
OLD_JOBLIB = b"ZF0x"
OLD_JOBLIB_HEADER_BYTES = len("ZF") + len(hex(2**64))
"""Before the zlib stream in files of joblib before 0.10 (``numpy_pickle_compat.py``)."""
ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
LZMA_MEMORY_BYTES = 64 * KIB * KIB


class Compression(NamedTuple):
    """A format that the standard library unpacks."""

    name: str
    make: Callable[[], Any]
    is_single: bool = False
    """Whether nothing follows the first stream."""
    header_bytes: int = 0
    """What stands before it."""


GZIP = Compression("gzip", lambda: zlib.decompressobj(zlib.MAX_WBITS | 16))
ZLIB = Compression("zlib", zlib.decompressobj, is_single=True)
BZIP2 = Compression("bzip2", bz2.BZ2Decompressor)
XZ = Compression("xz", lambda: lzma.LZMADecompressor(memlimit=LZMA_MEMORY_BYTES))
RAW_DEFLATE = Compression("deflate", lambda: zlib.decompressobj(-zlib.MAX_WBITS), is_single=True)
"""As in zip files."""
OLD = ZLIB._replace(header_bytes=OLD_JOBLIB_HEADER_BYTES)
MAGIC = (
    (b"\x1f\x8b\x08", GZIP),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\0", XZ),
    (b"\x5d\0", XZ),
    (OLD_JOBLIB, OLD),
)
_MAGICS = tuple(magic for magic, _ in MAGIC)
UNREADABLE = {b"\x04\x22\x4d\x18": "LZ4", b"\x28\xb5\x2f\xfd": "Zstandard"}
"""Formats of loaders that the standard library cannot read, by their first four bytes."""


def compression_of(head: bytes) -> Compression | None:
    """How a file is compressed, by its first bytes."""
    for magic, compression in MAGIC if head.startswith(_MAGICS) else ():
        if head.startswith(magic) and _unpacks(compression, head):
            return compression
    is_zlib = (
        len(head) > 1 and head[0] & 15 == zlib.DEFLATED and not int.from_bytes(head[:2], "big") % 31
    )
    return ZLIB if is_zlib and _unpacks(ZLIB, head) else None


def unreadable_format(head: bytes) -> str | None:
    """Return what a file is compressed with, if nothing here can unpack it."""
    return UNREADABLE.get(head[:4])


def _unpacks(compression: Compression, head: bytes) -> bool:
    """Whether it can be unpacked, at least a little: weights can begin like something packed."""
    unpacker = Unpacker(Region(io.BytesIO(head), 0, len(head)), compression)
    return next(unpacker.pieces(), None) is not None or not unpacker.failed


class Unpacker:
    """Unpacks a file as far as possible: readers too use what comes before the damage."""

    def __init__(self, region: Region, compression: Compression) -> None:
        """Start at the beginning."""
        self._region = region
        self._compression = compression
        self._at = compression.header_bytes
        self.failed = False
        """Whether the data is damaged, or none of this compression."""

    def pieces(self) -> Iterator[bytes]:
        """Return the content."""
        while self._at < self._region.size:
            before = self._at
            yield from self._stream(self._compression.make())
            if self.failed or self._compression.is_single or self._at == before:
                return

    def _stream(self, decompressor: Any) -> Iterator[bytes]:
        """Return what one of several streams holds."""
        left = b""
        while not decompressor.eof:
            if not left and getattr(decompressor, "needs_input", True):
                left = self._region.read(self._at, READ_BYTES)
                self._at += len(left)
                if not left:
                    return
            try:
                piece = decompressor.decompress(left, OUTPUT_BYTES)
            except ERRORS:
                self.failed = True
                return
            left = getattr(decompressor, "unconsumed_tail", b"")
            if piece:
                yield piece
        self._at -= len(decompressor.unused_data)
