"""A file that is written by a thread and appears only when it is complete."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..common.limits import MIB
from . import buffers
from .errors import UnwritableError, naming
from .libraries import crc32
from .reading import Span, read_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Output = bytes | Sequence[Span] | Future[bytes]

SYNC_BYTES = 16 * MIB
"""How often written data is pushed to the disk, so that the last push has little left to do."""


def waiting_bytes(data: Output) -> int:
    """Return how much waits to be written; of what is being compressed it is not known yet."""
    if isinstance(data, Future):
        return buffers.SEGMENT_BYTES // 2
    return len(data) if isinstance(data, bytes) else sum(span.size for span in data)


class NewFile:
    """A file that appears under its name only when it is complete.

    Written by a thread, and hashed on the way. Nothing is left of it when its ``with`` ends with an
    error.
    """

    WAITING_BYTES = 4 * MIB
    """How much may wait to be written, while what stands before it is compressed."""

    def __init__(self, path: Path) -> None:
        """Prepare; the file is made with the first write."""
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._file: IO[bytes] | None = None
        self._writer, self._syncer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._pending: collections.deque[tuple[Future[None], int]] = collections.deque()
        """What waits to be written, and about how much that is."""
        self._pending_bytes = 0
        self._digest = hashlib.sha256()
        self.crc32 = 0
        """Checksum of what is written: Amazon S3 has one of a whole object of any size."""
        self._sync: Future[None] | None = None
        self._unsynced_bytes = 0
        self.size_bytes = 0

    def __enter__(self) -> NewFile:
        """Clean up from here on; the file itself is made with the first write."""
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

    def write(self, data: Output) -> None:
        """Append data, soon."""
        size = waiting_bytes(data)
        self._pending.append((self._writer.submit(self._write, data), size))
        self._pending_bytes += size
        self._wait_for_writes(self.WAITING_BYTES)

    def write_all(self, source: Path) -> None:
        """Append all of another file."""
        with naming(source), source.open("rb") as file:
            for chunk in read_chunks(file):
                self.write(chunk)

    def written(self) -> str:
        """Wait until all is written; it goes to the disk meanwhile. Returns the SHA-256 of it."""
        self.write(b"")  # of an empty file, nothing was
        self._wait_for_writes()
        self._pending.append((self._writer.submit(self._start_sync), 0))
        return self._digest.hexdigest()

    def complete(self) -> None:
        """Wait until all is on the disk, which is :meth:`written`."""
        self._wait_for_writes()
        self._wait_for_sync()

    def commit(self) -> None:
        """Give the file its name."""
        self._partial.replace(self._path)

    def _write(self, item: Output) -> None:
        whole = item.result() if isinstance(item, Future) else item
        for span in [Span.of(whole)] if isinstance(whole, bytes) else whole:
            self._write_span(span)
        if self._unsynced_bytes >= SYNC_BYTES and (self._sync is None or self._sync.done()):
            self._start_sync()

    def _write_span(self, span: Span) -> None:
        data = span.view()
        self._digest.update(data)
        self.crc32 = crc32(span, self.crc32)
        self.size_bytes += len(data)
        self._unsynced_bytes += len(data)
        with self._writing():
            if self._file is None:
                self._file = self._partial.open("wb", buffering=0)
            while data:
                data = data[self._file.write(data) :]

    def _wait_for_writes(self, most_bytes: int = -1) -> None:
        """Wait until no more than so much waits to be written, or nothing at all."""
        while self._pending and self._pending_bytes > most_bytes:
            future, size = self._pending.popleft()
            future.result()
            self._pending_bytes -= size

    def _start_sync(self) -> None:
        self._wait_for_sync()
        if self._file is not None:
            self._sync = self._syncer.submit(os.fsync, self._file.fileno())
            self._unsynced_bytes = 0

    def _wait_for_sync(self) -> None:
        """Wait for the last sync: a failed write may show only here, and only once."""
        if self._sync is not None:
            with self._writing():
                self._sync.result()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnwritableError(f"cannot write {self._path}: {error.strerror}") from None
