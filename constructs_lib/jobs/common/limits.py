"""How much an archive may hold."""

from __future__ import annotations

from typing import NamedTuple

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

RATIO_FREE_BYTES = GIB
"""Unpacked size up to which no compression ratio is suspicious: small archives are mostly zeros."""


class Limits(NamedTuple):
    """How much an archive may hold."""

    unpacked_bytes: int = 256 * GIB
    ratio: int = 200
    members: int = 100_000

    def bytes_by_ratio(self, compressed_bytes: int) -> int:
        """Return how much so many compressed bytes may unpack to; more is a decompression bomb."""
        return max(RATIO_FREE_BYTES, self.ratio * compressed_bytes)
