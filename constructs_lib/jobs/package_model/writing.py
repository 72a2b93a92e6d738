"""Writes deflate blocks, copied or new."""

from __future__ import annotations

import collections
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..common.limits import KIB
from . import buffers
from .inflating import Blocks, Segment
from .libraries import crc32
from .reading import Span
from .tar.scanner import TarScanner

if TYPE_CHECKING:
    from collections.abc import Callable

    from .new_file import Output

COMPRESSION_LEVEL = 6
SAMPLE_BYTES = 32 * KIB
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""No name and no time, so that the same input gives the same bytes."""
FIXED_EMPTY = (0b010, 10)
"""An empty block with the fixed code: value and number of bits, the lowest first."""
STORED_HEADER, STORED_EMPTY = (0b000, 3), b"\x00\x00\xff\xff"
"""An empty stored block: three bits, and what follows from the next whole byte on."""
LAST_FIXED_EMPTY = (0b011, 10)


def _odd_empty() -> tuple[int, int]:
    """Return an empty block of an odd number of bits (99), in a dynamic code as encoders make it.

    The code has the literals 0 (length 1) and 1 (length 2), the end of block (length 2) and two
    distances (length 1); the code for these lengths has 18 (length 1), 1 and 2 (length 2).
    """
    code_lengths = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2]
    one, two, end_of_block = (0b01, 2), (0b11, 2), (0b11, 2)
    parts = [(0, 1), (2, 2), (0, 5), (1, 5), (len(code_lengths) - 4, 4)]
    parts += [(length, 3) for length in code_lengths]
    parts += [one, two, (0, 1), (138 - 11, 7), (0, 1), (116 - 11, 7), two, one, one, end_of_block]
    value, count = 0, 0
    for bits, width in parts:
        value |= bits << count
        count += width
    return value, count


ODD_EMPTY = _odd_empty()


def deflate(data: bytes) -> bytes:
    """Deflate blocks for the data, ending at a whole byte, that refer to nothing before them.

    Weights hold nothing that repeats but runs of one byte. Looking only for those makes them no
    larger and is four to nine times as fast; a sample tells which kind of data it is.
    """
    sample = data[len(data) // 2 :][:SAMPLE_BYTES]
    thorough = len(deflated(sample, zlib.Z_DEFAULT_STRATEGY))
    quick = len(deflated(sample, zlib.Z_RLE))
    return deflated(data, zlib.Z_RLE if quick <= 1.01 * thorough else zlib.Z_DEFAULT_STRATEGY)


def deflated(data: bytes, strategy: int) -> bytes:
    """Return the data as whole deflate blocks."""
    compressor = zlib.compressobj(
        COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy
    )
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


class GzipSink:
    """Writes one gzip member out of blocks that are copied and data that is compressed."""

    def __init__(self, write: Callable[[Output], None], executor: ThreadPoolExecutor) -> None:
        """Write the header.

        Args:
            write: Takes the output in order, as it is or as something that will become it.
            executor: Where to compress. The result does not depend on how many threads it has.
        """
        self._write = write
        self._executor = executor
        self._bits, self._bit_count = 0, 0
        self._to_compress = bytearray()
        self._ended = False
        self._crc = 0
        self.unpacked_bytes = 0
        self.copied_bytes = 0
        """Compressed bytes that were copied."""
        write(GZIP_HEADER)

    def compress(self, data: bytes) -> None:
        """Append data, compressed anew."""
        self._count(data)
        self._to_compress += data
        while len(self._to_compress) >= buffers.SEGMENT_BYTES:
            self._compress(buffers.SEGMENT_BYTES)

    def copy(self, data: bytes, blocks: Blocks, *, is_last: bool) -> None:
        """Append the blocks that the data was inflated from."""
        if self._to_compress:
            self._compress(len(self._to_compress))
        while self._bit_count != blocks.first_bit:
            odd = (self._bit_count - blocks.first_bit) % 2
            self._write(self._bits_out(*(ODD_EMPTY if odd else FIXED_EMPTY)))
        self._count(data)
        self._copy(blocks)
        self._ended = is_last
        self.copied_bytes += (blocks.end_bit + 7) // 8

    def finish(self) -> None:
        """Write the end of the stream."""
        if self._to_compress:
            self._compress(len(self._to_compress))
        if not self._ended:
            self._write(self._bits_out(*LAST_FIXED_EMPTY) + self._whole_byte())
        self._write(struct.pack("<II", self._crc, self.unpacked_bytes & 0xFFFFFFFF))

    def _count(self, data: bytes) -> None:
        self._crc = crc32(data, self._crc)
        self.unpacked_bytes += len(data)

    def _compress(self, size: int) -> None:
        if self._bit_count:
            self._write(self._bits_out(*STORED_HEADER) + self._whole_byte() + STORED_EMPTY)
        data = bytes(self._to_compress[:size])
        del self._to_compress[:size]
        self._write(self._executor.submit(deflate, data))

    def _bits_out(self, value: int, width: int) -> bytes:
        """Append bits. Returns the bytes that are full now; up to seven bits stay behind."""
        self._bits |= value << self._bit_count
        whole, self._bit_count = divmod(self._bit_count + width, 8)
        full = self._bits & ((1 << 8 * whole) - 1)
        self._bits >>= 8 * whole
        return full.to_bytes(whole, "little")

    def _whole_byte(self) -> bytes:
        """Fill the current byte up with zero bits."""
        return self._bits_out(0, -self._bit_count % 8)

    def _copy(self, blocks: Blocks) -> None:
        """Append blocks that start at the very bit of a byte that the output has reached."""
        first, *others = blocks.spans
        skipped = blocks.first_bit
        # No block is shorter than ten bits, so there is at least one whole byte.
        start = self._bits_out(first.chunk[first.start] >> skipped, 8 - skipped)
        spans = [Span.of(start), first._replace(start=first.start + 1), *others]
        last, rest = spans[-1], blocks.end_bit % 8
        if rest:
            spans[-1] = last._replace(end=last.end - 1)
        self._write([span for span in spans if span.size > 0])
        if rest:
            self._bits_out(last.chunk[last.end - 1] & ((1 << rest) - 1), rest)


class Splicer:
    """Carries out the scanner's edits: copies untouched segments, compresses the others anew."""

    def __init__(self, scanner: TarScanner, sink: GzipSink) -> None:
        """Start with nothing written of the model."""
        self._scanner = scanner
        self._sink = sink
        self._waiting: collections.deque[Segment] = collections.deque()
        """Segments with members that may yet turn out to need an edit."""
        self._at = 0
        self._intact = 0
        """How many bytes at the output's end are just those before the next segment."""

    def add(self, segment: Segment) -> None:
        """Take the next segment of the model archive."""
        self._scanner.feed(segment.data)
        self._waiting.append(segment)
        while self._waiting and self._at + len(self._waiting[0].data) <= self._scanner.decided:
            self._emit(self._waiting.popleft())

    def _emit(self, segment: Segment) -> None:
        start, data, blocks = self._at, segment.data, segment.blocks
        self._at = end = start + len(data)
        edits = self._scanner.edits
        if not edits or edits[0].start >= end:
            if blocks and self._intact >= blocks.reach:
                self._sink.copy(data, blocks, is_last=segment.ends_stream)
            else:
                self._sink.compress(data)
            self._intact += len(data)
            return
        at = start
        while edits and edits[0].start < end:
            edit = edits[0]
            if edit.start >= start:
                self._sink.compress(data[at - start : edit.start - start] + edit.replacement)
            at = min(edit.end, end)
            if edit.end > end:
                break
            edits.popleft()
        self._sink.compress(data[at - start :])
        self._intact = end - at
