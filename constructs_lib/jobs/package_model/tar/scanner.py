"""Finds the members of a tar archive that arrives in pieces."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from ...common.limits import MIB
from ...common.tar_blocks import BLOCK, SIZE, ZEROS, Header
from ..errors import RefusedError, shown
from .fields import checksum_holds, read_number
from .members import EXTENSIONS, Member, parse_member
from .pax import pax_records, refuse_names

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence


MAX_EXTENSION_BYTES = MIB


class Edit(NamedTuple):
    """A change: what stands from ``start`` to ``end`` of the unpacked archive is replaced."""

    start: int
    end: int
    replacement: bytes = b""


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
        """Take it that the archive has ended.

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
            yield from feed.skip(member.size)
            yield from self._padding(member.size)
        self.complete = True
        self.decided = float("inf")
        yield from feed.zeros()

    def _headers(self) -> Generator[None, None, Sequence[Header]]:
        """Return the headers of the next member; none at the end of the archive."""
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
            headers.append((yield from self._extension(header, headers)))
            if sum(len(each.payload) for each in headers) > MAX_EXTENSION_BYTES:
                raise self._bad("too much in extended headers")

    def _extension(self, header: Header, before: Sequence[Header]) -> Generator[None, None, Header]:
        """Return an extended header with its payload; of two of a kind, readers differ."""
        if header.type in [each.type for each in before]:
            raise self._bad(f"two extended headers of type {header.type!r} for one member")
        is_first = self._feed.offset == BLOCK
        size = read_number(header.block[SIZE], "size")
        if not 0 < size <= MAX_EXTENSION_BYTES:
            raise self._bad(f"an extended header of {size:,} bytes")
        payload = yield from self._feed.read(size)
        yield from self._padding(size)
        if header.type == b"g":
            refuse_names(pax_records(payload))
            if not is_first:
                raise self._bad("a global PAX header that is not its first")
        return Header(header.block, payload)

    def _padding(self, size: int) -> Generator[None, None, None]:
        """Pass over the rest of the last block, which some readers look at: it has to be empty."""
        padding = yield from self._feed.read(-size % BLOCK)
        if padding.strip(b"\0"):
            raise self._bad("something in the padding of a block")

    def _bad(self, what: str) -> RefusedError:
        where = f"after member {shown(self._last)}" if self._last else "at its start"
        return RefusedError(f"has {what}, {where} (unpacked byte {self._feed.offset:,})")
