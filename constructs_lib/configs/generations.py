"""Takes a config document apart, whichever of its generations it is.

* G1: metadata.step_names {class: step}, config_sources {field: [steps]}; flat configuration
* G2: metadata.config_types {class: step}; configuration.shared, .processing, .specific
* G3: metadata.config_types {step: class}; the same sections; what ``save_configs`` writes
* later: as G3 without configuration.processing; flat field_sources; ``__model_type__`` markers
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from constructs_lib.configs.classes import (
    OTHER_CLASS_NAMES,
    ConfigClass,
    ConfigClasses,
    current_step_key,
    find_class,
    is_step_key,
)
from constructs_lib.configs.document import child_path
from constructs_lib.configs.problems import ConfigProblem, Findings, did_you_mean, shown
from constructs_lib.configs.processing import ProcessingStepConfigBase

_KEY_SUFFIX_FIELDS: Final = {"job_type", "data_type", "mode"}
"""Fields of the earlier system that became suffixes of step keys; no class here has them."""
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
    LATER = "later"


@dataclass(frozen=True)
class Layer:
    """Fields of one place in the file, with the JSON path of that place."""

    path: str
    fields: dict[str, Any]
    shared: bool
    """Whether other steps take fields from here too."""


@dataclass(frozen=True)
class Section:
    """One step of the file: its class, and where its fields come from, last layer first."""

    step: str
    config_class: ConfigClass
    layers: tuple[Layer, ...]

    @property
    def home(self) -> str:
        """The path of the place that is this step's own."""
        return self.layers[-1].path

    def located(self) -> dict[str, tuple[str, Any]]:
        """Each field that the class has, with its path in the file and its value."""
        return {
            name: (child_path(layer.path, name), value)
            for layer in self.layers
            for name, value in layer.fields.items()
            if name in self.config_class.model_fields
        }


def read_sections(
    document: dict[str, Any], config_classes: ConfigClasses, findings: Findings
) -> tuple[Generation | None, list[Section]]:
    """Find the generation and the steps; what is wrong with either goes to ``findings``."""
    metadata, configuration = (
        _object(document, "$", name, findings) for name in ("metadata", "configuration")
    )
    _warn_of_unknown("$", document, ("metadata", "configuration", "$schema"), findings)
    if metadata is None or configuration is None:
        return None, []
    generation = _detect(metadata, configuration, config_classes, findings)
    if generation is None:
        return None, []
    steps = _declared_steps(metadata, generation, config_classes, findings)
    if generation is Generation.G1:
        return generation, _flat_sections(metadata, configuration, steps, findings)
    return generation, _nested_sections(configuration, steps, findings)


def _object(
    parent: dict[str, Any], path: str, name: str, findings: Findings, *, required: bool = True
) -> dict[str, Any] | None:
    value = parent.get(name)
    if isinstance(value, dict):
        return value
    path = child_path(path, name)
    if name in parent:
        findings.problems.append(ConfigProblem(path, "must be a JSON object", shown(value)))
    elif required:
        findings.problems.append(ConfigProblem(path, "is required: a JSON object"))
    return None


def _detect(
    metadata: dict[str, Any],
    configuration: dict[str, Any],
    config_classes: ConfigClasses,
    findings: Findings,
) -> Generation | None:
    nested = "shared" in configuration or "specific" in configuration
    if "step_names" in metadata and "config_types" not in metadata and not nested:
        return Generation.G1
    if "config_types" not in metadata or "step_names" in metadata or not nested:
        findings.problems.append(ConfigProblem("$", _NO_GENERATION))
        return None
    config_types = _object(metadata, "$.metadata", "config_types", findings)
    if config_types is None:
        return None
    by_class = _is_by_class(config_types, config_classes)
    if by_class is None:
        problem = ConfigProblem("$.metadata.config_types", _NO_DIRECTION, shown(config_types))
        findings.problems.append(problem)
        return None
    if by_class:
        return Generation.G2
    return Generation.LATER if _is_later(metadata, configuration) else Generation.G3


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


@dataclass(frozen=True)
class _Step:
    """A step as the metadata declares it."""

    key: str
    """The key of the file, which may be an older one."""
    current_key: str
    config_class: ConfigClass

    @property
    def is_processing(self) -> bool:
        return issubclass(self.config_class, ProcessingStepConfigBase)


def _declared_steps(
    metadata: dict[str, Any],
    generation: Generation,
    config_classes: ConfigClasses,
    findings: Findings,
) -> list[_Step]:
    name = "step_names" if generation is Generation.G1 else "config_types"
    declared = _object(metadata, "$.metadata", name, findings) or {}
    by_class = generation in {Generation.G1, Generation.G2}
    steps: dict[str, _Step] = {}
    for left, right in declared.items():
        path = child_path(f"$.metadata.{name}", left)
        if not isinstance(right, str):
            findings.problems.append(ConfigProblem(path, "must be text", shown(right)))
            continue
        key, class_name = (right, left) if by_class else (left, right)
        step = _declared_step(key, class_name, path, config_classes, findings)
        if step and step.current_key in steps:
            message = f"step {shown(step.current_key)} is declared twice"
            findings.problems.append(ConfigProblem(path, message))
        elif step:
            steps[step.current_key] = step
    return list(steps.values())


def _declared_step(
    key: str, class_name: str, path: str, config_classes: ConfigClasses, findings: Findings
) -> _Step | None:
    config_class = find_class(class_name, config_classes)
    if config_class is None:
        known = [*config_classes, *OTHER_CLASS_NAMES]
        message = (
            f"unknown config class; known: {', '.join(config_classes)}"
            f"{did_you_mean(class_name, known)}"
        )
        findings.problems.append(ConfigProblem(path, message, shown(class_name)))
        return None
    current_key = current_step_key(key, config_class)
    if current_key is None:
        expected = config_class.STEP_KEY
        message = (
            f"is not a step key of {config_class.__name__}: use {expected}, "
            f"or {expected}_<value> for one of several"
        )
        findings.problems.append(ConfigProblem(path, message, shown(key)))
        return None
    return _Step(key, current_key, config_class)


def _flat_sections(
    metadata: dict[str, Any],
    configuration: dict[str, Any],
    steps: list[_Step],
    findings: Findings,
) -> list[Section]:
    path = "$.metadata.config_sources"
    sources = _object(metadata, "$.metadata", "config_sources", findings) or {}
    findings.problems.extend(
        ConfigProblem(child_path(path, name), "must be a list of step keys", shown(owners))
        for name, owners in sources.items()
        if not isinstance(owners, list)
    )
    findings.warnings.extend(
        ConfigProblem(
            child_path("$.configuration", name), "no step in config_sources has it, ignored"
        )
        for name in configuration
        if name not in sources
    )
    return [
        Section(step.current_key, step.config_class, (_flat_layer(configuration, sources, step),))
        for step in steps
    ]


def _flat_layer(configuration: dict[str, Any], sources: dict[str, Any], step: _Step) -> Layer:
    fields = {
        name: value
        for name, value in configuration.items()
        if isinstance(sources.get(name), list) and step.key in sources[name]
    }
    return _layer("$.configuration", fields, shared=True)


def _nested_sections(
    configuration: dict[str, Any], steps: list[_Step], findings: Findings
) -> list[Section]:
    path = "$.configuration"
    parts = {
        name: _object(configuration, path, name, findings, required=False) or {}
        for name in ("shared", "processing", "specific")
    }
    _warn_of_unknown(path, configuration, parts, findings)
    processing = [step.key for step in steps if step.is_processing]
    _warn_of_unknown(f"{path}.processing", parts["processing"], processing, findings)
    _warn_of_unknown(f"{path}.specific", parts["specific"], [each.key for each in steps], findings)
    shared = _layer(f"{path}.shared", parts["shared"], shared=True)
    return [
        Section(
            step.current_key,
            step.config_class,
            (shared, *_own_layers(path, parts, step, findings)),
        )
        for step in steps
    ]


def _own_layers(
    path: str, parts: dict[str, dict[str, Any]], step: _Step, findings: Findings
) -> Iterator[Layer]:
    for part in ("processing", "specific") if step.is_processing else ("specific",):
        part_path = f"{path}.{part}"
        fields = _object(parts[part], part_path, step.key, findings, required=False) or {}
        yield _layer(child_path(part_path, step.key), fields)


def _warn_of_unknown(
    path: str, found: Iterable[str], known: Iterable[str], findings: Findings
) -> None:
    findings.warnings.extend(
        ConfigProblem(child_path(path, name), f"unknown key, ignored{did_you_mean(name, known)}")
        for name in found
        if name not in known
    )


def _layer(path: str, fields: dict[str, Any], *, shared: bool = False) -> Layer:
    kept = {
        name: _without_markers(value)
        for name, value in fields.items()
        if not name.startswith("_") and name not in _KEY_SUFFIX_FIELDS
    }
    return Layer(path, kept, shared)


def _without_markers(value: Any) -> Any:
    """Return the value without the type markers that a later tool leaves in objects."""
    if isinstance(value, dict):
        return {
            name: _without_markers(each)
            for name, each in value.items()
            if not (name.startswith("__") and name.endswith("__"))
        }
    return [_without_markers(each) for each in value] if isinstance(value, list) else value
