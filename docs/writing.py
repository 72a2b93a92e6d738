"""Writes generated files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


def write_if_changed(path: Path, text: str) -> None:
    """Write a file of the project that is missing or not current, and tell it.

    Args:
        path: Below the project's folder.
        text: All of its content.
    """
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    sys.stdout.write(f"Wrote {path.relative_to(ROOT)}\n")
