"""How much is read and inflated at a time."""

from __future__ import annotations

from ..common.limits import KIB, MIB

READ_BYTES = MIB
STEP_BYTES = 256 * KIB
"""Segments of what grew by being compressed end at such steps of the input, however it is read."""
SEGMENT_BYTES = MIB
"""How much to inflate before looking for the next block boundary to cut at."""
SEGMENT_LIMIT_BYTES = 2 * MIB
"""How far to look for it. A segment that finds none is compressed anew instead of copied."""
