"""Random access to what is looked through: parts of files, and parts of those."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ...common.limits import KIB

WINDOW_BYTES = 64 * KIB
MAX_LINE_BYTES = 64 * KIB
"""How much of a line is kept. No module has such a name."""


class BrokenPickleError(Exception):
    """A pickle that no reader can read on from here; what stands before was carried out."""


class CutLineError(BrokenPickleError):
    """A file that ends inside of a line."""

    def __init__(self, line: bytes) -> None:
        """Keep what there is of the line."""
        super().__init__("it ends inside of a line")
        self.line = line


class HoleError(Exception):
    """A place in a file of which nothing was kept."""


class SeekableFile(Protocol):
    """What a region is a part of."""

    def seek(self, position: int, /) -> int:
        """Go to a place."""

    def read(self, count: int, /) -> bytes:
        """So many bytes, fewer at the end."""


class Region(NamedTuple):
    """A part of a seekable file."""

    file: SeekableFile
    start: int
    size: int

    def read(self, at: int, count: int) -> bytes:
        """Up to so many bytes, fewer where the region ends, none outside of it."""
        count = min(count, self.size - at)
        if count <= 0 or at < 0:
            return b""
        self.file.seek(self.start + at)
        return self.file.read(count)

    def part(self, at: int, size: int) -> Region:
        """Return a region inside of this one."""
        at = min(max(at, 0), self.size)
        return Region(self.file, self.start + at, max(0, min(size, self.size - at)))


class ByteReader:
    """Reads a region from front to back; its errors are those of a pickle that ends too early."""

    def __init__(self, region: Region, at: int = 0) -> None:
        """Start at an offset of the region."""
        self.region = region
        self._window = b""
        self._window_start = at
        self._at = 0
        self.ran_out = False
        """Whether it ended before its declared size: it is only the beginning of a file."""

    @property
    def position(self) -> int:
        """Where the next byte stands in the region."""
        return self._window_start + self._at

    def byte(self) -> int:
        """Return the next byte."""
        at = self._at
        if at == len(self._window):
            self._move(self.position)
            at = 0
            if not self._window:
                raise self._ended("it ends without a STOP", 1)
        self._at = at + 1
        return self._window[at]

    def take(self, count: int) -> bytes:
        """Exactly so many bytes; for short arguments."""
        at = self._at
        end = at + count
        if end <= len(self._window):
            self._at = end
            return self._window[at:end]
        taken = self.region.read(self.position, count)
        if len(taken) < count:
            raise self._ended("it ends inside of an argument", count)
        self._move(self.position + count)
        return taken

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        if count > self.region.size - self.position:
            raise BrokenPickleError("it ends inside of an argument")
        if self._at + count <= len(self._window):
            self._at += count
        else:
            self._move(self.position + count)

    def line(self) -> bytes:
        """Return the rest of the line, without its end; of a long one only the beginning."""
        kept = b""
        while True:
            end = self._window.find(b"\n", self._at)
            piece = self._window[self._at : end if end >= 0 else None]
            kept = (kept + piece)[:MAX_LINE_BYTES] if len(kept) < MAX_LINE_BYTES else kept
            if end >= 0:
                self._at = end + 1
                return kept
            self._move(self._window_start + len(self._window))
            if not self._window:
                self._ended("", 1)
                raise CutLineError(kept)

    def _ended(self, reason: str, needed: int) -> BrokenPickleError:
        self.ran_out = self.position + needed <= self.region.size
        return BrokenPickleError(reason)

    def move(self, position: int) -> None:
        """Go on from somewhere else."""
        self._move(position)

    def _move(self, position: int) -> None:
        self._window = self._read_before_hole(position)
        self._window_start = position
        self._at = 0

    def _read_before_hole(self, position: int) -> bytes:
        count = WINDOW_BYTES
        while True:
            try:
                return self.region.read(position, count)
            except HoleError:
                if count == 1:
                    raise
                count //= 2
