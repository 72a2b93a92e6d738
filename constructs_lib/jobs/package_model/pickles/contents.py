"""Looks through one file: whatever a loader could open in it, by content and not by name."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, NamedTuple

from ...common.limits import KIB, MIB, Limits
from ...common.tar_blocks import BLOCK
from ..errors import RefusedError, UnwritableError
from ..tar.fields import checksum_holds
from ..tar.members import FILE
from ..tar.scanner import TarScanner
from .compressed import (
    OUTPUT_BYTES,
    RAW_DEFLATE,
    READ_BYTES,
    Unpacker,
    compression_of,
    unreadable_format,
)
from .findings import PickleFinding, PickleReport, Place
from .layouts import NUMPY_MAGIC, holds_objects, numpy_data_start
from .opcodes import OPCODES
from .regions import HoleError, Region
from .zip_directory import (
    DEFLATED,
    END,
    LOCAL,
    STORED,
    TAIL_BYTES,
    DamagedZipError,
    ZipDirectory,
    ZipMember,
    ends_as_zip,
)

# What follows pickles is imported by the functions that do: most models have only few, if any.
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ..tar.members import Member
    from .machine import Fuel

HEAD_BYTES = 4 * KIB
"""By which it is decided what a file is."""
MAX_DEPTH = 8
"""How many files may be inside of each other."""
MAX_OPCODES = 50_000_000
"""Of all pickles of an archive together: about a minute."""
SPOOL_BYTES = MIB
"""Smaller files are kept in memory while they are looked through."""
PICKLE_SUFFIXES = (
    *(".bin", ".ckpt", ".cloudpickle", ".data", ".dat", ".dill", ".joblib", ".mar", ".model"),
    *(".npy", ".npz", ".p", ".pck", ".pckl", ".pcl", ".pickle", ".pkl", ".pt", ".pt2", ".ptl"),
    *(".pth", ".sav", ".t7", ".th", ".torch", ".ts"),
)
"""Files that are usually opened by a reader of pickles."""
CHECKSUM = re.compile(rb" *[0-7]+[ \0]*")
"""As readers take it; a quick look before anything is added up."""
UNKNOWN_SIZE = 2**62


class Content(NamedTuple):
    """A file to look through."""

    region: Region
    place: Place
    depth: int = 0
    expected: bool = False
    """Whether a reader of pickles would usually open it."""
    torchscript: bool = False
    """Whether it is inside of a TorchScript archive."""

    def inside(self, region: Region, name: str, *, torchscript: bool = False) -> Content:
        """Something inside of it."""
        return Content(
            region, self.place.inside(name), self.depth + 1, is_expected(name), torchscript
        )


def is_expected(name: str) -> bool:
    """Whether a file of this name is usually opened by a reader of pickles."""
    return any(suffix in PICKLE_SUFFIXES for suffix in PurePosixPath(name.lower()).suffixes)


def is_tar(head: bytes) -> bool:
    """Whether a file begins with the header of a tar member."""
    has_checksum = CHECKSUM.fullmatch(head, 148, 156) is not None
    return has_checksum and len(head) >= BLOCK and checksum_holds(head[:BLOCK])


def is_zip(head: bytes) -> bool:
    """Whether a file begins as zip files do."""
    return head.startswith((LOCAL, END))


def may_be_pickle(head: bytes, size: int) -> bool:
    """Whether a reader of pickles would do anything with a file, by its first bytes.

    Args:
        head: Its beginning.
        size: How many bytes it has in all.
    """
    if not head or head[0] not in OPCODES:
        return False
    from .streams import begins_as_pickle

    return begins_as_pickle(head, size)


def holds_more(head: bytes, size: int) -> bool:
    """Whether a file has to be looked through, by its first bytes."""
    return (
        is_zip(head)
        or is_tar(head)
        or head.startswith(NUMPY_MAGIC)
        or unreadable_format(head) is not None
        or compression_of(head) is not None
        or may_be_pickle(head, size)
    )


class ContentScanner:
    """Looks through the files of an archive, one after the other."""

    def __init__(
        self,
        report: PickleReport,
        *,
        own_names: Collection[str] = (),
        folder: Path | None = None,
        limits: Limits = Limits(),  # noqa: B008
        opcodes: int = MAX_OPCODES,
    ) -> None:
        """Start with nothing read.

        Args:
            report: Gets what is found.
            own_names: ``module.name`` of classes and functions that are allowed beside the usual.
            folder: Where temporary files go, of at most the size of what is looked through.
            limits: How much may be unpacked.
            opcodes: How many opcodes are followed in all.
        """
        self.report = report
        self._own_names = frozenset(own_names)
        self._folder = folder
        self._limits = limits
        self._opcodes = opcodes
        self._fuel: Fuel | None = None
        self._packed_bytes = 0
        self._unpacked_bytes = 0

    def scan(self, region: Region, path: str) -> None:
        """Look through a file of the model."""
        self._packed_bytes += region.size
        content = Content(region, Place((path,)), expected=is_expected(path))
        try:
            self._look(content)
        except HoleError:
            what = "is a zip file with something where its headers say that there are weights"
            self.note("zip-hidden-bytes", what, content.place)

    def scan_small(self, data: bytes, path: str) -> None:
        """Look through a file of which all is at hand; most hold nothing to look through."""
        size = len(data)
        if ends_as_zip(data[-TAIL_BYTES:], size) or holds_more(data[:HEAD_BYTES], size):
            self.scan(Region(io.BytesIO(data), 0, size), path)
        else:
            self._packed_bytes += size

    def open_spool(self, size: int) -> IO[bytes]:
        """Return a temporary file, in memory while it is small.

        Raises:
            UnwritableError: the disk has no room for so much.
        """
        folder = self._folder or Path(tempfile.gettempdir())
        if size > SPOOL_BYTES:
            free = shutil.disk_usage(folder).free
            if free < size:
                raise UnwritableError(
                    f"cannot look through the model's files: {folder} has {free:,} bytes left, "
                    f"{size:,} are needed"
                )
        return tempfile.SpooledTemporaryFile(SPOOL_BYTES, dir=str(folder))

    def note(self, code: str, message: str, place: Place, position: int = 0) -> None:
        """Report something."""
        self.report.add(PickleFinding(code, message, place, position))

    def _look(self, content: Content) -> bool:
        """Look through a file. Returns whether it holds a pickle itself."""
        region = content.region
        head = region.read(0, HEAD_BYTES)
        has_end = ends_as_zip(
            region.read(max(0, region.size - TAIL_BYTES), TAIL_BYTES), region.size
        )
        if not has_end and not holds_more(head, region.size):
            return False
        if content.depth > MAX_DEPTH:
            what = f"is inside of more than {MAX_DEPTH} other files"
            self.note("content-too-deep", what, content.place)
            return False
        if is_zip(head) or has_end:
            self._look_into_zip(content)
        if is_tar(head):
            self._look_into_tar(content)
        self._look_into_compressed(content, head)
        try:
            return self._read_pickles(content, head)
        except HoleError:
            if is_zip(head):
                return False  # weights, read as if the whole were a pickle
            raise

    def _read_pickles(self, content: Content, head: bytes) -> bool:
        from .globals import NameRules
        from .machine import Fuel
        from .streams import PickleScan

        if self._fuel is None:
            self._fuel = Fuel(self._opcodes)
        rules = NameRules(self._own_names, content.torchscript)
        scan = PickleScan(content.region, content.place, rules, self.report, self._fuel)
        scan.run(expected=content.expected)
        start = numpy_data_start(head)
        if start is not None:
            scan.run(start, expected=holds_objects(head[:start]))
        for blob in scan.loaded:
            part = content.region.part(blob.at, blob.size)
            inner = content.inside(part, f"bytes {blob.at:,} and following")
            self._look(inner._replace(expected=True))
        return scan.found

    # --- Containers -----------------------------------------------------------------------------

    def _look_into_compressed(self, content: Content, head: bytes) -> None:
        unreadable = unreadable_format(head)
        if unreadable:
            what = f"is compressed with {unreadable}, which cannot be looked into"
            self.note("content-unreadable", what, content.place)
        compression = compression_of(head)
        if compression is not None:
            self._look_into_pieces(
                content.inside(content.region, f"{compression.name} data")._replace(
                    expected=content.expected
                ),
                Unpacker(content.region, compression).pieces(),
            )

    def _look_into_pieces(
        self, content: Content, pieces: Iterator[bytes], size: int = UNKNOWN_SIZE
    ) -> bool:
        """Look through what is unpacked. Returns whether it holds a pickle itself."""
        head = b""
        for piece in pieces:
            head += piece
            if len(head) >= HEAD_BYTES:
                break
        else:
            size = len(head)
        if not holds_more(head[:HEAD_BYTES], size):
            return False
        with self.open_spool(0) as spool:
            if not self._fill(spool, head, pieces, content):
                return False
            return self._look(content._replace(region=Region(spool, 0, spool.tell())))

    def _fill(
        self, spool: IO[bytes], head: bytes, pieces: Iterator[bytes], content: Content
    ) -> bool:
        """Keep what is unpacked. Returns whether it is within the limits."""
        most = min(self._limits.bytes_by_ratio(self._packed_bytes), self._limits.unpacked_bytes)
        spool.write(head)
        self._unpacked_bytes += len(head)
        for piece in pieces:
            self._unpacked_bytes += len(piece)
            if self._unpacked_bytes > most:
                what = f"unpacks to more than {most:,} bytes with what is inside of other files"
                self.note("content-too-large", what, content.place)
                return False
            spool.write(piece)
        return True

    def _look_into_tar(self, content: Content) -> None:
        def visit(member: Member) -> None:
            if member.kind == FILE:
                part = content.region.part(member.data_start, member.size)
                self._look(content.inside(part, member.path))

        scanner = TarScanner(visit)
        try:
            for at in range(0, content.region.size, OUTPUT_BYTES):
                scanner.feed(content.region.read(at, OUTPUT_BYTES))
            scanner.finish()
        except RefusedError as error:
            self.note("tar-damaged", f"is a tar file that {error}", content.place)

    def _look_into_zip(self, content: Content) -> None:
        directory = ZipDirectory(content.region)
        try:
            directory.read()
        except DamagedZipError as error:
            self.note("zip-damaged", f"is a zip file, and {error}", content.place)
        torchscript = is_torchscript(directory.members)
        for member in directory.members:
            try:
                start = directory.content_start(member)
            except DamagedZipError as error:
                what = f"{member.shown!r} cannot be read: {error}"
                self.note("zip-damaged", what, content.place, member.start)
                continue
            packed = content.region.part(start, member.packed_bytes)
            inner = content.inside(packed, member.shown, torchscript=torchscript)
            self._look_into_member(inner, member)
        directory.check_layout()
        for oddity in directory.oddities:
            self.note(oddity.code, oddity.message, content.place, oddity.position)

    def _look_into_member(self, content: Content, member: ZipMember) -> None:
        if member.method == STORED:
            if self._look(content) and stored_crc(content.region) != member.crc:
                self._note_crc(content)
        elif member.method == DEFLATED:
            crc = CountingCrc(Unpacker(content.region, RAW_DEFLATE).pieces())
            if self._look_into_pieces(content, iter(crc), member.size) and crc.value != member.crc:
                self._note_crc(content)
        else:
            what = f"is compressed by method {member.method} of zip files, which cannot be read"
            self.note("content-unreadable", what, content.place)

    def _note_crc(self, content: Content) -> None:
        what = "does not match its CRC: some readers stop there, others read on"
        self.note("zip-crc-wrong", what, content.place)


class CountingCrc:
    """Computes the CRC of what passes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Start before the first piece."""
        self._pieces = pieces
        self.value = 0

    def __iter__(self) -> Iterator[bytes]:
        """Return the same pieces."""
        for piece in self._pieces:
            self.value = zlib.crc32(piece, self.value)
            yield piece


def stored_crc(region: Region) -> int:
    """Return the CRC of a region."""
    crc = 0
    for at in range(0, region.size, READ_BYTES):
        crc = zlib.crc32(region.read(at, READ_BYTES), crc)
    return crc


def is_torchscript(members: Collection[ZipMember]) -> bool:
    """Whether torch reads a zip file with its C++ reader (``_is_torchscript_zip``)."""
    first = next(iter(members), None)
    top = first.name.partition(b"/")[0] if first else b""
    return any(member.name == top + b"/constants.pkl" for member in members)
