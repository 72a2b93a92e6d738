"""Data between the pickles of torch's oldest format, a tar file (``torch/serialization.py``).

Its member ``storages`` has for each storage a pickle of key, location and type, then the number of
items and the items; ``tensors`` has for each tensor a pickle of key, storage and type, then the
number of dimensions, sizes, strides and offset.
"""

from __future__ import annotations

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
