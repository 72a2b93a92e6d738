"""What a check of ``doctor`` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    state: Literal["ok", "warning", "problem", "unknown"]
    """``unknown`` was not checked; the detail says why."""
    detail: str
    fix: str | None = None
