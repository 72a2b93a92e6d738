"""A pipeline by either of its names: that of its folder, or that of the pipeline in AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from commands.terminal import places
from commands.terminal.messages import tell
from constructs_lib.errors import ReleaseError

if TYPE_CHECKING:
    from constructs_lib.regions import RegionNames

_PIPELINE_NAME: Final = re.compile(r'"pipeline_name"\s*:\s*"([^"\\]+)"')


def folder_named(name: str) -> str:
    """Return the folder of a pipeline; a name that nothing has stays, for its command to refuse."""
    known = dict(_names())
    if name in known:
        return name
    return next((folder for folder, pipeline in known.items() if pipeline == name), name)


def folder_of(pipeline: str) -> str | None:
    """Return the folder of the app that makes a pipeline of that name, if there is one."""
    return next((folder for folder, name in _names() if name == pipeline), None)


def folders_named(names: list[str] | None) -> list[str] | None:
    """Return the folders of several pipelines, or what stands for all of them."""
    return names and [folder_named(name) for name in names]


def pipeline_named(name: str) -> str:
    """Return the pipeline of a folder; any other name is taken for that of a deployed pipeline.

    Warns when a folder's config does not tell the name, because the config is wrong.
    """
    folders = _folders()
    if name not in folders.paths:  # then reading every config would change nothing
        return name
    known = dict(_names(folders))
    if known.get(name) == name:
        _warn_of_config(name)
    return name if name in known.values() else known.get(name, name)


def is_known(name: str) -> bool:
    """Whether a pipeline's folder, or a pipeline, has that name."""
    known = dict(_names())
    return name in known or name in known.values()


class _Folders(NamedTuple):
    """The folders of all pipelines, and what their configs are read with."""

    paths: Mapping[str, Path]
    """The config of each by its folder's name."""
    region_names: RegionNames | None = None


def _names(folders: _Folders | None = None) -> Iterator[tuple[str, str]]:
    """Yield the folder and the name of each pipeline, as far as its config can be read."""
    from constructs_lib.configs import PipelineConfigs

    paths, region_names = folders or _folders()
    for folder, path in paths.items():
        try:
            configs = PipelineConfigs.read(path, region_names=region_names)
            yield folder, configs.base.pipeline_name
        except ReleaseError:
            yield folder, _name_in(path) or folder


def _folders() -> _Folders:
    """Find the folders; none where settings cannot be read."""
    from constructs_lib.configs.folder import folders_of_pipelines

    try:
        settings = places.read_settings()
        paths = folders_of_pipelines(places.pipelines_folder(settings))
        return _Folders(paths, settings.region_names)
    except ReleaseError:
        return _Folders({})


def _warn_of_config(folder: str) -> None:
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.configs.folder import config_path

    try:
        settings = places.read_settings()
        path = config_path(places.pipelines_folder(settings), folder)
        PipelineConfigs.read(path, region_names=settings.region_names)
    except ReleaseError as error:
        tell("warning", f"The name of the pipeline of {folder} is not known: {error}")


def _name_in(path: Path) -> str | None:
    """Return the name that a config gives, though something else in it is wrong."""
    try:
        found = _PIPELINE_NAME.search(path.read_text(encoding="utf-8-sig", errors="replace"))
    except OSError:
        return None
    return found and found[1]
