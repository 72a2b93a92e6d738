"""Finds out which format a config file is in.

* G1: metadata.step_names {class: step}, config_sources {field: [steps]}; flat configuration
* G2: metadata.config_types {class: step}; configuration.shared, .processing, .specific
* G3: metadata.config_types {step: class}; the same sections
* G4: as G3, with metadata.format 4; what ``save_configs`` writes
* later: as G3 without configuration.processing; flat field_sources; ``__model_type__`` markers
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from constructs_lib.configs.classes import (
    OF_THE_CURRENT_FORMAT,
    ConfigClasses,
    find_class,
    is_step_key,
)
from constructs_lib.configs.document import child_path
from constructs_lib.configs.formats import renamed
from constructs_lib.configs.problems import ConfigProblem, Findings
from constructs_lib.fields.rules import shown

CURRENT_FORMAT: Final = 4
"""``metadata.format`` of files in the current format; those of other formats have none."""
_METADATA: Final = ("format", "config_types", "created_at", "field_sources")
_NO_GENERATION: Final = (
    "cannot tell which generation this file is: it needs metadata.config_types with "
    "configuration.shared and configuration.specific (or, as the oldest files, "
    "metadata.step_names and config_sources with a flat configuration)"
)
_NO_DIRECTION: Final = (
    'must map each step key to its class name, as in {"Base": "BasePipelineConfig"} '
    "(or, in older files, each class name to its step key)"
)


class Generation(StrEnum):
    """The formats that config files exist in."""

    G1 = "G1"
    G2 = "G2"
    G3 = "G3"
    G4 = "G4"
    LATER = "later"

    @property
    def how_to_be_current(self) -> str:
        """What to do with a file of this generation for it to be one of the current format."""
        if self is Generation.G3:
            return f'add "format": {CURRENT_FORMAT} to metadata'
        return f"save the file in format {CURRENT_FORMAT} (docs/migrate.md says how)"

    @property
    def renamed(self) -> Mapping[str, str]:
        """The fields that files of this generation call by another name, with today's name."""
        if self is Generation.G4:
            return {}
        later = self is Generation.LATER
        return renamed.OF_THE_LATER_TOOL if later else renamed.OF_OLDER_FILES


def classes_of_format(document: Mapping[str, Any], config_classes: ConfigClasses) -> ConfigClasses:
    """Return the classes that a document of its format can have: older ones lack the newest."""
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and "format" in metadata:
        return config_classes
    return {
        name: each for name, each in config_classes.items() if each not in OF_THE_CURRENT_FORMAT
    }


def detect(
    metadata: dict[str, Any],
    configuration: dict[str, Any],
    config_classes: ConfigClasses,
    findings: Findings,
) -> Generation | None:
    """Find the generation; what hides it goes to ``findings``, which become strict in format 4."""
    nested = "shared" in configuration or "specific" in configuration
    if "format" in metadata and not _is_current(metadata["format"], findings):
        return None
    findings.strict = "format" in metadata
    if "step_names" in metadata and not {"config_types", "format"} & metadata.keys() and not nested:
        return Generation.G1
    if "config_types" not in metadata or "step_names" in metadata or not nested:
        findings.problems.append(ConfigProblem("$", _NO_GENERATION))
        return None
    config_types = as_object(metadata, "$.metadata", "config_types", findings)
    if config_types is None:
        return None
    if not findings.strict and _is_later(metadata, configuration):
        return Generation.LATER
    by_class = _is_by_class(config_types, config_classes)
    if by_class is None or (by_class and findings.strict):
        problem = ConfigProblem("$.metadata.config_types", _NO_DIRECTION, shown(config_types))
        findings.problems.append(problem)
        return None
    if by_class:
        return Generation.G2
    tell_unknown(findings, "$.metadata", metadata, _METADATA)
    return Generation.G4 if findings.strict else Generation.G3


def _is_current(given: Any, findings: Findings) -> bool:
    if given == CURRENT_FORMAT:
        return True
    message = f"must be {CURRENT_FORMAT}, the current format; files of older formats have none"
    findings.problems.append(ConfigProblem("$.metadata.format", message, shown(given)))
    return False


def _is_by_class(config_types: dict[str, Any], config_classes: ConfigClasses) -> bool | None:
    """Whether the keys are class names; ``None`` when that is unclear, or only some are."""

    def is_class(name: str) -> bool:
        return find_class(name, config_classes) is not None

    texts = [(key, value) for key, value in config_types.items() if isinstance(value, str)]
    by_class = any(is_class(key) or is_step_key(value, config_classes) for key, value in texts)
    by_step = any(is_class(value) or is_step_key(key, config_classes) for key, value in texts)
    return None if by_class == by_step else by_class


def _is_later(metadata: dict[str, Any], configuration: dict[str, Any]) -> bool:
    sources, specific = metadata.get("field_sources"), configuration.get("specific")
    flat = isinstance(sources, dict) and any(isinstance(each, list) for each in sources.values())
    marked = isinstance(specific, dict) and any(
        "__model_type__" in each for each in specific.values() if isinstance(each, dict)
    )
    return "processing" not in configuration and (flat or marked)


def as_object(
    parent: dict[str, Any], path: str, name: str, findings: Findings, *, required: bool = True
) -> dict[str, Any] | None:
    """Return a member that has to be a JSON object; ``None``, and a problem, when it is none."""
    value = parent.get(name)
    if isinstance(value, dict):
        return value
    path = child_path(path, name)
    if name in parent:
        findings.problems.append(ConfigProblem(path, "must be a JSON object", shown(value)))
    elif required:
        findings.problems.append(ConfigProblem(path, "is required: a JSON object"))
    return None


def tell_unknown(
    findings: Findings,
    path: str,
    found: Mapping[str, Any],
    known: Mapping[str, Any] | tuple[str, ...],
) -> None:
    """Tell of the keys of an object that it should not have."""
    for name in found:
        if name not in known:
            findings.unknown(child_path(path, name), "key", name, known)
