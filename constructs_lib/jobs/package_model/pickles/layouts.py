"""Where pickles begin in files that hold other data too.

- The oldest format of torch (``torch/serialization.py``) is a tar file. Its member ``storages`` has
  for each storage a pickle of key, location and type, then the number of items and the items;
  ``tensors`` has for each tensor a pickle of key, storage and type, then the number of dimensions,
  sizes, strides and offset.
- A numpy file (``numpy/lib/format.py``, formats 1.0 to 3.0) has a header; behind it ``np.load``
  reads an array of objects as a pickle.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .values import Global

if TYPE_CHECKING:
    from .regions import Region
    from .values import Value

STORAGE_BYTES = {
    **dict.fromkeys(("ByteStorage", "CharStorage", "BoolStorage"), 1),
    **dict.fromkeys(("ShortStorage", "HalfStorage", "BFloat16Storage"), 2),
    **dict.fromkeys(("IntStorage", "FloatStorage"), 4),
    **dict.fromkeys(("LongStorage", "DoubleStorage", "ComplexFloatStorage"), 8),
    "ComplexDoubleStorage": 16,
}
"""Bytes of an item, by type of storage."""
MODULES = ("torch", "torch.cuda")
INTEGER_BYTES = 8
RECORD_ITEMS = 3


def raw_bytes_after(result: Value, region: Region, end: int) -> list[int]:
    """Where the next pickle begins if data follows the one with this result."""
    if type(result) is not tuple or len(result) != RECORD_ITEMS:
        return []
    kind = result[-1]
    if not isinstance(kind, Global) or kind.module not in MODULES:
        return []
    if kind.name in STORAGE_BYTES:
        count = _integer(region, end, INTEGER_BYTES)
        return [end + INTEGER_BYTES + count * STORAGE_BYTES[kind.name]]
    if kind.name.endswith("Tensor"):
        dimensions = _integer(region, end, 4)
        return [end + INTEGER_BYTES * (2 + 2 * dimensions)]
    return []


def _integer(region: Region, at: int, size: int) -> int:
    return int.from_bytes(region.read(at, size), "little")


NUMPY_MAGIC = b"\x93NUMPY"
PREFIX_BYTES = len(NUMPY_MAGIC) + 2
LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
NUMPY_OBJECTS = re.compile(rb"""['"][|<>=]?(O8?|object)['"]""")


def numpy_data_start(head: bytes) -> int | None:
    """Where the data begins; behind it, ``np.load`` reads an array of objects as a pickle."""
    if not head.startswith(NUMPY_MAGIC) or len(head) < PREFIX_BYTES + 4:
        return None
    length_bytes = LENGTH_BYTES.get(head[len(NUMPY_MAGIC)])
    if length_bytes is None:
        return None
    end = PREFIX_BYTES + length_bytes
    return end + int.from_bytes(head[PREFIX_BYTES:end], "little")


def holds_objects(header: bytes) -> bool:
    """Whether the header says that the items are objects."""
    return NUMPY_OBJECTS.search(header) is not None
