"""The folder with one folder per pipeline: ``pipelines/<name>/config.json``."""

from __future__ import annotations

from pathlib import Path

from constructs_lib.configs import PipelineConfigs
from constructs_lib.errors import ReleaseError


class PipelinesFolderError(ReleaseError):
    """The folder of pipelines, or one of its folders, is not as expected."""


def config_paths(folder: Path) -> dict[str, Path]:
    """Return the path of each pipeline's config by the name of its folder, sorted.

    Args:
        folder: Usually ``pipelines``.

    Raises:
        PipelinesFolderError: The folder is missing or empty, or a config in it is.
    """
    if not folder.is_dir():
        raise PipelinesFolderError(
            f"There is no folder {folder}. Create {folder}/<name>/config.json for each model."
        )
    paths = {
        entry.name: entry / "config.json"
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith((".", "_"))
    }
    if not paths:
        raise PipelinesFolderError(
            f"{folder} holds no pipeline. Create {folder}/<name>/config.json for each model."
        )
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise PipelinesFolderError(
            f"Every folder in {folder} is a pipeline and needs a config: missing"
            f" {', '.join(missing)}. Create it, or let the folder's name start with '_'."
        )
    return paths


def config_path(folder: Path, name: str) -> Path:
    """Return the path of one pipeline's config.

    Raises:
        PipelinesFolderError: No folder has that name; lists those there are.
    """
    paths = config_paths(folder)
    if name not in paths:
        raise PipelinesFolderError(
            f"There is no pipeline {name!r} in {folder}. There are: {', '.join(paths)}."
        )
    return paths[name]


def load_pipelines(folder: Path) -> dict[str, PipelineConfigs]:
    """Load every pipeline's configs by the name of its folder.

    Raises:
        ReleaseError: A config is wrong, or two pipelines have the same name.
    """
    pipelines = {name: PipelineConfigs.load(path) for name, path in config_paths(folder).items()}
    owners: dict[str, str] = {}
    for name, configs in pipelines.items():
        other = owners.setdefault(configs.base.pipeline_name, name)
        if other != name:
            raise PipelinesFolderError(
                f"{folder / other} and {folder / name} have the same pipeline_name,"
                f" {configs.base.pipeline_name!r}. Give each its own."
            )
    return pipelines
