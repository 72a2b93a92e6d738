"""The shipped example: its serving code as a module, its artifact unpacked."""

from __future__ import annotations

import importlib.util
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.example_pipeline import EXAMPLE, MODEL


@pytest.fixture(scope="session")
def example() -> Path:
    """The folder of the example."""
    return EXAMPLE


@pytest.fixture(scope="session")
def serving() -> ModuleType:
    """``inference.py``, loaded from its file as the container does."""
    path = EXAMPLE / "inference/inference.py"
    spec = importlib.util.spec_from_file_location("returns_risk_inference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked model artifact."""
    folder = tmp_path_factory.mktemp("model")
    with tarfile.open(MODEL) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None
            (folder / member.name).write_bytes(content.read())
    return folder


@pytest.fixture(scope="session")
def model(serving: ModuleType, model_dir: Path) -> Any:
    """The loaded model."""
    return serving.model_fn(str(model_dir))
