"""Paths in messages, all of one form."""

from __future__ import annotations

import os
from pathlib import Path


def shown_path(path: Path | str) -> Path:
    """Return a path as messages show it: relative to the current folder if below it, else absolute.

    Nothing is looked up: links stay as they are written.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links
    here = Path.cwd()
    return absolute.relative_to(here) if here in absolute.parents else absolute
