"""An app in a repository of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.diff.app_repository import create_repository


@pytest.fixture(scope="session")
def _copied_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: each takes nine processes of git."""
    return create_repository(tmp_path_factory.mktemp("copied"))


@pytest.fixture
def repository(_copied_repository: Path, tmp_path: Path) -> Path:
    """An app whose commit ``a`` says "a", whose commit ``b`` says "b", and whose files "c"."""
    return shutil.copytree(_copied_repository, tmp_path, dirs_exist_ok=True)
