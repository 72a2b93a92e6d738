"""The folder with one folder per pipeline: ``pipelines/<name>/config.json``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from constructs_lib.configs import PipelineConfigs
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import RegionNames
from constructs_lib.suggestions import suggestion

# The name becomes a part of a stack's name: letters, digits and hyphens, 128 in all.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class PipelinesFolderError(ReleaseError):
    """The folder of pipelines, or one of its folders, is not as expected."""


def config_paths(folder: Path) -> dict[str, Path]:
    """Return the path of each pipeline's config by the name of its folder, sorted.

    Args:
        folder: Usually ``pipelines``.

    Raises:
        PipelinesFolderError: The folder is missing or empty, a config in it is missing, or a name
            in it cannot be a pipeline's.
    """
    paths = folders_of_pipelines(folder)
    if wrong := list(wrong_folders(folder, paths).values()):
        raise PipelinesFolderError("\n".join(wrong))
    return paths


def folders_of_pipelines(folder: Path) -> dict[str, Path]:
    """Return where each pipeline's config has to be by the name of its folder, sorted.

    Raises:
        PipelinesFolderError: The folder is missing or empty.
    """
    if not folder.is_dir():
        raise PipelinesFolderError(
            f"There is no folder {folder}. Make a pipeline in it: release new NAME. Or correct"
            " pipelines_dir in cdk.json."
        )
    paths = {
        entry.name: entry / "config.json"
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith((".", "_"))
    }
    if not paths:
        raise PipelinesFolderError(f"{folder} holds no pipeline. Make one: release new NAME.")
    return paths


def wrong_folders(folder: Path, paths: Mapping[str, Path]) -> dict[str, str]:
    """Tell by their names which folders cannot be a pipeline's, and why; the others can be used.

    Args:
        folder: Usually ``pipelines``.
        paths: Where the configs have to be, by the names of the folders in it.
    """
    wrong = dict(_wrong_names(folder, paths))
    for name, path in paths.items():
        if name not in wrong and not path.is_file():
            wrong[name] = (
                f"Every folder in {folder} is a pipeline and needs a config: missing {path}. Create"
                " it, or let the folder's name start with '_'."
            )
    return wrong


def refuse_name(name: str) -> None:
    """Refuse a name for a folder that is yet to be made.

    Raises:
        PipelinesFolderError: It cannot be a pipeline's.
    """
    if not _NAME.fullmatch(name):
        raise PipelinesFolderError(
            f"{name!r} cannot be the name of a pipeline's folder, because it becomes part of a"
            " stack's name: allowed are a letter followed by up to 63 letters, digits, '_' and '-'."
        )


def _wrong_names(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    owners: dict[str, str] = {}
    for name in names:
        if not _NAME.fullmatch(name):
            yield (
                name,
                f"{folder} holds a folder {name!r}, whose name cannot be a pipeline's: it becomes"
                " part of a stack's name. Rename it to a letter followed by up to 63 letters,"
                " digits, '_' and '-'; or let the name start with '_' if it is no pipeline.",
            )
        # As in the stack's name.
        other = owners.setdefault(name.replace("_", "-"), name)
        if other != name:
            yield (
                name,
                f"{folder / other} and {folder / name} would have the same stack, because '_'"
                " becomes '-' in its name. Rename one of them.",
            )


def config_path(folder: Path, name: str) -> Path:
    """Return the path of one pipeline's config; what is wrong with other folders is no matter.

    Raises:
        PipelinesFolderError: No folder has that name, and those there are, are named; or it cannot
            be a pipeline's.
    """
    paths = folders_of_pipelines(folder)
    if name not in paths:
        raise PipelinesFolderError(
            f"There is no pipeline {name!r} in {folder}.{suggestion(name, paths)}"
        )
    if wrong := wrong_folders(folder, paths).get(name):
        raise PipelinesFolderError(wrong)
    return paths[name]


def load_pipelines(
    folder: Path, region_names: RegionNames | None = None
) -> dict[str, PipelineConfigs]:
    """Load every pipeline's configs by the name of its folder.

    Args:
        folder: Usually ``pipelines``.
        region_names: What regions are called; by default as in the earlier system.

    Raises:
        ReleaseError: A config is wrong, or two pipelines have the same name.
    """
    pipelines = {
        name: PipelineConfigs.load(path, region_names=region_names)
        for name, path in config_paths(folder).items()
    }
    refuse_equal_names(pipelines)
    return pipelines


def readable_pipelines(
    folder: Path, region_names: RegionNames | None = None
) -> dict[str, PipelineConfigs]:
    """Load the configs that can be used by the names of their folders, and pass over the others.

    Args:
        folder: Usually ``pipelines``.
        region_names: What regions are called; by default as in the earlier system.

    Raises:
        PipelinesFolderError: The folder is missing or empty.
    """
    paths = folders_of_pipelines(folder)
    wrong = wrong_folders(folder, paths)
    found = {}
    for name, path in paths.items():
        if name not in wrong:
            with suppress(ReleaseError):
                found[name] = PipelineConfigs.read(path, region_names=region_names)
    return found


def refuse_equal_names(pipelines: Mapping[str, PipelineConfigs]) -> None:
    """Refuse pipelines that would have the same name in SageMaker.

    Also such as differ in case only: ARNs hold names in lower case, so each would be allowed what
    the other is.

    Args:
        pipelines: Configs by the name of their folder.

    Raises:
        PipelinesFolderError: Two have the same ``pipeline_name``, but for its case.
    """
    owners: dict[str, tuple[str, str]] = {}
    for folder, configs in pipelines.items():
        name = configs.base.pipeline_name
        other, given = owners.setdefault(name.lower(), (folder, name))
        if other != folder:
            what = f"the same pipeline_name, {name!r}"
            if name != given:
                what = f"pipeline_names that differ in case only, {given!r} and {name!r}"
            raise PipelinesFolderError(f"{other} and {folder} have {what}. Give each its own.")
