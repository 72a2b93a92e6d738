"""Makes the model folder as the serving container finds it, and judges where things are."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..common.code_members import CODE_FOLDER, CodeMember, code_sha256, sorted_code
from ..common.limits import MIB, Limits
from .findings import ModelFinding, RefusedModelError
from .toolkit import MODEL_FOLDER
from .unpacking import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator


PROCESSING_FOLDER = Path("/opt/ml/processing")
"""Where a processing job in AWS writes to. On a developer's machine jobs write elsewhere."""


def is_in_aws(output: Path | None) -> bool:
    """Whether a job that writes there runs in AWS, and so in the serving container."""
    return output is not None and PROCESSING_FOLDER in output.parents


@contextlib.contextmanager
def found_by_path(folder: Path, output: Path | None) -> Iterator[None]:
    """Let code find the model where the serving container has it, if this is such a container.

    Its image may have an empty folder there. Without a link, only what wants it there fails.
    """
    place = Path(MODEL_FOLDER)
    with contextlib.ExitStack() as made:
        if is_in_aws(output):
            with contextlib.suppress(OSError):
                _link(place, folder, made)
        yield


def _link(place: Path, folder: Path, made: contextlib.ExitStack) -> None:
    """Put a link at a place, or where a folder has to stay there, links into that."""
    links = [(place, folder)]
    if place.is_dir() and not place.is_symlink():
        try:
            place.rmdir()
        except OSError:
            if any(place.iterdir()):
                return
            links = [(place / each.name, each) for each in folder.iterdir()]
        else:
            made.callback(place.mkdir)
    for link, target in links:
        link.symlink_to(target)
        made.callback(link.unlink, missing_ok=True)


def lay_out(model: Path, folder: Path, limits: Limits) -> None:
    """Make the model folder as the serving container finds it."""
    if model.is_dir():
        shutil.copytree(
            str(model), str(folder), symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    else:
        unpack(model, folder, limits)


def check_code(folder: Path, expected_sha256: str) -> None:
    """Compare the code as it was unpacked with the code as it was packaged.

    Raises:
        RefusedModelError: they differ; nothing of it may be imported.
    """
    found_sha256 = code_sha256(sorted_code(_unpacked_code(folder / CODE_FOLDER)))
    if found_sha256 == expected_sha256:
        return
    raise RefusedModelError(
        "code-changed",
        f"{CODE_FOLDER}/ is not what Package put into the archive: its digest is {found_sha256}, "
        f"the manifest's is {expected_sha256}.",
        "Package the model again; if this comes again, something changes archives on the way.",
    )


def _unpacked_code(folder: Path) -> Iterator[CodeMember]:
    for parent, folders, files in os.walk(str(folder)):
        for name in [*folders, *files]:
            path = Path(parent, name)
            inside = path.relative_to(folder).as_posix()
            if path.is_symlink():
                yield CodeMember(inside, 0, executable=False, target=os.readlink(str(path)))  # noqa: PTH115 3.9
            elif path.is_file():
                status = path.stat()
                executable = bool(status.st_mode & 0o100)
                yield CodeMember(
                    inside, status.st_size, executable, functools.partial(_content, path)
                )


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(functools.partial(file.read, MIB), b"")


def requirements_of(folder: Path) -> list[str]:
    """Return what ``code/requirements.txt`` of a model asks for."""
    path = folder / CODE_FOLDER / "requirements.txt"
    if not path.is_file():
        return []
    lines = [line.strip() for line in path.read_text("utf-8", "replace").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def layout_finding(folder: Path, entry_point: str) -> ModelFinding | None:
    """Return what is wrong with where things are."""
    if "/" in entry_point:
        name = Path(entry_point).name
        message = (
            f"The entry point {entry_point} (SAGEMAKER_PROGRAM) is in a subfolder: the container "
            "imports modules at the root of code/ only, and would serve its default functions."
        )
        fix = f"Put it at code/{name}, and name {name} as inference_entry_point."
        return ModelFinding("error", "entry-point-in-subfolder", message, fix)
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
