"""The bytes of the input file, in order."""

from __future__ import annotations

import collections
from concurrent.futures import Future, ThreadPoolExecutor
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


def hashed(chunks: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    """Return the same pieces, each added to the digest."""
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def prefetch(items: Iterator[T], executor: ThreadPoolExecutor, depth: int) -> Iterator[T]:
    """Return the same items, made ahead of time by an executor of one thread, from now on.

    Errors arrive in place of the item they prevented.
    """
    pending: collections.deque[Future[T | None]] = collections.deque(
        executor.submit(next, items, None) for _ in range(depth)
    )

    def made() -> Iterator[T]:
        while True:
            item = pending.popleft().result()
            if item is None:
                return
            pending.append(executor.submit(next, items, None))
            yield item

    return made()


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
