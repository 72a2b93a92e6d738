"""Stack and memo of a pickle that is followed: the same rules as a reader's, in bounded memory."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from ...common.limits import KIB, MIB
from .globals import KNOWN_NAMES
from .regions import BrokenPickleError
from .values import FORGOTTEN, Blob, Entries, Made, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .values import Value

MAX_STACK_ITEMS = 64 * KIB
"""How many of the uppermost values are kept; those below are only counted."""
MAX_MARKS = 256 * KIB
MAX_MEMO_ITEMS = MIB
MAX_MEMO_BYTES = 8 * MIB
MAX_SPARSE_ITEMS = 64 * KIB


class TooLargeToFollowError(Exception):
    """A pickle beyond the limits of memory or time."""


class PickleStack:
    """The values, and the marks between them."""

    def __init__(self) -> None:
        """Start empty."""
        self._items: list[Value] = []
        self._below = 0
        self._marks: list[tuple[int, int]] = []
        """Where marks stand, and how many: a file of one byte repeated can be nothing but marks."""
        self._fence = 0

    def copy(self) -> PickleStack:
        """Return an independent stack of the same values."""
        copy = PickleStack()
        copy._items, copy._below = list(self._items), self._below
        copy._marks, copy._fence = list(self._marks), self._fence
        return copy

    @property
    def _depth(self) -> int:
        return self._below + len(self._items)

    def push(self, value: Value) -> None:
        """Put a value on top."""
        self._items.append(value)
        if len(self._items) > MAX_STACK_ITEMS:
            dropped = MAX_STACK_ITEMS // 2
            del self._items[:dropped]
            self._below += dropped

    def pop(self) -> Value:
        """Take the uppermost value above the last mark."""
        self.check(1)
        return self._take()

    def check(self, count: int) -> None:
        """Refuse to go on without so many values above the last mark."""
        if self._depth - count < self._fence:
            raise BrokenPickleError("its stack holds too little")

    def _take(self) -> Value:
        if self._items:
            return self._items.pop()
        self._below -= 1
        return FORGOTTEN

    def top(self) -> Value:
        """Return the uppermost value above the last mark."""
        self.check(1)
        return self._items[-1] if self._items else FORGOTTEN

    def mark(self) -> None:
        """Set a mark."""
        depth = self._depth
        if self._marks and self._marks[-1][0] == depth:
            self._marks[-1] = (depth, self._marks[-1][1] + 1)
        else:
            self._marks.append((depth, 1))
        if len(self._marks) > MAX_MARKS:
            raise TooLargeToFollowError("it sets too many marks")
        self._fence = depth

    def pop_or_unmark(self) -> None:
        """POP: takes away a value, or the mark if that is uppermost."""
        if self._depth == self._fence and self._marks:
            self._unmark()
        else:
            self.pop()

    def _unmark(self) -> int:
        if not self._marks:
            raise BrokenPickleError("its stack has no mark")
        depth, count = self._marks.pop()
        if count > 1:
            self._marks.append((depth, count - 1))
        self._fence = self._marks[-1][0] if self._marks else 0
        return depth

    def pop_to_mark(self) -> tuple[list[Value], bool]:
        """Take all values above the last mark, and the mark. Returns whether these are all."""
        depth = self._unmark()
        kept_from = max(0, depth - self._below)
        items = self._items[kept_from:]
        del self._items[kept_from:]
        is_complete = depth >= self._below
        self._below = min(self._below, depth)
        return items, is_complete


class PickleMemo:
    """What was put aside under a number. Numbers come in a row, from honest writers."""

    def __init__(self) -> None:
        """Start empty."""
        self._row: list[Value] = []
        self._row_count = 0
        self._others: dict[int, Value] = {}
        self._bytes_left = MAX_MEMO_BYTES
        self._undo: list[Callable[[], object]] | None = None

    def __len__(self) -> int:
        """How many numbers are taken."""
        return self._row_count + len(self._others)

    def put(self, number: int, value: Value) -> None:
        """Put a value aside."""
        value = self._kept(value)
        if number in self._others or number > self._row_count:
            self._put_beside(number, value)
        elif number == self._row_count:
            self._append(value)
        elif number < len(self._row):
            self._note(partial(self._row.__setitem__, number, self._row[number]))
            self._row[number] = value

    def _append(self, value: Value) -> None:
        self._row_count += 1
        self._note(self._take_last)
        if len(self._row) < MAX_MEMO_ITEMS:
            self._row.append(value)

    def _take_last(self) -> None:
        self._row_count -= 1
        del self._row[self._row_count :]

    def _put_beside(self, number: int, value: Value) -> None:
        if number in self._others:
            self._note(partial(self._others.__setitem__, number, self._others[number]))
        else:
            self._note(partial(self._others.pop, number))
        self._others[number] = value
        if len(self._others) > MAX_SPARSE_ITEMS:
            raise TooLargeToFollowError("its memo has too many holes")

    def _note(self, undo: Callable[[], object]) -> None:
        if self._undo is not None:
            self._undo.append(undo)

    def _kept(self, value: Value) -> Value:
        """Return the value, or what stands for it when there is no room left."""
        cost = cost_of(value)
        if cost <= self._bytes_left:
            self._bytes_left -= cost
            return value
        if isinstance(value, (Entries, Made)):
            value.lossy = True
        return FORGOTTEN

    def get(self, number: int) -> Value:
        """Return what was put aside.

        Raises:
            KeyError: nothing was.
        """
        if number in self._others:
            return self._others[number]
        if number < len(self._row):
            return self._row[number]
        if number < self._row_count:
            return FORGOTTEN
        raise KeyError(number)

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Take back at the end what was put aside meanwhile."""
        self._undo, bytes_left = [], self._bytes_left
        try:
            yield
        finally:
            for undo in reversed(self._undo):
                undo()
            self._undo, self._bytes_left = None, bytes_left


def cost_of(value: Value) -> int:
    """About how many bytes a value takes."""
    if value is None or isinstance(value, (Unknown, int)):
        return 0
    if isinstance(value, str):
        return 0 if value in KNOWN_NAMES else 50 + 4 * len(value)
    if isinstance(value, Blob):
        return 150
    return 400
