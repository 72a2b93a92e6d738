"""An app in a repository of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.diff.app_repository import create_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An app whose commit ``a`` says "a", whose commit ``b`` says "b", and whose files "c"."""
    return create_repository(tmp_path)
