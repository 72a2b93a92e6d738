"""Takes in the files of an archive while it is read, and keeps what has to be looked through."""

from __future__ import annotations

from typing import IO

from .contents import HEAD_BYTES, ContentScanner, holds_more
from .findings import Place
from .regions import Region
from .zip_directory import TAIL_BYTES, ends_as_zip


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
        self._head = bytearray()
        self._tail = bytearray()
        self._spool: IO[bytes] | None = None

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if self._spool is not None:
            self._spool.write(data)
        elif len(self._head) < HEAD_BYTES:
            self._head += data
            self._decide()
        else:
            self._keep_tail(data)

    def _decide(self) -> None:
        if len(self._head) < min(HEAD_BYTES, self._size):
            return
        head = bytes(self._head[:HEAD_BYTES])
        if self._size <= TAIL_BYTES or holds_more(head, self._size):
            self._spool = self._scanner.open_spool(self._size)
            self._spool.write(self._head)
        else:
            self._keep_tail(bytes(self._head))

    def _keep_tail(self, data: bytes) -> None:
        self._tail += data[-TAIL_BYTES:]
        del self._tail[:-TAIL_BYTES]

    def finish(self) -> None:
        """The file is complete: look through it."""
        if self._spool is not None:
            with self._spool as spool:
                self._scanner.scan(Region(spool, 0, self._size), self._path)
        elif ends_as_zip(bytes(self._tail), self._size):
            self._scanner.note(
                "zip-hidden-bytes",
                "ends as a zip file and does not begin as one",
                Place((self._path,)),
            )

    def close(self) -> None:
        """Give up what was kept."""
        if self._spool is not None:
            self._spool.close()
