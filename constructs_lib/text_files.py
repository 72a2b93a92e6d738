"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file as a whole: whoever reads it finds the old content or the new.

    A file that is replaced keeps its mode.

    Raises:
        OSError: The file cannot be written; what was there stays, and nothing is left beside it.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    is_there = path.exists()
    try:
        # Of what few may read, nobody else reads the draft either.
        draft.touch(0o600 if is_there else 0o666)
        draft.write_text(text, encoding="utf-8")
        if is_there:
            shutil.copymode(path, draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
