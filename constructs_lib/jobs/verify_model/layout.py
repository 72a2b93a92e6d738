"""Makes the model folder as the serving container finds it, and judges where things are."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..common.limits import Limits
from .findings import ModelFinding
from .unpacking import unpack


def lay_out(model: Path, code: Path | None, folder: Path, limits: Limits) -> None:
    """Make the model folder as the serving container finds it."""
    if model.is_dir():
        shutil.copytree(
            str(model), str(folder), symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    else:
        unpack(model, folder, limits)
    if code is not None:
        # Packaging replaces the folder, too.
        shutil.rmtree(str(folder / "code"), ignore_errors=True)
        shutil.copytree(
            str(code), str(folder / "code"), ignore=shutil.ignore_patterns("__pycache__")
        )


def layout_finding(folder: Path, entry_point: str) -> ModelFinding | None:
    """What is wrong with where things are."""
    if (folder / "code" / entry_point).is_file():
        return None
    nested = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob(Path(entry_point).name)
        if path.is_file()
    )
    where = f"; there is {nested[0]}" if nested else ""
    if (folder / "code").is_dir():
        message = f"code/ has no entry point {entry_point} (SAGEMAKER_PROGRAM){where}."
        fix = f"Put it at code/{entry_point}, or name the right file as inference_entry_point."
        return ModelFinding("error", "entry-point-missing", message, fix)
    level = next((name for name in nested if name.endswith(f"/code/{entry_point}")), None)
    if level is not None:
        top = level[: -len(f"/code/{entry_point}")]
        message = f"Everything is one folder too deep: {level} has to be code/{entry_point}."
        fix = f"Pack the inside of the folder: `tar -czf model.tar.gz -C {top} .`"
        return ModelFinding("error", "wrong-folder-level", message, fix)
    message = f"The archive has no folder code/ at its root{where}."
    fix = f"Put the inference code into code/, with the entry point at code/{entry_point}."
    return ModelFinding("error", "code-folder-missing", message, fix)
