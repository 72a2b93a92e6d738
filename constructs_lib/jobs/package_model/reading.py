"""The bytes of the input file, in order."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar

from . import buffers
from .errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class Span(NamedTuple):
    """Some bytes of a chunk, without a copy of them."""

    chunk: bytes
    start: int
    end: int

    @staticmethod
    def of(chunk: bytes) -> Span:
        """Return all of a chunk."""
        return Span(chunk, 0, len(chunk))

    @property
    def size(self) -> int:
        """How many bytes these are."""
        return self.end - self.start

    def view(self) -> memoryview:
        """Return the bytes."""
        return memoryview(self.chunk)[self.start : self.end]

    def last(self, count: int) -> Span:
        """Return the last of the bytes."""
        return self._replace(start=self.end - count)


def read_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """All of a file, in pieces."""
    while True:
        chunk = file.read(buffers.READ_BYTES)
        if not chunk:
            return
        yield chunk


class HashedChunks:
    """Pieces of a file, each hashed after it was handed over."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Start before the first piece."""
        self._chunks = chunks
        self._digest: Any = None
        self.size_bytes = 0
        """Of those so far, whatever the file's was when it was opened."""

    def __iter__(self) -> Iterator[bytes]:
        """Return the pieces."""
        for chunk in self._chunks:
            yield chunk
            # Loads OpenSSL, for which the first piece does not wait.
            import hashlib

            self._digest = self._digest or hashlib.sha256()
            self._digest.update(chunk)
            self.size_bytes += len(chunk)

    def sha256(self) -> str:
        """Return the SHA-256 of all of them, after it was seen that there are no more."""
        return str(self._digest.hexdigest())


@contextlib.contextmanager
def ahead(items: Iterator[T], depth: int) -> Iterator[Iterator[T]]:
    """Let a thread make the items ahead of time, from now on.

    Errors arrive in place of the item they prevented. An item takes no future of its own, which
    would cost the thread that inflates more than what else it does for an item.
    """
    made: SimpleQueue[T | None] = SimpleQueue()
    go_on: SimpleQueue[bool] = SimpleQueue()
    stopping = threading.Event()

    def make() -> None:
        try:
            for item in items:
                made.put(item)
                if not go_on.get() or stopping.is_set():
                    return
        finally:
            made.put(None)

    with ThreadPoolExecutor(1) as executor:
        for _ in range(depth - 1):
            go_on.put(True)  # noqa: FBT003

        def taken() -> Iterator[T]:
            for item in iter(made.get, None):
                go_on.put(True)  # noqa: FBT003
                yield item
            making.result()

        # A signal may end any line of this: the thread would wait for ever then, and this for it.
        try:
            making = executor.submit(make)
            yield taken()
        finally:
            try:
                stopping.set()
            finally:
                go_on.put(False)  # noqa: FBT003


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
        """Return the chunk, and where its unread part starts; nothing is unread only at the end."""
        if self._at == len(self._chunk):
            self._chunk, self._at = next(self._chunks, b""), 0
        return self._chunk, self._at

    def unread(self) -> bytes:
        """Return the rest of the current chunk, empty only at the end."""
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
