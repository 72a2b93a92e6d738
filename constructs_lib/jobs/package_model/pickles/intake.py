"""Takes in the files of an archive while it is read, and keeps what has to be looked through."""

from __future__ import annotations

import collections
import io
from typing import IO, TYPE_CHECKING

from ..tar_headers import FILE
from .contents import HEAD_BYTES, ContentScanner, holds_more
from .findings import Place
from .regions import Region
from .zip_directory import TAIL_BYTES, ends_as_zip

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..tar_headers import Member
    from ..tar_scanner import Edit


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
        self._spool: IO[bytes] | None = None

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
            self._spool = self._scanner.open_spool(self._size)
            self._spool.write(self._kept)
            self._kept.clear()
        else:
            self._keep_end(b"")

    def _keep_end(self, data: bytes) -> None:
        self._kept += data[-TAIL_BYTES:]
        del self._kept[:-TAIL_BYTES]

    def finish(self) -> None:
        """The file is complete: look through it."""
        if self._spool is not None:
            self._scanner.scan(Region(self._spool, 0, self._size), self._path)
            self.close()
        elif self._is_small:
            self._scanner.scan(Region(io.BytesIO(self._kept), 0, self._size), self._path)
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
        """The same visit of each member, which tells this intake too of files that stay."""
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
            if self._file is None:
                self._file = FileIntake(self._scanner, member.path, member.size)
            self._file.feed(data[max(0, member.data_start - start) : end - start])
            if end > self._position:
                return
            self._file.finish()
            self._file = None
            self._members.popleft()

    def close(self) -> None:
        """Give up the file that is on its way."""
        if self._file is not None:
            self._file.close()
