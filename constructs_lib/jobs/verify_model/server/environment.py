"""The environment variables that a model's code has, and how many processes run it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...common.serving.context import gpu_numbers
from ..toolkit import MODEL_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WORKER_VARIABLES = ("SAGEMAKER_MODEL_SERVER_WORKERS", "SAGEMAKER_TS_MAX_WORKERS")


def here(declared: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the container's environment on this machine, with its model where that lies here.

    Args:
        declared: What is registered.
        folder: The model folder of the serving layout.
    """
    moved = {
        name: str(value).replace(MODEL_FOLDER, str(folder)) for name, value in declared.items()
    }
    return {**os.environ, "SAGEMAKER_BASE_DIR": str(folder.parent), **moved}


def of_worker(declared: Mapping[str, str], folder: Path, python_path: str) -> dict[str, str]:
    """Return what a process has that calls the functions itself.

    Args:
        declared: What is registered.
        folder: The model folder of the serving layout.
        python_path: Where packages are beside those of this Python.
    """
    paths = [f"{folder}/code", str(folder), python_path]
    return {
        **here(declared, folder),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        # What a process that is killed has printed is in the log.
        "PYTHONUNBUFFERED": "1",
    }


def worker_count(declared: Mapping[str, str]) -> int:
    """How many processes the model server would start: one per GPU, or without any per CPU."""
    for name in WORKER_VARIABLES:
        if declared.get(name, "").isdigit() and int(declared[name]) > 0:
            return int(declared[name])
    return len(gpu_numbers()) or os.cpu_count() or 1
