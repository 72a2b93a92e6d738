"""Put inference code into a PyTorch model archive, as ``code/``, without unpacking it to disk.

Runs as a SageMaker Processing job in the scikit-learn container: Python 3.8 or later and its
standard library, nothing of this app::

    package_model.py --model model.tar.gz --code inference_code/ --output packaged/model.tar.gz

The output is one gzip stream: first the code, then the model's own members, byte for byte, without
any ``code/`` they had. Inside gzip is a row of deflate blocks, and a block stays valid as long as
the 32 KiB before it stay the same. So the model's blocks are copied as they are, and only those
around a change are compressed anew; what takes the time is to inflate the model once to verify it.

    file -> ByteSource -> Segments -> TarScanner (finds the edits) -> Splicer -> GzipSink -> NewFile

Refused, with one line that names the member and the reason: whatever is damaged, and whatever
could make a reader write outside of the folder it unpacks to, or fill its disk. The output appears
under its name only after all of the input was read and checked.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import ctypes
import functools
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import stat
import struct
import sys
import tempfile
import time
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    Output = bytes | memoryview

logger = logging.getLogger("package_model")

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

CODE_FOLDER = "code"
READ_BYTES = 256 * KIB
SEGMENT_BYTES = MIB
"""How much to inflate before looking for the next block boundary to cut at."""
SEGMENT_LIMIT_BYTES = 2 * MIB
"""How far to look for it. A segment that finds none is compressed anew instead of copied."""
COMPRESSION_LEVEL = 6
SAMPLE_BYTES = 32 * KIB
RATIO_FREE_BYTES = GIB
"""Unpacked size up to which no compression ratio is suspicious: small archives are mostly zeros."""
PROGRESS_SECONDS = 5.0
SYNC_BYTES = 16 * MIB
"""How often written data is pushed to the disk, so that the last push has little left to do."""


ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".gz")
"""By which the archive in a folder is known; CDK cuts the names of its assets to ``<hash>.gz``."""


class JobError(Exception):
    """What ends the job without an output: one line for the user."""


class RefusedError(JobError):
    """An input that is not accepted."""


class OutputError(JobError):
    """An output that cannot be written."""


class StoppedError(JobError):
    """A signal to stop."""


class Limits(NamedTuple):
    """How much an archive may hold."""

    unpacked_bytes: int = 256 * GIB
    ratio: int = 200
    members: int = 100_000


class Job(NamedTuple):
    """What the command line asks for."""

    model: Path
    code: Path
    output: Path
    manifests: tuple[Path, ...]
    """The same manifest in each place: beside the archive, and where the next steps look for it."""
    entry_point: str | None = None
    copies: tuple[tuple[Path, Path], ...] = ()
    """Files that are published beside the archive as they are: source and destination."""
    single_folder: str = "refuse"
    recompress: bool = False
    limits: Limits = Limits()
    progress_seconds: float = PROGRESS_SECONDS


def shown(name: str) -> str:
    """A member's name as an error shows it: quoted, on one line, not endless."""
    quoted = repr(name)
    return quoted if len(quoted) <= 200 else f"{quoted[:150]}...{quoted[-40:]}"


# --- Reading: bytes of the input file, in order -------------------------------------------------

T = TypeVar("T")


def read_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """All of a file, in pieces."""
    while True:
        chunk = file.read(READ_BYTES)
        if not chunk:
            return
        yield chunk


def hashed(chunks: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    """The same pieces, each added to the digest."""
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def prefetch(items: Iterator[T], executor: ThreadPoolExecutor, depth: int) -> Iterator[T]:
    """The same items, made ahead of time by an executor of one thread.

    Errors arrive in place of the item they prevented.
    """
    pending: collections.deque[Future[T | None]] = collections.deque(
        executor.submit(next, items, None) for _ in range(depth)
    )
    while True:
        item = pending.popleft().result()
        if item is None:
            return
        pending.append(executor.submit(next, items, None))
        yield item


class ByteSource:
    """A cursor over chunks of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Start before the first chunk."""
        self._chunks = chunks
        self._chunk = b""
        self._at = 0
        self.position = 0
        """How many bytes were taken so far."""

    def window(self) -> tuple[bytes, int]:
        """The current chunk and where its unread part starts; nothing is unread only at the end."""
        if self._at == len(self._chunk):
            self._chunk, self._at = next(self._chunks, b""), 0
        return self._chunk, self._at

    def unread(self) -> bytes:
        """The rest of the current chunk, empty only at the end."""
        chunk, at = self.window()
        return chunk[at:]

    def skip(self, count: int) -> None:
        """Take bytes of the current chunk."""
        self._at += count
        self.position += count

    def read(self, count: int) -> bytes:
        """Exactly so many bytes.

        Raises:
            RefusedError: the file ends before.
        """
        parts = []
        while count:
            part = self.unread()[:count]
            if not part:
                raise RefusedError("is truncated: it ends inside its gzip header or trailer")
            parts.append(part)
            self.skip(len(part))
            count -= len(part)
        return b"".join(parts)


# --- Inflating: a gzip file or a plain tar file, as segments ------------------------------------


class Blocks(NamedTuple):
    """Whole deflate blocks as they stand in the input."""

    compressed: bytes
    first_bit: int
    """Where they start in the first byte; bits count from the lowest."""
    end_bit: int
    """Where they end, counted from the first byte's lowest bit."""
    reach: int
    """How many bytes before them their data may refer to."""


class Segment(NamedTuple):
    """A piece of the unpacked input."""

    data: bytes
    position: int
    """How much of the input file was read up to its end."""
    blocks: Blocks | None = None
    """What the data was inflated from, if that can be copied."""
    ends_stream: bool = False
    trailer: tuple[int, int] | None = None
    """At the end of a gzip member: the CRC-32 and the size (modulo 2**32) it promises."""


class Inflate(Protocol):
    """Inflates one deflate stream, and leaves the source just behind it."""

    def __call__(self, source: ByteSource, /) -> Iterator[Segment]:
        """The stream's data; the last segment has ``ends_stream`` set."""


def inflate_with_zlib(source: ByteSource) -> Iterator[Segment]:
    """Inflate one deflate stream with Python's zlib, which does not tell where blocks start."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof:
        chunk = source.unread()
        try:
            data = inflater.decompress(chunk, SEGMENT_BYTES)
        except zlib.error as error:
            raise damaged(source, str(error)) from None
        if not chunk and not data and not inflater.eof:
            raise truncated()
        rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        source.skip(len(chunk) - len(rest))
        yield Segment(data, source.position, ends_stream=inflater.eof)


def damaged(source: ByteSource, reason: str) -> RefusedError:
    """The error for data that cannot be inflated."""
    return RefusedError(f"is damaged near byte {source.position:,}: {reason}")


def truncated() -> RefusedError:
    """The error for compressed data that ends too early."""
    return RefusedError("is truncated: its compressed data ends too early (copy it again)")


class ZStream(ctypes.Structure):
    """``z_stream`` of zlib.h."""

    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


Z_NO_FLUSH, Z_BLOCK = 0, 5
Z_OK, Z_STREAM_END, Z_BUF_ERROR = 0, 1, -5
UNUSED_BITS, IN_LAST_BLOCK, AT_BOUNDARY = 0b11_1111, 64, 128
"""The parts of ``data_type`` that inflate() sets, see zlib.h."""


def load_libz() -> ctypes.CDLL | None:
    """The zlib that Python itself uses, for the one option Python does not offer: ``Z_BLOCK``."""
    for name in ("libz.so.1", "libz.dylib"):
        with contextlib.suppress(OSError):
            libz = ctypes.CDLL(name)
            libz.zlibVersion.restype = ctypes.c_char_p
            stream = ctypes.POINTER(ZStream)
            libz.inflateInit2_.argtypes = (stream, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
            libz.inflate.argtypes = (stream, ctypes.c_int)
            libz.inflateEnd.argtypes = (stream,)
            return libz
    return None


class BlockInflater:
    """Inflates one deflate stream into segments that start and end at block boundaries."""

    def __init__(self, libz: ctypes.CDLL, source: ByteSource) -> None:
        """Start where the source stands."""
        self._libz = libz
        self._source = source
        self._stream = ZStream()
        self._buffer = ctypes.create_string_buffer(SEGMENT_LIMIT_BYTES)
        self._produced = 0
        self._taken: list[bytes] = []
        self._taken_bytes = 0

    def segments(self) -> Iterator[Segment]:
        """The segments; the last one has ``ends_stream`` set."""
        size = ctypes.sizeof(self._stream)
        version = self._libz.zlibVersion()
        if self._libz.inflateInit2_(self._stream, -zlib.MAX_WBITS, version, size) != Z_OK:
            raise RefusedError(f"cannot be inflated: libz {version!r} refuses to start")
        try:
            yield from self._segments()
        finally:
            self._libz.inflateEnd(self._stream)

    def _segments(self) -> Iterator[Segment]:
        at_boundary, first_bit, total = True, 0, 0
        while True:
            status = self._fill(whole=at_boundary)
            data = ctypes.string_at(self._buffer, self._produced)
            compressed = b"".join(self._taken)
            ends_stream = status == Z_STREAM_END
            found = ends_stream or self._at_boundary()
            unused = 0 if ends_stream else self._stream.data_type & UNUSED_BITS
            blocks = None
            if at_boundary and found:
                reach = min(total, 32 * KIB)
                blocks = Blocks(compressed, first_bit, 8 * len(compressed) - unused, reach)
            yield Segment(data, self._source.position, blocks, ends_stream)
            if ends_stream:
                return
            at_boundary, first_bit, total = found, -unused % 8, total + len(data)
            self._start(compressed[-1:] if unused else b"")

    def _start(self, partial_byte: bytes) -> None:
        self._produced = 0
        self._taken = [partial_byte]
        self._taken_bytes = 0

    def _fill(self, *, whole: bool) -> int:
        """Inflate up to a good place to cut, or to the limits. Returns inflate()'s status."""
        while True:
            full = max(self._produced, self._taken_bytes)
            cut = not whole or full >= SEGMENT_BYTES
            room = (SEGMENT_LIMIT_BYTES if cut else SEGMENT_BYTES) - self._produced
            if full >= SEGMENT_LIMIT_BYTES or not room:
                return Z_BUF_ERROR
            status = self._inflate(Z_BLOCK if cut else Z_NO_FLUSH, room)
            if status == Z_STREAM_END or (cut and self._at_boundary()):
                return status

    def _at_boundary(self) -> bool:
        """Whether another block starts here, in the byte taken last or the one after it."""
        flags = int(self._stream.data_type)
        one_more_block = flags & (IN_LAST_BLOCK | AT_BOUNDARY) == AT_BOUNDARY
        return one_more_block and flags & UNUSED_BITS < 8

    def _inflate(self, flush: int, room: int) -> int:
        """One call of inflate() on the source's current chunk."""
        chunk, at = self._source.window()
        stream = self._stream
        stream.next_in = ctypes.cast(ctypes.c_char_p(chunk), ctypes.c_void_p).value or 0
        stream.next_in += at
        stream.avail_in = available = len(chunk) - at
        stream.next_out = ctypes.addressof(self._buffer) + self._produced
        stream.avail_out = room
        status = int(self._libz.inflate(stream, flush))
        used = available - stream.avail_in
        if status not in (Z_OK, Z_STREAM_END, Z_BUF_ERROR):
            self._source.skip(used)
            raise damaged(self._source, (stream.msg or b"not deflate data").decode())
        if status == Z_BUF_ERROR and not available and not self._at_boundary():
            raise truncated()
        self._source.skip(used)
        self._taken.append(chunk[at : at + used])
        self._taken_bytes += used
        self._produced += room - stream.avail_out
        return status


def inflate_with_libz(libz: ctypes.CDLL) -> Inflate:
    """Inflating that keeps the deflate blocks for copying."""
    return lambda source: BlockInflater(libz, source).segments()


def read_archive(source: ByteSource, inflate: Inflate) -> Iterator[Segment]:
    """The unpacked bytes of a ``.tar.gz`` or a plain ``.tar`` file.

    Raises:
        RefusedError: it is neither, or damaged.
    """
    start = source.unread()
    if start.startswith(b"\x1f\x8b"):
        yield from verified(gunzip(source, inflate))
    elif len(start) >= BLOCK and (start[:BLOCK] == ZEROS or checksum_holds(start[:BLOCK])):
        yield from plain(source)
    else:
        raise RefusedError(f"is {format_of(start)}, not a gzip-compressed tar archive")


def format_of(start: bytes) -> str:
    """What a file that is not an archive looks like."""
    known = {
        b"PK": "a zip file",
        b"BZh": "compressed with bzip2",
        b"\xfd7zXZ": "compressed with xz",
        b"\x28\xb5\x2f\xfd": "compressed with zstd",
    }
    if not start:
        return "empty (0 bytes)"
    return next(
        (name for magic, name in known.items() if start.startswith(magic)), "something else"
    )


def plain(source: ByteSource) -> Iterator[Segment]:
    """A file as it is."""
    while True:
        data = source.unread()
        if not data:
            return
        source.skip(len(data))
        yield Segment(data, source.position)


def gunzip(source: ByteSource, inflate: Inflate) -> Iterator[Segment]:
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


def verified(segments: Iterator[Segment]) -> Iterator[Segment]:
    """The same segments, with each gzip member's size and CRC checked."""
    crc, size = 0, 0
    for segment in segments:
        crc, size = zlib.crc32(segment.data, crc), size + len(segment.data)
        if segment.trailer is not None:
            if segment.trailer != (crc, size & 0xFFFFFFFF):
                raise RefusedError("is damaged: its data does not match its CRC (copy it again)")
            crc, size = 0, 0
        yield segment


# --- Tar: members and where they are ------------------------------------------------------------

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
MAX_LINK_BYTES = MIB
"""How much text all symbolic links may have."""
MAX_LINK_HOPS = 40


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


class Edit(NamedTuple):
    """A change: what stands from ``start`` to ``end`` of the unpacked archive is replaced."""

    start: int
    end: int
    replacement: bytes = b""


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


@contextlib.contextmanager
def about(name: str) -> Iterator[None]:
    """Let the errors inside begin with a member's name."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(f"member {shown(name)} {error}") from None


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


class Feed:
    """Reads from data that arrives in pieces; each method waits (yields) for more as needed."""

    def __init__(self) -> None:
        """Start without data: ``push`` some."""
        self._data = b""
        self._at = 0
        self.offset = 0
        """How many bytes were read or skipped."""

    def push(self, data: bytes) -> None:
        """Hand over the next piece, when the one before is used up."""
        self._data, self._at = data, 0

    def read(self, count: int) -> Generator[None, None, bytes]:
        """Exactly so many bytes."""
        parts: list[bytes] = []
        while True:
            part = self._data[self._at : self._at + count]
            self._advance(len(part))
            count -= len(part)
            if not count and not parts:
                return part
            parts.append(part)
            if not count:
                return b"".join(parts)
            yield

    def skip(self, count: int) -> Generator[None, None, None]:
        """Pass over so many bytes."""
        while True:
            step = min(count, len(self._data) - self._at)
            self._advance(step)
            count -= step
            if not count:
                return
            yield

    def zeros(self) -> Generator[None, None, NoReturn]:
        """Nothing but zeros from here to the end."""
        while True:
            if self._data[self._at :].strip(b"\0"):
                raise RefusedError("has something else after the zeros that end its tar archive")
            self._advance(len(self._data) - self._at)
            yield

    def _advance(self, count: int) -> None:
        self._at += count
        self.offset += count


class TarScanner:
    """Finds the members of a tar archive that arrives in pieces, and collects edits to it."""

    def __init__(self, visit: Callable[[Member], Edit | None]) -> None:
        """Start before the first member; ``visit`` is called with each."""
        self._visit = visit
        self._feed = Feed()
        self.decided: float = 0
        """Up to which offset all edits are known."""
        self.edits: collections.deque[Edit] = collections.deque()
        """In order, without overlap; whoever carries them out takes them away."""
        self.complete = False
        self._last = ""
        self._run = self._members()
        next(self._run)

    def feed(self, data: bytes) -> None:
        """Look at the next piece of the archive."""
        self._feed.push(data)
        next(self._run)

    def finish(self) -> None:
        """The archive has ended.

        Raises:
            RefusedError: before it was complete.
        """
        if not self.complete:
            after = f" at or after member {shown(self._last)}" if self._last else ""
            raise RefusedError(f"is truncated: its tar archive ends too early{after}")

    def _members(self) -> Generator[None, None, None]:
        feed = self._feed
        yield
        while True:
            start = feed.offset
            headers = yield from self._headers()
            if not headers:
                break
            member = parse_member(headers, start, feed.offset)
            self._last = member.path
            edit = self._visit(member)
            if edit is not None:
                self.edits.append(edit)
            self.decided = member.end
            yield from feed.skip(member.end - feed.offset)
        self.complete = True
        self.decided = float("inf")
        yield from feed.zeros()

    def _headers(self) -> Generator[None, None, Sequence[Header]]:
        """The headers of the next member; none at the end of the archive."""
        headers: list[Header] = []
        while True:
            block = yield from self._feed.read(BLOCK)
            if block == ZEROS and not headers:
                if (yield from self._feed.read(BLOCK)) != ZEROS:
                    raise self._bad("one block of zeros, but archives end with two")
                return ()
            if not checksum_holds(block):
                raise self._bad("a header with a wrong checksum")
            header = Header(block)
            if header.type not in EXTENSIONS:
                return [*headers, header]
            size = number(block[NUMBERS["size"]], "size")
            if not 0 <= size <= MAX_EXTENSION_BYTES:
                raise self._bad(f"an extended header of {size:,} bytes")
            payload = yield from self._feed.read(size)
            yield from self._feed.skip(-size % BLOCK)
            if header.type == b"g":
                refuse_global_names(payload)
            headers.append(Header(block, payload))
            if sum(len(each.payload) for each in headers) > MAX_EXTENSION_BYTES:
                raise self._bad("too much in extended headers")

    def _bad(self, what: str) -> RefusedError:
        where = f"after member {shown(self._last)}" if self._last else "at its start"
        return RefusedError(f"has {what}, {where} (unpacked byte {self._feed.offset:,})")


def refuse_global_names(payload: bytes) -> None:
    """A PAX header for all members must not give them all one name or size."""
    for keyword in pax_records(payload):
        if keyword in (b"path", b"linkpath", b"size") or keyword.startswith(b"GNU.sparse."):
            raise RefusedError(f"has a global PAX header that sets {text(keyword)}")


# --- Rules: what an archive may hold, and what changes ------------------------------------------


class Inventory:
    """Every path of the output, to refuse those that readers would handle unsafely or differently.

    Nothing stands inside of a link, so unpacking in any way writes only where the paths say.
    """

    def __init__(self, max_members: int) -> None:
        """Start empty."""
        self._max_members = max_members
        # Keyed by hash: names can be long, and memory has to stay flat.
        self._kinds: dict[int, str] = {}
        self._symlinks: dict[str, str] = {}
        self._symlink_bytes = 0

    def add(self, path: str, kind: str, target: str = "") -> bool:
        """Note a member. Returns whether the path was there already, as a file.

        Raises:
            RefusedError: it contradicts members before it, or links to outside.
        """
        if kind == HARD_LINK:
            self._link_hard(target)
        known = self._kinds.get(hash(path))
        if known is None:
            self._add_parents(path)
        elif known != kind or kind not in (FILE, FOLDER):
            raise RefusedError(f"is there twice, as a {known} and as a {kind}")
        self._kinds[hash(path)] = kind
        if len(self._kinds) > self._max_members:
            raise RefusedError(
                f"is one too many: more than {self._max_members:,} files and folders "
                "(the limit is --max-members)"
            )
        if kind == SYMLINK:
            self._link(path, target)
        return known == FILE

    def _add_parents(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        while parent:
            known = self._kinds.get(hash(parent))
            if known == FOLDER:
                return
            if known is not None:
                raise RefusedError(f"is inside of {shown(parent)}, which is a {known}")
            self._kinds[hash(parent)] = FOLDER
            parent = parent.rpartition("/")[0]

    def _link_hard(self, target: str) -> None:
        """From here on both are the same file: readers differ in what a later duplicate changes."""
        path = normalized(target)
        if self._kinds.get(hash(path)) not in (FILE, HARD_LINK):
            raise RefusedError(
                f"is a hard link to {shown(target)}, which is not a file before it in the archive"
            )
        self._kinds[hash(path)] = HARD_LINK

    def _link(self, path: str, target: str) -> None:
        self._symlink_bytes += len(path) + len(target)
        if self._symlink_bytes > MAX_LINK_BYTES:
            raise RefusedError("is one link too many")
        self._symlinks[path] = target

    def check_symlinks(self) -> None:
        """Follow every symbolic link, through other links too.

        Raises:
            RefusedError: one leads out of the archive.
        """
        for path, target in self._symlinks.items():
            with about(path):
                self._follow(path, target)

    def _follow(self, path: str, target: str) -> None:
        at = path.split("/")[:-1]
        todo = collections.deque(target.split("/"))
        hops = 0
        while todo:
            part = todo.popleft()
            if part == ".." and not at:
                raise leaves_archive(target)
            if part == "..":
                at.pop()
            elif part not in ("", "."):
                at.append(part)
                through = self._symlinks.get("/".join(at))
                if through is not None:
                    hops += 1
                    at.pop()
                    todo.extendleft(reversed(through.split("/")))
            if hops > MAX_LINK_HOPS:
                raise RefusedError(f"links to {shown(target)} in a circle")


def leaves_archive(target: str) -> RefusedError:
    """The error for a link to outside."""
    return RefusedError(
        f"links to {shown(target)}, outside of the archive; only relative links inside are allowed"
    )


def check_target(path: str, target: str) -> None:
    """Refuse a symbolic link whose text alone says that it leaves the archive."""
    depth = path.count("/")
    for part in target.split("/"):
        depth += {"..": -1, "": 0, ".": 0}.get(part, 1)
        if depth < 0 or target.startswith("/"):
            raise leaves_archive(target)
    if not target or "\0" in target or len(target) > MAX_PATH_BYTES:
        raise RefusedError(f"links to {shown(target)}, which is not a proper target")


class Warnings:
    """Logs what was accepted but is odd; many of a kind are summed up at the end."""

    SHOWN = 10

    def __init__(self) -> None:
        """Start without any."""
        self._counts: dict[str, int] = collections.Counter()

    def add(self, what: str, name: str) -> None:
        """Warn about a member."""
        self._counts[what] += 1
        if self._counts[what] <= self.SHOWN:
            logger.warning("warning: member %s %s", shown(name), what)

    def close(self) -> None:
        """Say how many were not shown."""
        for what, count in self._counts.items():
            if count > self.SHOWN:
                logger.warning("warning: %d more: %s", count - self.SHOWN, what)


class ModelRules:
    """Decides, member by member, what becomes of the model archive."""

    def __init__(self, inventory: Inventory, single_folder: str) -> None:
        """Start with the paths that are taken, and what to do about a single folder."""
        self._inventory = inventory
        self._single_folder = single_folder
        self._flatten = single_folder == "flatten"
        self._top: str | None = None
        self._in_one_folder = True
        self._warnings = Warnings()
        self._is_empty = True
        self.member_count = 0
        """Members kept."""
        self.replaced_count = 0
        """Members of the model's own ``code/``."""

    def visit(self, member: Member) -> Edit | None:
        """What to change about a member; None to keep it as it is."""
        with about(member.path or "."):
            return self._visit(member)

    def _visit(self, member: Member) -> Edit | None:
        if member.kind == SYMLINK:
            check_target(member.path, member.target)
        path = self._placed(member)
        if path is None or in_code(path):
            self.replaced_count += path is not None
            return Edit(member.start, member.end)
        self._admit(member, path)
        self.member_count += 1
        headers = member.headers
        if path != member.path:
            headers = renamed(member, path, self._placed_target(member))
        if member.mode & (stat.S_ISUID | stat.S_ISGID):
            self._warnings.add("has its setuid or setgid bit dropped", path)
            headers = [*headers[:-1], without_set_id_bits(headers[-1])]
        if headers is member.headers:
            return None
        replacement = b"".join(header.padded() for header in headers)
        return Edit(member.start, member.data_start, replacement)

    def _placed(self, member: Member) -> str | None:
        """The member's path in the output; None for the single folder that is taken away."""
        if not member.path:
            if member.kind != FOLDER:
                raise RefusedError(f"is a {member.kind} without a name")
            return ""
        top, slash, rest = member.path.partition("/")
        inside = bool(slash) or member.kind == FOLDER
        if self._top is None:
            self._top = top
            self._flatten = self._flatten and inside and top != CODE_FOLDER
        self._in_one_folder = self._in_one_folder and inside and top == self._top
        if not self._flatten:
            return member.path
        if not self._in_one_folder:
            raise RefusedError(
                f"is not inside of {shown(self._top)}: flattening needs a single folder"
            )
        return rest or None

    def _placed_target(self, member: Member) -> str:
        """What a link points to in the output: hard links name their file from the root."""
        if self._flatten and member.kind == HARD_LINK:
            return normalized(member.target).partition("/")[2]
        return member.target

    def _admit(self, member: Member, path: str) -> None:
        """Check a member that stays against those before it."""
        if not path:
            return
        self._is_empty = False
        target = self._placed_target(member)
        if member.kind == HARD_LINK and in_code(normalized(target)):
            raise RefusedError(
                f"is a hard link to {shown(target)}, in the {CODE_FOLDER}/ that is replaced"
            )
        if self._inventory.add(path, member.kind, target):
            self._warnings.add("is there more than once (the last one counts)", path)

    def finish(self) -> None:
        """All members were seen.

        Raises:
            RefusedError: the archive as a whole is not a model.
        """
        self._warnings.close()
        self._inventory.check_symlinks()
        if self._is_empty:
            raise RefusedError(f"holds no model: nothing is in it outside of {CODE_FOLDER}/")
        if self._in_one_folder and self._single_folder == "refuse":
            top = shown(self._top or "")
            raise RefusedError(
                f"has everything inside of one folder, {top}, but the model's files belong at its "
                f"root: make it with `tar -czf model.tar.gz -C {top} .`, or pass --single-folder "
                "flatten (or keep)"
            )


def in_code(path: str) -> bool:
    """Whether a path is ``code`` or inside of it."""
    return path == CODE_FOLDER or path.startswith(CODE_FOLDER + "/")


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


# --- Code: what is put into code/ ---------------------------------------------------------------

MAX_CODE_BYTES = GIB
CODE_TIME = 315_532_800
"""1980-01-01: fixed, so that the same code gives the same bytes; zip files know nothing earlier."""


class CodeMember(NamedTuple):
    """A file or symbolic link of the inference code."""

    path: str
    """Inside of ``code/``."""
    size: int
    executable: bool
    read: Callable[[], Iterator[bytes]] = lambda: iter(())
    target: str = ""
    """Of a symbolic link."""


def read_range(file: IO[bytes], start: int, size: int) -> Iterator[bytes]:
    """Part of a file, in pieces."""
    file.seek(start)
    while size:
        piece = file.read(min(size, READ_BYTES))
        if not piece:
            raise RefusedError("a code file became shorter while it was read")
        size -= len(piece)
        yield piece


def read_file(path: str, size: int) -> Iterator[bytes]:
    """A whole file, in pieces."""
    with Path(path).open("rb") as file:
        yield from read_range(file, 0, size)


def code_of_folder(folder: Path) -> Iterator[CodeMember]:
    """The files and links below a folder, but no ``__pycache__``."""
    todo = [folder]
    while todo:
        for entry in list(os.scandir(todo.pop())):
            path = Path(entry.path).relative_to(folder).as_posix()
            info = entry.stat(follow_symlinks=False)
            if entry.is_symlink():
                yield CodeMember(path, 0, executable=False, target=os.readlink(entry.path))  # noqa: PTH115 Path.readlink is 3.9
            elif entry.is_dir():
                todo += [Path(entry.path)] if entry.name != "__pycache__" else []
            elif entry.is_file():
                executable = bool(info.st_mode & stat.S_IXUSR)
                read = functools.partial(read_file, entry.path, info.st_size)
                yield CodeMember(path, info.st_size, executable, read)
            else:
                raise RefusedError(f"member {shown(path)} is not a file, folder or link")


class CodeArchive:
    """The members of a code archive, whose unpacked bytes are in a seekable file."""

    def __init__(self, unpacked: IO[bytes], max_members: int) -> None:
        """Start without members."""
        self._unpacked = unpacked
        self._inventory = Inventory(max_members)
        self._warnings = Warnings()
        self.members: dict[str, CodeMember] = {}

    def visit(self, member: Member) -> None:
        """Note a member, after the same checks as for a model's."""
        with about(member.path or "."):
            if member.kind == SYMLINK:
                check_target(member.path, member.target)
            if not member.path:
                return
            if self._inventory.add(member.path, member.kind, member.target):
                self._warnings.add("is there more than once (the last one counts)", member.path)
        if member.kind != FOLDER and "__pycache__" not in member.path.split("/"):
            self.members[member.path] = self._code_member(member)

    def _code_member(self, member: Member) -> CodeMember:
        if member.kind == HARD_LINK:
            return self.members[normalized(member.target)]._replace(path=member.path)
        executable = bool(member.mode & stat.S_IXUSR)
        read = functools.partial(read_range, self._unpacked, member.data_start, member.size)
        target = member.target if member.kind == SYMLINK else ""
        return CodeMember(member.path, member.size, executable, read, target)


def code_of_archive(archive: Path, unpacked: IO[bytes], limits: Limits) -> Iterator[CodeMember]:
    """The files and links of a code archive."""
    code = CodeArchive(unpacked, limits.members)
    scanner = TarScanner(code.visit)
    with archive.open("rb") as file:
        source = ByteSource(read_chunks(file))
        limits = limits._replace(unpacked_bytes=min(limits.unpacked_bytes, MAX_CODE_BYTES))
        for segment in limited(read_archive(source, inflate_with_zlib), limits):
            unpacked.write(segment.data)
            scanner.feed(segment.data)
    scanner.finish()
    return iter(code.members.values())


def read_code(path: Path, limits: Limits, unpacked: IO[bytes]) -> list[CodeMember]:
    """The inference code, sorted by path.

    Args:
        path: A folder of code, a tar archive, or a folder that holds one ``.tar.gz`` and nothing
            else.
        limits: How much an archive may hold.
        unpacked: Where to keep an archive's unpacked bytes meanwhile.
    """
    archive = path
    if path.is_dir():
        entries = list(path.iterdir())
        lone = len(entries) == 1 and entries[0].name.endswith(ARCHIVE_SUFFIXES)
        archive = entries[0] if lone else path
    with naming(archive):
        if archive.is_dir():
            members = code_of_folder(archive)
        else:
            members = code_of_archive(archive, unpacked, limits)
        code = sorted(members, key=lambda member: raw(member.path).split(b"/"))
        if not code:
            raise RefusedError("holds no code")
    return code


def admit_code(code: Sequence[CodeMember], inventory: Inventory) -> None:
    """Add the code to the inventory of the output, after checking its links."""
    for member in code:
        path = f"{CODE_FOLDER}/{member.path}"
        with about(member.path):
            if member.target:
                check_target(path, member.target)
            inventory.add(path, SYMLINK if member.target else FILE, member.target)
    inventory.check_symlinks()


def code_folders(code: Sequence[CodeMember]) -> list[str]:
    """Every folder the code is in, from ``code`` down."""
    folders = {""}
    for member in code:
        parent = member.path.rpartition("/")[0]
        while parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(folders)


def code_tar(code: Sequence[CodeMember]) -> Iterator[bytes]:
    """The code as tar members: fixed order, owner, modes and time."""
    for folder in code_folders(code):
        yield code_header(folder + "/" if folder else "", b"5", 0o755)
    for member in code:
        if member.target:
            yield code_header(member.path, b"2", 0o777, target=member.target)
            continue
        mode = 0o755 if member.executable else 0o644
        yield code_header(member.path, b"0", mode, size=member.size)
        yield from member.read()
        yield bytes(-member.size % BLOCK)


def code_header(path: str, kind: bytes, mode: int, *, size: int = 0, target: str = "") -> bytes:
    """The headers of one member of the code."""
    name, link = raw(f"{CODE_FOLDER}/{path}"), raw(target)
    block = header_block(name, kind, mode, size=size, target=link, mtime=CODE_TIME)
    return b"".join(header.padded() for header in [*long_names(name, link), Header(block)])


# --- Writing: deflate blocks, copied or new -----------------------------------------------------

GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""No name and no time, so that the same input gives the same bytes."""
FIXED_EMPTY = (0b010, 10)
"""An empty block with the fixed code: value and number of bits, the lowest first."""
STORED_HEADER, STORED_EMPTY = (0b000, 3), b"\x00\x00\xff\xff"
"""An empty stored block: three bits, and what follows from the next whole byte on."""
LAST_FIXED_EMPTY = (0b011, 10)


def _odd_empty() -> tuple[int, int]:
    """An empty block with an odd number of bits (99), in a dynamic code as every encoder makes it.

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
    """The data as whole deflate blocks."""
    compressor = zlib.compressobj(
        COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy
    )
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


class GzipSink:
    """Writes one gzip member out of blocks that are copied and data that is compressed."""

    def __init__(
        self, write: Callable[[Output | Future[bytes]], None], executor: ThreadPoolExecutor
    ) -> None:
        """Write the header.

        Args:
            write: Takes the output in order, as bytes or as something that will become bytes.
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
        while len(self._to_compress) >= SEGMENT_BYTES:
            self._compress(SEGMENT_BYTES)

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
        self.copied_bytes += len(blocks.compressed)

    def finish(self) -> None:
        """Write the end of the stream."""
        if self._to_compress:
            self._compress(len(self._to_compress))
        if not self._ended:
            self._write(self._bits_out(*LAST_FIXED_EMPTY) + self._whole_byte())
        self._write(struct.pack("<II", self._crc, self.unpacked_bytes & 0xFFFFFFFF))

    def _count(self, data: bytes) -> None:
        self._crc = zlib.crc32(data, self._crc)
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
        whole, rest = divmod(blocks.end_bit, 8)
        compressed, skipped = blocks.compressed, blocks.first_bit
        # No block is shorter than ten bits, so there is at least one whole byte.
        self._write(self._bits_out(compressed[0] >> skipped, 8 - skipped))
        self._write(memoryview(compressed)[1:whole])
        if rest:
            self._bits_out(compressed[whole] & ((1 << rest) - 1), rest)


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


class NewFile:
    """A file that appears under its name only when it is complete.

    Written by a thread, and hashed on the way. Nothing is left of it when its ``with`` ends with an
    error.
    """

    DEPTH = 12
    """How many pieces may wait to be written."""

    def __init__(self, path: Path) -> None:
        """Prepare; the file is made with the first write."""
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._file: IO[bytes] | None = None
        self._writer, self._syncer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._pending: collections.deque[Future[None]] = collections.deque()
        self._digest = hashlib.sha256()
        self._sync: Future[None] | None = None
        self._unsynced_bytes = 0
        self.size_bytes = 0

    def __enter__(self) -> NewFile:
        """The file itself is made with the first write: from here on it is cleaned up."""
        return self

    def __exit__(self, error: object, *_: object) -> None:
        """After an error, leave neither the file nor a part of it."""
        self._writer.shutdown()
        self._syncer.shutdown()
        if self._file is not None:
            self._file.close()
        for path in (self._partial, self._path) if error else ():
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def write(self, data: Output | Future[bytes]) -> None:
        """Append data, soon."""
        self._pending.append(self._writer.submit(self._write, data))
        if len(self._pending) > self.DEPTH:
            self._pending.popleft().result()

    def write_all(self, source: Path) -> None:
        """Append all of another file."""
        with naming(source), source.open("rb") as file:
            for chunk in read_chunks(file):
                self.write(chunk)

    def complete(self) -> str:
        """Wait until all is on the disk. Returns the SHA-256 of it."""
        while self._pending:
            self._pending.popleft().result()
        self._writer.submit(self._start_sync).result()
        self._wait_for_sync()
        return self._digest.hexdigest()

    def commit(self) -> None:
        """Give the file its name."""
        self._partial.replace(self._path)

    def _write(self, item: Output | Future[bytes]) -> None:
        data = memoryview(item.result() if isinstance(item, Future) else item)
        self._digest.update(data)
        self.size_bytes += len(data)
        self._unsynced_bytes += len(data)
        with self._writing():
            if self._file is None:
                self._file = self._partial.open("wb", buffering=0)
            while data:
                data = data[self._file.write(data) :]
        if self._unsynced_bytes >= SYNC_BYTES and (self._sync is None or self._sync.done()):
            self._start_sync()

    def _start_sync(self) -> None:
        self._wait_for_sync()
        if self._file is not None:
            self._sync = self._syncer.submit(os.fsync, self._file.fileno())
            self._unsynced_bytes = 0

    def _wait_for_sync(self) -> None:
        """A failed write may show only here, and only once."""
        if self._sync is not None:
            with self._writing():
                self._sync.result()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from None


# --- The job ------------------------------------------------------------------------------------


def limited(segments: Iterator[Segment], limits: Limits) -> Iterator[Segment]:
    """The same segments, up to the limits of size and compression ratio."""
    unpacked = 0
    for segment in segments:
        unpacked += len(segment.data)
        if unpacked > limits.unpacked_bytes:
            raise RefusedError(
                f"unpacks to more than {limits.unpacked_bytes:,} bytes (the limit of "
                f"--max-unpacked-bytes, and {MAX_CODE_BYTES:,} for code)"
            )
        if unpacked > max(RATIO_FREE_BYTES, limits.ratio * segment.position):
            raise RefusedError(
                f"unpacks to more than {limits.ratio} times its size (--max-ratio), as "
                "decompression bombs do"
            )
        yield segment


class Progress:
    """Logs how far the input is read, with rate and time left, every few seconds."""

    def __init__(self, total_bytes: int, every_seconds: float = PROGRESS_SECONDS) -> None:
        """Start the clock."""
        self._total = total_bytes
        self._every = every_seconds
        self._start = self._last = time.monotonic()

    def update(self, done_bytes: int) -> None:
        """Log a line if the last one is long enough ago."""
        now = time.monotonic()
        if now - self._last < self._every:
            return
        self._last = now
        rate = max(done_bytes / (now - self._start), 1.0)
        logger.info(
            "%.1f of %.1f MB read (%d %%), %.0f MB/s, %.0f s left",
            done_bytes / 1e6,
            self._total / 1e6,
            100 * done_bytes / max(self._total, 1),
            rate / 1e6,
            (self._total - done_bytes) / rate,
        )


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let the errors inside begin with an input's path."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(f"{path}: {error}") from None
    except OSError as error:
        raise RefusedError(f"{path}: cannot be read: {error.strerror}") from None


def find_model(path: Path) -> Path:
    """The model archive: the path itself, or the one archive in that folder."""
    if not path.is_dir():
        return path
    names = sorted(entry.name for entry in path.iterdir())
    archives = [name for name in names if name.endswith(ARCHIVE_SUFFIXES)]
    if len(archives) != 1:
        raise RefusedError(
            f"{path}: a folder has to hold exactly one archive ({', '.join(ARCHIVE_SUFFIXES)}), "
            f"this one holds {shown(', '.join(names))}"
        )
    return path / archives[0]


def find_file(path: Path) -> Path:
    """A file to copy: the path itself, or the only file in that folder."""
    if not path.is_dir():
        return path
    files = sorted(path.iterdir())
    if len(files) != 1 or files[0].is_dir():
        raise RefusedError(f"{path}: a folder to copy from has to hold just one file")
    return files[0]


def check_paths(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Refuse absent inputs, and outputs that would change one or overwrite each other."""
    for path in inputs:
        if not path.exists():
            raise RefusedError(f"{path}: no such file or folder")
    taken = {path.resolve() for path in inputs}
    folders = {path for path in taken if path.is_dir()}
    for path in outputs:
        resolved = path.resolve()
        if resolved.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder, give the path of a file")
        if resolved in taken:
            raise OutputError(f"cannot write {path}: it is also another file of this job")
        if folders.intersection(resolved.parents):
            raise OutputError(f"cannot write {path}: it is inside of an input")
        taken.add(resolved)


def check_disk(output: Path, needed_bytes: int) -> None:
    """Refuse to start what cannot end."""
    free = shutil.disk_usage(output.parent).free
    if free < needed_bytes:
        raise OutputError(
            f"cannot write {output}: the disk has {free:,} bytes left, {needed_bytes:,} are needed"
        )


def check_entry_point(job: Job, code: Sequence[CodeMember]) -> None:
    """Refuse code without the entry point that the model server will look for."""
    paths = [member.path for member in code]
    if job.entry_point is None or job.entry_point in paths:
        return
    raise RefusedError(
        f"{job.code}: has no entry point {shown(job.entry_point)} at its root; "
        f"it holds {shown(', '.join(paths[:20]))}"
    )


def choose_inflate(job: Job) -> Inflate:
    """The fast way if there is a libz; says in the log which one it is."""
    libz = None if job.recompress else load_libz()
    if libz is None:
        why = "as asked" if job.recompress else "no libz found"
        logger.info("method: compressing everything anew (%s)", why)
        return inflate_with_zlib
    logger.info("method: copying compressed blocks (libz %s)", libz.zlibVersion().decode())
    return inflate_with_libz(libz)


def write_code(code: Sequence[CodeMember], sink: GzipSink) -> str:
    """Write the code's members. Returns their SHA-256."""
    digest = hashlib.sha256()
    for piece in code_tar(code):
        digest.update(piece)
        sink.compress(piece)
    return digest.hexdigest()


def copy_model(
    model: Path, job: Job, sink: GzipSink, inventory: Inventory
) -> tuple[str, ModelRules]:
    """Write the model's members. Returns the SHA-256 of the whole archive and what was decided."""
    rules = ModelRules(inventory, job.single_folder)
    scanner = TarScanner(rules.visit)
    splicer = Splicer(scanner, sink)
    inflate = choose_inflate(job)
    digest = hashlib.sha256()
    progress = Progress(model.stat().st_size, job.progress_seconds)
    with naming(model), model.open("rb", buffering=0) as file:
        # Reading and hashing, inflating, and everything else: one thread each.
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as inflater:
            source = ByteSource(prefetch(hashed(read_chunks(file), digest), reader, 4))
            segments = prefetch(read_archive(source, inflate), inflater, 3)
            for segment in limited(segments, job.limits):
                splicer.add(segment)
                progress.update(segment.position)
        scanner.finish()
        rules.finish()
    return digest.hexdigest(), rules


def write_archive(job: Job, model: Path, output: NewFile) -> dict[str, Any]:
    """Write all of the packaged archive. Returns its manifest."""
    with contextlib.ExitStack() as stack:
        compressors = stack.enter_context(ThreadPoolExecutor(min(os.cpu_count() or 1, 4)))
        unpacked_code = stack.enter_context(
            tempfile.SpooledTemporaryFile(16 * MIB, dir=str(job.output.parent))
        )
        code = read_code(job.code, job.limits, unpacked_code)
        check_entry_point(job, code)
        check_disk(job.output, model.stat().st_size + sum(member.size for member in code))
        inventory = Inventory(job.limits.members)
        with naming(job.code):
            admit_code(code, inventory)
        sink = GzipSink(output.write, compressors)
        code_sha256 = write_code(code, sink)
        source_sha256, rules = copy_model(model, job, sink, inventory)
        sink.finish()
        sha256 = output.complete()
    logger.info(
        "left out %d old members of %s/; %.0f %% of the output was copied as it is",
        rules.replaced_count,
        CODE_FOLDER,
        100 * sink.copied_bytes / output.size_bytes,
    )
    return {
        "sha256": sha256,
        "size_bytes": output.size_bytes,
        "unpacked_size_bytes": sink.unpacked_bytes,
        "member_count": len(code_folders(code)) + len(code) + rules.member_count,
        "code_sha256": code_sha256,
        "source_sha256": source_sha256,
        "source_size_bytes": model.stat().st_size,
    }


def package(job: Job) -> None:
    """Make the packaged archive, its manifest and the copies, all or nothing.

    Raises:
        JobError: there is no output then, not even one of an earlier run.
    """
    started = time.monotonic()
    model = find_model(job.model)
    to_copy = {destination: find_file(source) for source, destination in job.copies}
    outputs = [job.output, *job.manifests, *to_copy]
    check_paths([model, job.code, *to_copy.values()], outputs)
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(NewFile(path)) for path in outputs]
        output = files[0]
        manifest_files = files[1 : 1 + len(job.manifests)]
        copies = files[1 + len(job.manifests) :]
        manifest = write_archive(job, model, output)
        for manifest_file in manifest_files:
            manifest_file.write((json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode())
        for copy, source in zip(copies, to_copy.values()):  # noqa: B905 strict is 3.10
            copy.write_all(source)
        for file in files:
            file.complete()
        ignore_signals()
        for file in files:
            file.commit()
    logger.info(
        "wrote %s: %.1f MB, %d members, in %.1f s",
        job.output,
        output.size_bytes / 1e6,
        manifest["member_count"],
        time.monotonic() - started,
    )


# --- Command line -------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"error: {message} (see --help)\n")


def parse_arguments(arguments: Sequence[str] | None) -> Job:
    """The job that the command line describes."""
    parser = Parser(description="Put inference code into a model archive, as code/.")
    defaults = Limits()
    parser.add_argument("--model", type=Path, required=True, help="archive, or folder with one")
    parser.add_argument("--code", type=Path, required=True, help="folder, or archive of one")
    parser.add_argument("--output", type=Path, required=True, help="the archive to write")
    parser.add_argument(
        "--manifest", type=Path, help="a second copy of the manifest.json beside the output"
    )
    parser.add_argument("--entry-point", help="a file that the code has to have")
    parser.add_argument(
        "--copy",
        nargs=2,
        type=Path,
        action="append",
        default=[],
        metavar=("SOURCE", "DESTINATION"),
        help="publish a file (or the only file of a folder) with the archive; may be repeated",
    )
    parser.add_argument(
        "--single-folder",
        choices=("refuse", "flatten", "keep"),
        default="refuse",
        help="what to do with a model that is inside of one folder (default: %(default)s)",
    )
    parser.add_argument("--recompress", action="store_true", help="copy no compressed blocks")
    parser.add_argument("--max-unpacked-bytes", type=int, default=defaults.unpacked_bytes)
    parser.add_argument("--max-ratio", type=int, default=defaults.ratio)
    parser.add_argument("--max-members", type=int, default=defaults.members)
    parser.add_argument(
        "--progress-seconds",
        type=float,
        default=PROGRESS_SECONDS,
        help="how often to say how far the model is read (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    if not given.output.name:
        parser.error(f"--output {given.output}: give the path of a file")
    return Job(
        model=given.model,
        code=given.code,
        output=given.output,
        manifests=(
            given.output.with_name("manifest.json"),
            *([given.manifest] if given.manifest else []),
        ),
        entry_point=given.entry_point,
        copies=tuple((source, destination) for source, destination in given.copy),
        single_folder=given.single_folder,
        recompress=given.recompress,
        limits=Limits(given.max_unpacked_bytes, given.max_ratio, given.max_members),
        progress_seconds=given.progress_seconds,
    )


SIGNALS = (signal.SIGTERM, signal.SIGINT)


def ignore_signals() -> None:
    """Let no signal interrupt what has to be done as a whole."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


@contextlib.contextmanager
def stopping_cleanly() -> Iterator[None]:
    """Let SIGTERM and SIGINT end the job as an error does, so that it cleans up."""

    def stop(number: int, _frame: object) -> NoReturn:
        ignore_signals()
        raise StoppedError(f"stopped by {signal.Signals(number).name}")

    handlers = {each: signal.signal(each, stop) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def tune() -> None:
    """Settings for a process whose threads pass large buffers to each other."""
    # A thread in need of the interpreter waits this long for another that does not let go of it.
    sys.setswitchinterval(0.0005)
    # glibc keeps freed blocks for reuse up to the size of the largest block freed so far.
    bytearray(16 * MIB)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    job = parse_arguments(arguments)
    try:
        with stopping_cleanly():
            package(job)
    except (JobError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    tune()
    sys.exit(main())
