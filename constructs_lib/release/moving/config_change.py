"""The change of a config file that moves its pipeline to another serving container."""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from constructs_lib.configs import ConfigFileError, PipelineConfigs
from constructs_lib.configs.files import ConfigFile
from constructs_lib.configs.formats.detection import Generation
from constructs_lib.configs.serving import OF_CUSTOM, VERSIONS_OF_RAY
from constructs_lib.configs.training import PytorchTrainingConfig
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import RegionNames
from constructs_lib.release.moving.json_text import with_member, without_member
from constructs_lib.text_files import replace_text

_KEY: Final = re.compile(r'\.(\w+)|\["((?:[^"\\]|\\.)*)"\]')
_MARK: Final = "\ufeff"
"""The byte order mark that some editors put before a text in UTF-8; no part of the JSON."""
_OF_OTHER_CONTAINERS: Final = tuple(
    sorted([*OF_CUSTOM, "serving_image_digests", "transformers_version"])
)


class MoveError(ReleaseError):
    """A pipeline that cannot be moved."""


@dataclass(frozen=True)
class FieldChange:
    """One field of the file that becomes another; None where it is not in the file."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """Render one line."""
        before, after = (
            "not set" if each is None else json.dumps(each) for each in (self.before, self.after)
        )
        return f"{self.path}: {before} -> {after}"


@dataclass(frozen=True)
class ConfigChange:
    """What becomes of a config file."""

    file: Path
    text: str
    """All of it, as it will be."""
    changes: tuple[FieldChange, ...]
    configs: PipelineConfigs
    """What it holds then."""

    def write(self) -> None:
        """Replace the file as a whole; a link to it stays one.

        Raises:
            MoveError: It cannot be written, or is not meant to be; it is as it was.
        """
        if not os.access(self.file, os.W_OK):
            raise MoveError(
                f"{self.file} cannot be written, as its permissions do not let you. Get the right"
                f" to: chmod u+w {shlex.quote(str(self.file))}"
            )
        try:
            replace_text(self.file.resolve(), self.text)
        except OSError as error:
            raise MoveError(f"{self.file} cannot be written: {error.strerror}.") from error


def move_to_ray(configs: PipelineConfigs, region_names: RegionNames | None = None) -> ConfigChange:
    """Work out how a config file names Ray Serve's container. Writes nothing.

    Args:
        configs: What the file holds now.
        region_names: What regions are called; by default as in the earlier system.

    Raises:
        MoveError: There is no file, or what it would be is wrong.
    """
    if configs.file is None:
        raise MoveError("The configs are of no file that could be changed.")
    file = configs.file.file
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MoveError(f"{file} cannot be read: {error}.") from error
    mark = _MARK if text.startswith(_MARK) else ""
    text = text.removeprefix(mark)
    changes = tuple(_changes(configs.file, configs, text))
    for change in changes:
        text = _applied(text, change, file)
    moved = _read(text, file, region_names)
    if moved.model.serving_container != "ray":
        raise MoveError(
            f"{file} is of a format that does not take the field from here: write serving_container"
            " by hand, or save the file in the current format (docs/migrate.md says how)."
        )
    return ConfigChange(file, mark + text, changes, moved)


def _changes(file: ConfigFile, configs: PipelineConfigs, text: str) -> Iterator[FieldChange]:
    step = file.step_of(type(configs.model))
    trains = any(each.config_class is PytorchTrainingConfig for each in file.sections)
    home = file.home_of(step)
    for name, after in VERSIONS_OF_RAY.items():
        path, before = file.locate(step, name)
        if before is None or before == after:
            continue
        if trains and not path.startswith(home):
            # Training has a container of its own, which stays: the model's gets its own version.
            yield FieldChange(f"{home}.{name}", None, after)
        else:
            yield FieldChange(path, before, after)
    for name in _OF_OTHER_CONTAINERS:
        path, before = file.locate(step, name)
        if before is not None:
            yield FieldChange(path, before, None)
    path, before = file.locate(step, "serving_container")
    if before != "ray":
        yield FieldChange(path, before, "ray")
    if before is None and file.generation is Generation.G1:
        # There a field is of the steps that the metadata names, by the file's own keys.
        keys = json.loads(text)["metadata"]["step_names"]
        owners = [keys[type(configs.model).__name__]]
        yield FieldChange("$.metadata.config_sources.serving_container", None, owners)


def _applied(text: str, change: FieldChange, file: Path) -> str:
    *keys, name = (
        plain or json.loads(f'"{quoted}"') for plain, quoted in _KEY.findall(change.path)
    )
    try:
        if change.after is None:
            return without_member(text, keys, name)
        try:
            return with_member(text, keys, name, change.after)
        except KeyError:
            # The section has all of its fields in what sections share: one more does no harm there.
            return with_member(text, [*keys[:-2], "shared"], name, change.after)
    except KeyError as error:
        raise MoveError(
            f"{file} has no place for {change.path}: set {name} to {json.dumps(change.after)} by"
            " hand, in the section of the model."
        ) from error


def _read(text: str, file: Path, region_names: RegionNames | None) -> PipelineConfigs:
    """Read what the file would be, where nobody takes it for the file."""
    with tempfile.TemporaryDirectory(prefix="move-") as folder:
        draft = Path(folder) / file.name
        draft.write_text(text, encoding="utf-8", newline="")
        try:
            configs = PipelineConfigs.read(draft, root=file.parent, region_names=region_names)
        except ConfigFileError as error:
            told = "\n".join(f"  {problem}" for problem in error.problems)
            raise MoveError(
                f"{file} cannot be moved, as it would be wrong then. Correct it first:\n{told}"
            ) from error
    assert configs.file is not None  # noqa: S101 for mypy: it was read from one
    return replace(configs, file=replace(configs.file, file=file))
