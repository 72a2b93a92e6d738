"""Whether there is somebody to ask."""

from __future__ import annotations

import sys


def can_ask() -> bool:
    """Whether a person sits at the terminal; a script has none, and gets no question."""
    return sys.stdin.isatty()
