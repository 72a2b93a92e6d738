"""Takes in the files of an archive while it is read, and keeps what has to be looked through."""

from __future__ import annotations

import bisect
import collections
import re
from typing import IO, TYPE_CHECKING

from ..tar.members import FILE
from .contents import HEAD_BYTES, UNKNOWN_SIZE, ContentScanner, holds_more
from .findings import Place
from .regions import HoleError, Region
from .zip_directory import (
    CENTRAL,
    CENTRAL_HEADER,
    DEFLATED,
    DESCRIBED,
    DESCRIBED_BEHIND,
    DESCRIPTOR,
    DESCRIPTOR64,
    DESCRIPTOR_BYTES,
    END,
    END64,
    FULL,
    LOCAL,
    LOCAL_HEADER,
    MAX_MEMBERS,
    TAIL_BYTES,
    ends_as_zip,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..tar.members import Member
    from ..tar.scanner import Edit

FIND_HEADER = re.compile(LOCAL + b"|" + CENTRAL).search
"""A regular expression finds one faster than ``bytes.find``."""
SIGNATURE_BYTES = 4
MAX_OPEN = 100
"""How many members are looked for the end of at once; there is more than one only by chance."""
END_BYTES = TAIL_BYTES + max(DESCRIPTOR_BYTES)
"""How much of the end of what is left out is kept, where a zip file in it would have its end."""


class ZipSpool:
    """A zip file, of which the weights are left out: at their place is a hole.

    Writing a model to the disk once more would cost more than all of the looking. The header of a
    member and the first bytes of its content say whether it is of interest; of others beginning and
    end are kept, which is as much as is read of them. Whatever else is read from a hole is an
    error, so what stands there cannot be taken for something else.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Start before the first byte.

        Args:
            file: Where to keep it.
        """
        self._file = file
        self._holes = Holes()
        self._passed = Passed()
        self._buffer = b""
        self._at = 0
        """Up to where the buffer is decided about: written, or passed over."""
        self._start = 0
        """Where that stands in the zip file."""
        self._keep_until = 0
        """Up to where all is of interest."""
        self._open: list[int] = []
        """Where contents of interest begin that are described behind them, wherever that is."""
        self._headers_left = MAX_MEMBERS
        """How many headers may still be looked at; the rest of the file is kept then."""
        self._step: Callable[[], bool] = self._pass_over
        self._is_complete = False

    def write(self, data: bytes) -> None:
        """Take the next piece."""
        before = self._buffer[self._at :] or self._passed_before(data)
        self._buffer = before + data if before else data
        self._at = 0
        self._go_on()

    def finish(self) -> None:
        """All was written: keep the end."""
        self._is_complete = True
        self._go_on()
        self._keep_passed()
        self._put(len(self._buffer) - self._at)

    def _passed_before(self, data: bytes) -> bytes:
        """Take back the last bytes that were passed over, if a header begins in them."""
        overlap = self._passed.last(SIGNATURE_BYTES - 1)
        if FIND_HEADER(overlap + data[: SIGNATURE_BYTES - 1]) is None:
            return b""
        self._passed.forget_last(len(overlap))
        self._start -= len(overlap)
        return overlap

    def seek(self, position: int) -> int:
        """Go to a place."""
        return self._file.seek(position)

    def read(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            HoleError: some of them were left out.
        """
        start = self._file.tell()
        self._holes.check(start, start + count)
        return self._file.read(count)

    def close(self) -> None:
        """Give it up."""
        self._file.close()

    def _go_on(self) -> None:
        while self._step():
            pass

    def _put(self, count: int) -> None:
        """Write what comes next."""
        data = self._buffer[self._at : self._at + count]
        self._write_at(self._start, data)
        self._at += len(data)
        self._start += len(data)

    def _write_at(self, position: int, data: bytes) -> None:
        self._file.seek(position)
        self._file.write(data)
        self._holes.fill(position, position + len(data))

    def _keep_passed(self) -> None:
        """Write the end of what was passed over."""
        end = self._passed.take(END_BYTES)
        self._write_at(self._start - len(end), end)

    def _pass_over(self) -> bool:
        """Look for the next header, in what need not be kept."""
        found = FIND_HEADER(self._buffer, self._at)
        end = found.start() if found else len(self._buffer)
        self._passed.add(self._buffer[self._at : end])
        self._start += end - self._at
        self._at = end
        if found is None:
            return False
        self._keep_passed()
        is_member = found.group() == LOCAL
        self._step = self._look_at_header if is_member else self._look_at_directory
        return True

    def _look_at_directory(self) -> bool:
        """Keep the rest of the file if its directory begins here, with another entry or an end."""
        packed = self._buffer[self._at : self._at + CENTRAL_HEADER.size].ljust(CENTRAL_HEADER.size)
        end = self._at + CENTRAL_HEADER.size + sum(CENTRAL_HEADER.unpack(packed)[10:13])
        if len(self._buffer) < end + SIGNATURE_BYTES and not self._is_complete:
            return False
        if self._buffer.startswith((CENTRAL, END, END64), end):
            self._headers_left = 0
        self._put(SIGNATURE_BYTES)
        self._step = self._keep
        return True

    def _look_at_header(self) -> bool:
        """Decide by a member's header and the first bytes of its content.

        It may be no header at all, but bytes of another member: the next one is looked for in it.
        """
        packed = self._buffer[self._at : self._at + LOCAL_HEADER.size].ljust(LOCAL_HEADER.size)
        fields = LOCAL_HEADER.unpack(packed)
        content = self._at + LOCAL_HEADER.size + fields[9] + fields[10]
        if len(self._buffer) < content + HEAD_BYTES and not self._is_complete:
            return False
        self._write_at(self._start, self._buffer[self._at : content + HEAD_BYTES])
        flags, method, size = fields[2], fields[3], fields[7]
        is_known = not flags & DESCRIBED_BEHIND and size != FULL
        head = self._buffer[content : content + HEAD_BYTES]
        if method == DEFLATED or holds_more(head, size if is_known else UNKNOWN_SIZE):
            self._open_content(self._start + content - self._at, size if is_known else None)
        self._headers_left -= 1
        self._put(SIGNATURE_BYTES)
        self._step = self._keep
        return True

    def _open_content(self, start: int, size: int | None) -> None:
        if size is not None:
            self._keep_until = max(self._keep_until, start + size)
        elif len(self._open) < MAX_OPEN:
            self._open.append(start)

    def _keep(self) -> bool:
        """Keep what belongs to a member of interest, and notice what begins inside of it."""
        if not self._headers_left:
            self._put(len(self._buffer) - self._at)
            return False
        found = self._buffer.find(LOCAL, self._at)
        end = found if found >= 0 else len(self._buffer)
        known = max(0, self._keep_until - self._start)
        if not self._open and known <= end - self._at:
            self._put(known)
            self._step = self._pass_over
            return True
        self._put(max(0, end - self._at - (0 if found >= 0 else SIGNATURE_BYTES - 1)))
        if found < 0:
            return False
        self._close_described()
        self._step = self._look_at_header
        return True

    def _close_described(self) -> None:
        """Forget a member whose descriptor ends here, and what seemed to begin inside of it."""
        for packed in (DESCRIPTOR, DESCRIPTOR64):
            self._file.seek(max(0, self._start - packed.size))
            descriptor = self._file.read(packed.size)
            if descriptor.startswith(DESCRIBED) and len(descriptor) == packed.size:
                content_start = self._start - packed.size - packed.unpack(descriptor)[2]
                if content_start in self._open:
                    del self._open[self._open.index(content_start) :]


class Passed:
    """The end of what was passed over, without a copy of it."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._pieces: collections.deque[bytes] = collections.deque()
        self._size = 0

    def add(self, data: bytes) -> None:
        """Note the next piece, and forget what is too far back."""
        self._pieces.append(data)
        self._size += len(data)
        while self._size - len(self._pieces[0]) > END_BYTES:
            self._size -= len(self._pieces.popleft())

    def last(self, count: int) -> bytes:
        """Return the last bytes."""
        end: list[bytes] = []
        for piece in reversed(self._pieces):
            if count <= 0:
                break
            end.append(piece[-count:])
            count -= len(end[-1])
        return b"".join(reversed(end))

    def forget_last(self, count: int) -> None:
        """Take the last bytes away."""
        self._size -= count
        while count:
            piece = self._pieces.pop()
            if len(piece) > count:
                self._pieces.append(piece[:-count])
            count = max(0, count - len(piece))

    def take(self, count: int) -> bytes:
        """Return the last bytes; nothing is left then."""
        end = self.last(count)
        self._pieces.clear()
        self._size = 0
        return end


class Holes:
    """Which bytes of a file that is written in order were left out."""

    def __init__(self) -> None:
        """Start with none."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._filled_until = 0

    def fill(self, start: int, end: int) -> None:
        """Note what was written; it begins at or behind the beginning of what was written last."""
        if start > self._filled_until:
            self._starts.append(self._filled_until)
            self._ends.append(start)
        self._filled_until = max(self._filled_until, end)

    def check(self, start: int, end: int) -> None:
        """Refuse what reaches into a hole.

        Raises:
            HoleError: something of it was left out.
        """
        at = bisect.bisect_right(self._ends, start)
        if at < len(self._starts) and self._starts[at] < end:
            raise HoleError


class FileIntake:
    """One file on its way: of weights only the first and the last bytes are kept.

    What could hold a pickle goes to a temporary file, as only the end of a zip file says what is
    in it.
    """

    def __init__(self, scanner: ContentScanner, path: str, size: int) -> None:
        """Start before the first byte.

        Args:
            scanner: Looks through the file.
            path: Its path in the archive.
            size: How many bytes it has.
        """
        self._scanner = scanner
        self._path = path
        self._size = size
        self._is_small = size <= TAIL_BYTES
        self._kept = bytearray()
        """The whole of a small file, the beginning of another, then its end."""
        self._seen = 0
        self._spool: IO[bytes] | ZipSpool | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all of it has passed."""
        return self._seen == self._size

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        before, self._seen = self._seen, self._seen + len(data)
        if self._spool is not None:
            self._spool.write(data)
        elif self._is_small or before < HEAD_BYTES:
            self._kept += data
            if not self._is_small and self._seen >= HEAD_BYTES:
                self._decide()
        else:
            self._keep_end(data)

    def _decide(self) -> None:
        if holds_more(bytes(self._kept[:HEAD_BYTES]), self._size):
            spool = self._scanner.open_spool(self._size)
            self._spool = ZipSpool(spool) if self._kept.startswith(LOCAL) else spool
            self._spool.write(bytes(self._kept))
            self._kept.clear()
        else:
            self._keep_end(b"")

    def _keep_end(self, data: bytes) -> None:
        self._kept += data[-TAIL_BYTES:]
        del self._kept[:-TAIL_BYTES]

    def finish(self) -> None:
        """Look through the file, which is complete."""
        if self._spool is not None:
            if isinstance(self._spool, ZipSpool):
                self._spool.finish()
            self._scanner.scan(Region(self._spool, 0, self._size), self._path)
            self.close()
        elif self._is_small:
            self._scanner.scan_small(bytes(self._kept), self._path)
        elif ends_as_zip(bytes(self._kept), self._size):
            what = "ends as a zip file and does not begin as one"
            self._scanner.note("zip-hidden-bytes", what, Place((self._path,)))

    def close(self) -> None:
        """Give up what was kept."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None


class ModelIntake:
    """Looks through the files of a model's archive as its data passes by."""

    def __init__(self, scanner: ContentScanner | None) -> None:
        """Start before the first byte of the archive; without a scanner nothing is looked at."""
        self._scanner = scanner
        self._members: collections.deque[Member] = collections.deque()
        """Files whose end has not passed yet."""
        self._file: FileIntake | None = None
        self._position = 0

    def noting(self, visit: Callable[[Member], Edit | None]) -> Callable[[Member], Edit | None]:
        """Return the same visit of each member, which tells this intake too of files that stay."""
        if self._scanner is None:
            return visit

        def visit_and_note(member: Member) -> Edit | None:
            edit = visit(member)
            stays = edit is None or edit.end < member.end
            if member.kind == FILE and member.size and stays:
                self._members.append(member)
            return edit

        return visit_and_note

    def feed(self, data: bytes) -> None:
        """Take the next piece of the unpacked archive, after its members were visited."""
        start, self._position = self._position, self._position + len(data)
        while self._scanner and self._members and self._members[0].data_start < self._position:
            member = self._members[0]
            end = member.data_start + member.size
            piece = data[max(0, member.data_start - start) : end - start]
            if len(piece) == member.size <= TAIL_BYTES:
                self._scanner.scan_small(piece, member.path)
            else:
                self._feed_file(self._scanner, member, piece)
            if end > self._position:
                return
            self._members.popleft()

    def _feed_file(self, scanner: ContentScanner, member: Member, piece: bytes) -> None:
        """Take a part of a file, or a large one."""
        if self._file is None:
            self._file = FileIntake(scanner, member.path, member.size)
        self._file.feed(piece)
        if self._file.is_complete:
            self._file.finish()
            self._file = None

    def close(self) -> None:
        """Give up the file that is on its way."""
        if self._file is not None:
            self._file.close()
