"""The tests' own pipeline, so that no test depends on what lies in ``pipelines/``.

It is the example as it ships; documents that show the example are judged by it, too.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PIPELINES: Final = Path(__file__).parent / "pipelines"
"""What the app's folder of pipelines is to the tests."""
EXAMPLE: Final = PIPELINES / "returns_risk"
CONFIG: Final = EXAMPLE / "config.json"
MODEL: Final = EXAMPLE / "model" / "model.tar.gz"
"""A model as it comes from training: without inference code in it."""


def copy_example(folder: Path, *left_out: str) -> Path:
    """Copy the pipeline's folder; returns the path of its config.

    Args:
        folder: The copy, yet to be made.
        left_out: Names of files and folders that are not copied.
    """
    ignored = shutil.ignore_patterns("__pycache__", *left_out)
    shutil.copytree(EXAMPLE, folder, ignore=ignored)
    return folder / CONFIG.name


def serve_by_pytorch(config: Path, torch: str = "2.1.0", python: str = "py310") -> Path:
    """Let the container with TorchServe serve a copy of the example, as before there were others.

    Args:
        config: The copy's config; returned.
        torch: Version of PyTorch.
        python: Of its container.
    """
    document = json.loads(config.read_text())
    document["configuration"]["specific"]["PytorchModel"].pop("serving_container", None)
    versions = {"framework_version": torch, "py_version": python}
    document["configuration"]["shared"] |= versions
    config.write_text(json.dumps(document, indent=2))
    return config


def copy_pipelines(folder: Path) -> Path:
    """Copy the folder of pipelines into an app's folder; returns the copy."""
    copy_example(folder / "pipelines" / EXAMPLE.name)
    return folder / "pipelines"


def as_shipped(path: Path) -> Path:
    """Return where to look for what a document names: its example may have been removed.

    Args:
        path: A path in this project, which may hold ``..``.
    """
    plain = Path(os.path.normpath(path))
    shipped = ROOT / "pipelines"
    return PIPELINES / plain.relative_to(shipped) if plain.is_relative_to(shipped) else plain
