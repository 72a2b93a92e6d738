"""Recognises the packaging scripts of the earlier system, which packaging here cannot run.

They take no arguments: they read from and write to fixed paths of a container that was laid out
otherwise. A script for the Package step takes its paths from its arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FIXED_PATHS: Final = "/opt/ml/processing/"
_READS_ARGUMENTS: Final = ("argv", "--output")


def is_earlier_script(script: Path) -> bool:
    """Tell whether a script works on fixed paths and does not look at its arguments."""
    try:
        text = script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False  # told where it is checked that the script exists
    return _FIXED_PATHS in text and not any(word in text for word in _READS_ARGUMENTS)
