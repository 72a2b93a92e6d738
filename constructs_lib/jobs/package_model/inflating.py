"""Inflates one deflate stream as segments, with the blocks they can be copied from."""

from __future__ import annotations

import ctypes
import functools
import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..common.limits import KIB
from . import buffers
from .errors import RefusedError
from .libraries import ZStream, address
from .reading import ByteSource, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .libraries import Library


class Blocks(NamedTuple):
    """Whole deflate blocks as they stand in the input."""

    spans: Sequence[Span]
    first_bit: int
    """Where they start in the first byte; bits count from the lowest."""
    end_bit: int
    """Where they end, counted from the first byte's lowest bit."""
    reach: int
    """How many bytes before them their data may refer to."""


class Inflated(NamedTuple):
    """A segment of the unpacked input, not yet checked."""

    read: Callable[[], bytes]
    """Called once, it returns the data; whoever inflates need not wait until they are copied."""
    position: int
    """How much of the input file was read up to its end."""
    blocks: Blocks | None = None
    """What the data was inflated from, if that can be copied."""
    ends_stream: bool = False
    trailer: tuple[int, int] | None = None
    """At the end of a gzip member: the CRC-32 and the size (modulo 2**32) it promises."""


class Segment(NamedTuple):
    """A segment of the unpacked input."""

    data: bytes
    position: int
    blocks: Blocks | None
    ends_stream: bool


class Inflate(Protocol):
    """Inflates one deflate stream, and leaves the source just behind it."""

    def __call__(self, source: ByteSource, /) -> Iterator[Inflated]:
        """Return the stream's data; the last segment has ``ends_stream`` set."""


def inflate_with_zlib(source: ByteSource) -> Iterator[Inflated]:
    """Inflate one deflate stream with Python's zlib, which does not tell where blocks start."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof:
        chunk = source.unread()
        try:
            data = inflater.decompress(chunk, buffers.SEGMENT_BYTES)
        except zlib.error as error:
            raise damaged(source, str(error)) from None
        if not chunk and not data and not inflater.eof:
            raise truncated()
        rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        source.skip(len(chunk) - len(rest))
        read = functools.partial(bytes, data)
        yield Inflated(read, source.position, ends_stream=inflater.eof)


def damaged(source: ByteSource, reason: str) -> RefusedError:
    """Return the error for data that cannot be inflated."""
    return RefusedError(f"is damaged near byte {source.position:,}: {reason}")


def truncated() -> RefusedError:
    """Return the error for compressed data that ends too early."""
    return RefusedError("is truncated: its compressed data ends too early (copy it again)")


Z_NO_FLUSH, Z_BLOCK = 0, 5
Z_OK, Z_STREAM_END, Z_BUF_ERROR = 0, 1, -5
UNUSED_BITS, IN_LAST_BLOCK, AT_BOUNDARY = 0b11_1111, 64, 128
"""The parts of ``data_type`` that inflate() sets, see zlib.h."""


class BlockInflater:
    """Inflates one deflate stream into segments that start and end at block boundaries."""

    def __init__(self, library: Library, source: ByteSource) -> None:
        """Start where the source stands."""
        self._library = library
        self._source = source
        self._stream = ZStream()
        self._spare: list[ctypes.Array[ctypes.c_char]] = []
        """Buffers whose data were read, in whichever thread."""
        self._buffer = self._new_buffer()
        self._produced = 0
        self._taken: list[Span] = []
        self._taken_bytes = 0

    def segments(self) -> Iterator[Inflated]:
        """Return the segments; the last one has ``ends_stream`` set."""
        if self._library.start(self._stream) != Z_OK:
            raise RefusedError(f"cannot be inflated: {self._library.described} refuses to start")
        try:
            yield from self._segments()
        finally:
            self._library.end(self._stream)

    def _segments(self) -> Iterator[Inflated]:
        at_boundary, first_bit, total = True, 0, 0
        while True:
            status = self._fill(whole=at_boundary)
            read = functools.partial(self._read, self._buffer, self._produced)
            ends_stream = status == Z_STREAM_END
            found = ends_stream or self._at_boundary()
            unused = 0 if ends_stream else self._stream.data_type & UNUSED_BITS
            blocks = None
            if at_boundary and found:
                reach = min(total, 32 * KIB)
                size = sum(span.size for span in self._taken)
                blocks = Blocks(self._taken, first_bit, 8 * size - unused, reach)
            yield Inflated(read, self._source.position, blocks, ends_stream)
            if ends_stream:
                return
            at_boundary, first_bit, total = found, -unused % 8, total + self._produced
            self._start(with_last_byte=unused > 0)

    def _new_buffer(self) -> ctypes.Array[ctypes.c_char]:
        return ctypes.create_string_buffer(buffers.SEGMENT_LIMIT_BYTES)

    def _read(self, buffer: ctypes.Array[ctypes.c_char], size: int) -> bytes:
        data = ctypes.string_at(buffer, size)
        self._spare.append(buffer)
        return data

    def _start(self, *, with_last_byte: bool) -> None:
        """Begin the next segment, with the byte that it shares with the one before."""
        self._buffer = self._spare.pop() if self._spare else self._new_buffer()
        self._produced = 0
        self._taken = [span.last(1) for span in self._taken[-1:] if with_last_byte]
        self._taken_bytes = 0

    def _fill(self, *, whole: bool) -> int:
        """Inflate up to a good place to cut, or to the limits. Returns inflate()'s status."""
        while True:
            full = max(self._produced, self._taken_bytes)
            cut = not whole or full >= buffers.SEGMENT_BYTES
            most = buffers.SEGMENT_LIMIT_BYTES if cut else buffers.SEGMENT_BYTES
            room = most - self._produced
            if full >= buffers.SEGMENT_LIMIT_BYTES or not room:
                return Z_BUF_ERROR
            status = self._inflate(Z_BLOCK if cut else Z_NO_FLUSH, most - self._taken_bytes, room)
            if status == Z_STREAM_END or (cut and self._at_boundary()):
                return status

    def _at_boundary(self) -> bool:
        """Whether another block starts here, in the byte taken last or the one after it."""
        flags = int(self._stream.data_type)
        one_more_block = flags & (IN_LAST_BLOCK | AT_BOUNDARY) == AT_BOUNDARY
        return one_more_block and flags & UNUSED_BITS < 8

    def _inflate(self, flush: int, wanted: int, room: int) -> int:
        """One call of inflate() on the source's current chunk, up to the step with the wanted."""
        chunk, at = self._source.window()
        stream = self._stream
        stream.next_in = address(chunk) + at
        step = wanted + -(self._source.position + wanted) % buffers.STEP_BYTES
        stream.avail_in = available = min(len(chunk) - at, step)
        stream.next_out = ctypes.addressof(self._buffer) + self._produced
        stream.avail_out = room
        status = int(self._library.inflate(stream, flush))
        used = available - stream.avail_in
        if status not in (Z_OK, Z_STREAM_END, Z_BUF_ERROR):
            self._source.skip(used)
            raise damaged(self._source, (stream.msg or b"not deflate data").decode())
        if status == Z_BUF_ERROR and not available and not self._at_boundary():
            raise truncated()
        self._source.skip(used)
        if used:
            self._taken.append(Span(chunk, at, at + used))
            self._taken_bytes += used
        self._produced += room - stream.avail_out
        return status


def inflate_with(library: Library) -> Inflate:
    """Inflating that keeps the deflate blocks for copying."""
    return lambda source: BlockInflater(library, source).segments()
