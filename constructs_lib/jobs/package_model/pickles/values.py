"""What stands for the values of a pickle while it is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple


class Unknown:
    """A value of which nothing is known, or needed."""

    def __init__(self, what: str) -> None:
        """Say what it is."""
        self.what = what


OPAQUE = Unknown("data")
"""Lists, sets, floats and the like."""
PERSISTENT = Unknown("what its reader provides")
RESULT = Unknown("what a call returned")
FORGOTTEN = Unknown("a value from far back")
"""What no longer is, or never was, in the memo."""


class Global(NamedTuple):
    """A class or function that a pickle names."""

    module: str
    name: str

    def __str__(self) -> str:
        """Return the name as a user writes it."""
        return f"{self.module}.{self.name}"


class Blob(NamedTuple):
    """Bytes, by their place in the stream."""

    at: int
    size: int


class Entries:
    """A dict: of its entries only those that describe an array."""

    __slots__ = ("lossy", "values")

    KEYS = ("subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes")

    def __init__(self) -> None:
        """Start empty."""
        self.values: dict[str, Value] | None = None
        self.lossy = False
        """Whether it may have changed without being noticed here."""

    def put(self, key: Value, value: Value) -> None:
        """Note an entry."""
        if type(key) is str and key in self.KEYS:
            self.values = self.values or {}
            self.values[key] = value
        elif isinstance(key, Unknown):
            self.lossy = True


class Made:
    """An object of one of the few classes whose content matters."""

    __slots__ = ("args", "lossy", "maker", "state")

    def __init__(self, maker: Global, args: Value) -> None:
        """Return an object as its class made it."""
        self.maker = maker
        self.args = args
        self.state: Value = None
        self.lossy = False
        """Whether it may have changed without being noticed here."""


if TYPE_CHECKING:
    Value = None | bool | int | str | tuple[object, ...] | Unknown | Global | Blob | Entries | Made
