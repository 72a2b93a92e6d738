"""Where the data of a numpy file begins (``numpy/lib/format.py``, formats 1.0 to 3.0)."""

from __future__ import annotations

import re

MAGIC = b"\x93NUMPY"
PREFIX_BYTES = len(MAGIC) + 2
LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
OBJECTS = re.compile(rb"""['"][|<>=]?(O8?|object)['"]""")


def data_start(head: bytes) -> int | None:
    """Where the data begins; behind it, ``np.load`` reads an array of objects as a pickle."""
    if not head.startswith(MAGIC) or len(head) < PREFIX_BYTES + 4:
        return None
    length_bytes = LENGTH_BYTES.get(head[len(MAGIC)])
    if length_bytes is None:
        return None
    end = PREFIX_BYTES + length_bytes
    return end + int.from_bytes(head[PREFIX_BYTES:end], "little")


def holds_objects(header: bytes) -> bool:
    """Whether the header says that the items are objects."""
    return OBJECTS.search(header) is not None
