"""Files that appear complete or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file as a whole: whoever reads it finds the old content or the new.

    Raises:
        OSError: The file cannot be written; what was there stays, and nothing is left beside it.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
