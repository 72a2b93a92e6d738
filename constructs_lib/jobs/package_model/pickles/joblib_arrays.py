"""Arrays that joblib writes into the middle of a pickle.

Where its reader meets a ``NumpyArrayWrapper`` it reads an array at once: the bytes of its items, or
for objects another pickle (``read_array`` of ``joblib/numpy_pickle.py``, joblib 1.6.0). How long it
is follows from shape and dtype, which are only believed in the form that joblib and numpy write.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .globals import DTYPE
from .values import Entries, Made

if TYPE_CHECKING:
    from .values import Value

PLAIN_TYPE = re.compile(r"[biufcmM]([1-9]\d?)")
SIZED_TYPE = re.compile(r"([SUV])(\d{1,9})")
OBJECT_TYPE = re.compile(r"O8?")
BYTES_OF_LETTER = {"S": 1, "U": 4, "V": 1}
HAS_OBJECTS = 1
"""The bit of a dtype's flags that says so, ``NPY_ITEM_HASOBJECT`` of numpy's headers."""
MAX_COUNT = 2**62
OBJECTS = -1
"""In place of a size: another pickle follows."""


class UnclearArrayError(Exception):
    """An array of which nobody can say how long it is."""


class FollowingArray(NamedTuple):
    """What follows a wrapper."""

    item_bytes: int
    """Of one item, or ``OBJECTS``."""
    item_count: int
    is_aligned: bool
    """Whether a byte with the length of a gap comes first."""


def following_array(wrapper: Made, *, inside_frame: bool) -> FollowingArray:
    """Return what joblib's reader takes for the wrapper's array.

    Args:
        wrapper: The object that stands before the array.
        inside_frame: Whether a frame of the pickle goes on here, behind which the array begins.

    Raises:
        UnclearArrayError: the wrapper is not as joblib writes it.
    """
    state = wrapper.state
    if inside_frame:
        raise UnclearArrayError
    if wrapper.lossy or not isinstance(state, Entries) or state.lossy or wrapper.args != ():
        raise UnclearArrayError
    values = state.values or {}
    alignment = values.get("numpy_array_alignment_bytes")
    return FollowingArray(
        item_bytes=_item_bytes(values.get("dtype")),
        item_count=_count(values.get("shape")),
        is_aligned=alignment is not None,
    )


def _count(shape: Value) -> int:
    count = 1
    if type(shape) is not tuple:
        raise UnclearArrayError
    for length in shape:
        if type(length) is not int or length < 0:
            raise UnclearArrayError
        count *= length
        if count > MAX_COUNT:
            raise UnclearArrayError
    return count


def _item_bytes(dtype: Value) -> int:
    if not isinstance(dtype, Made) or dtype.maker != DTYPE or dtype.lossy:
        raise UnclearArrayError
    args, state = dtype.args, dtype.state
    if type(args) is not tuple or not args or type(args[0]) is not str:
        raise UnclearArrayError
    if type(state) is not tuple or len(state) not in (8, 9) or state[2] is not None:
        raise UnclearArrayError
    return _bytes_of(args[0], state[5], state[7])


def _bytes_of(code: str, own_bytes: object, flags: object) -> int:
    """Bytes of an item, from a dtype's code, its own size (-1 if the code says it) and flags."""
    if type(flags) is not int:
        raise UnclearArrayError
    if OBJECT_TYPE.fullmatch(code) and own_bytes == -1 and flags & HAS_OBJECTS:
        return OBJECTS
    plain, sized = PLAIN_TYPE.fullmatch(code), SIZED_TYPE.fullmatch(code)
    if plain and own_bytes == -1 and not flags:
        return int(plain.group(1))
    if sized and not flags & HAS_OBJECTS:
        size = BYTES_OF_LETTER[sized.group(1)] * int(sized.group(2))
        if own_bytes == size:
            return size
    raise UnclearArrayError
