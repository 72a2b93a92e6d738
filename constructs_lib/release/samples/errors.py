"""What is wrong with own sample requests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from constructs_lib.errors import ReleaseError


class UnusableSampleError(Exception):
    """One thing that is wrong with a file; its message goes on after the file's name."""


class SampleRequestError(ReleaseError):
    """A folder of own sample requests that cannot be used; tells everything that is wrong."""

    def __init__(self, folder: Path, problems: Sequence[str]) -> None:
        """Say everything that is wrong with ``folder``."""
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{folder}: {count}", *(f"  {each}" for each in problems)]))
