"""Takes a config document apart into the sections of its steps, whichever its format is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.classes import (
    OF_THE_CURRENT_FORMAT,
    OTHER_CLASS_NAMES,
    ConfigClass,
    ConfigClasses,
    current_step_key,
    find_class,
)
from constructs_lib.configs.document import child_path
from constructs_lib.configs.formats.detection import (
    CURRENT_FORMAT,
    Generation,
    as_object,
    detect,
    tell_unknown,
)
from constructs_lib.configs.problems import ConfigProblem, Findings
from constructs_lib.configs.processing import ProcessingStepConfigBase
from constructs_lib.configs.registration import ModelRegistrationConfig, PayloadConfig
from constructs_lib.fields.rules import did_you_mean, shown

_KEY_SUFFIX_FIELDS: Final = {"job_type", "data_type", "mode"}
"""Fields of the earlier system that became suffixes of step keys; no class here has them."""
_NEAR: Final = 0.85
"""How near a class has to be to be meant: those of two frameworks differ in a word only."""


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
    renamed: Mapping[str, str] = field(default_factory=dict)
    """What files of this format may call a field, and what the class calls it."""

    @property
    def home(self) -> str:
        """The path of the place that is this step's own."""
        return self.layers[-1].path

    def located(self) -> dict[str, tuple[str, Any]]:
        """Each field that the class has, with its path in the file and its value."""
        located: dict[str, tuple[str, Any]] = {}
        for layer in self.layers:
            found = {
                name: (child_path(layer.path, name), value) for name, value in layer.fields.items()
            }
            for name, current in self.renamed.items():
                if name in found and found.get(current, ("", None))[1] is None:
                    found[current] = found[name]
            located |= found
        return {
            name: each for name, each in located.items() if name in self.config_class.model_fields
        }

    def renamed_here(self) -> dict[str, str]:
        """Return the fields that the file calls by another name, with today's name."""
        return {
            name: current
            for name, current in self.renamed.items()
            if current in self.config_class.model_fields
            and any(name in layer.fields for layer in self.layers)
        }


@dataclass(frozen=True)
class DocumentContent:
    """What a config document holds."""

    generation: Generation | None = None
    sections: tuple[Section, ...] = ()
    unsupported: tuple[str, ...] = ()
    """Steps of a later tool that have no counterpart here."""


def read_content(
    document: dict[str, Any], config_classes: ConfigClasses, findings: Findings
) -> DocumentContent:
    """Find the generation and the steps; what is wrong with either goes to ``findings``."""
    metadata, configuration = (
        as_object(document, "$", name, findings) for name in ("metadata", "configuration")
    )
    generation = None
    if metadata is not None and configuration is not None:
        generation = detect(metadata, configuration, config_classes, findings)
    tell_unknown(findings, "$", document, ("metadata", "configuration", "$schema"))
    if metadata is None or configuration is None or generation is None:
        return DocumentContent()
    steps = _declared_steps(metadata, generation, config_classes, findings)
    known = [each for each in steps if isinstance(each, _Step)]
    unsupported = tuple(each for each in steps if isinstance(each, str))
    if generation is Generation.G1:
        sections = _flat_sections(metadata, configuration, known, findings)
    else:
        sections = _nested_sections(configuration, known, findings, generation, unsupported)
    return DocumentContent(generation, tuple(sections), unsupported)


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
) -> list[_Step | str]:
    """Read the steps in their order; of one that has no counterpart here its key alone."""
    name = "step_names" if generation is Generation.G1 else "config_types"
    declared = as_object(metadata, "$.metadata", name, findings) or {}
    by_class = generation in {Generation.G1, Generation.G2}
    steps: dict[str, _Step | str] = {}
    for left, right in declared.items():
        path = child_path(f"$.metadata.{name}", left)
        if not isinstance(right, str):
            findings.problems.append(ConfigProblem(path, "must be text", shown(right)))
            continue
        key, class_name = (right, left) if by_class else (left, right)
        if generation is Generation.LATER and find_class(class_name, config_classes) is None:
            steps[key] = key
            continue
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
        newer = [each.__name__ for each in OF_THE_CURRENT_FORMAT]
        hint = (
            f"; {class_name} is of files in format {CURRENT_FORMAT}"
            if class_name in newer
            else did_you_mean(class_name, known, cutoff=_NEAR)
        )
        message = f"unknown config class; known: {', '.join(config_classes)}{hint}"
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
    sources = as_object(metadata, "$.metadata", "config_sources", findings) or {}
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
        Section(
            step.current_key,
            step.config_class,
            (_flat_layer(configuration, sources, step),),
            Generation.G1.renamed,
        )
        for step in steps
    ]


def _flat_layer(configuration: dict[str, Any], sources: dict[str, Any], step: _Step) -> Layer:
    fields = {
        name: value
        for name, value in configuration.items()
        if isinstance(sources.get(name), list) and step.key in sources[name]
    }
    return _layer("$.configuration", fields, Findings(), shared=True)


def _nested_sections(
    configuration: dict[str, Any],
    steps: list[_Step],
    findings: Findings,
    generation: Generation,
    unsupported: tuple[str, ...],
) -> list[Section]:
    path = "$.configuration"
    parts = {
        name: as_object(configuration, path, name, findings, required=False) or {}
        for name in ("shared", "processing", "specific")
    }
    tell_unknown(findings, path, configuration, parts)
    processing = tuple(step.key for step in steps if step.is_processing)
    tell_unknown(findings, f"{path}.processing", parts["processing"], processing)
    keys = (*(each.key for each in steps), *unsupported)
    tell_unknown(findings, f"{path}.specific", parts["specific"], keys)
    shared = _layer(f"{path}.shared", parts["shared"], findings, shared=True)
    sections = [
        Section(
            step.current_key,
            step.config_class,
            (shared, *_own_layers(path, parts, step, findings)),
            generation.renamed,
        )
        for step in steps
    ]
    return _completed(sections) if generation is Generation.LATER else sections


def _completed(sections: list[Section]) -> list[Section]:
    """Give a later tool's sections what they share here: Base of any, Payload of Registration."""
    by_class = {each.config_class: each for each in sections}
    registration = by_class.get(ModelRegistrationConfig)
    needed = {
        name
        for name, each in ModelRegistrationConfig.model_fields.items()
        if each.default is not None
    }
    completed = [
        replace(each, layers=(*each.layers[:1], *_only(registration, needed), *each.layers[1:]))
        if each.config_class is PayloadConfig and registration
        else each
        for each in sections
    ]
    if sections and BasePipelineConfig not in by_class:
        base = _only(sections[-1], BasePipelineConfig.model_fields)
        completed.insert(0, Section(BasePipelineConfig.STEP_KEY, BasePipelineConfig, base))
    return completed


def _only(section: Section, known: Collection[str]) -> tuple[Layer, ...]:
    """Return the layers of a section with some of their fields."""
    return tuple(
        replace(
            layer,
            fields={
                name: value
                for name, value in layer.fields.items()
                if section.renamed.get(name, name) in known
            },
        )
        for layer in section.layers
    )


def _own_layers(
    path: str, parts: dict[str, dict[str, Any]], step: _Step, findings: Findings
) -> Iterator[Layer]:
    for part in ("processing", "specific") if step.is_processing else ("specific",):
        part_path = f"{path}.{part}"
        fields = as_object(parts[part], part_path, step.key, findings, required=False) or {}
        yield _layer(child_path(part_path, step.key), fields, findings)


def _layer(path: str, fields: dict[str, Any], findings: Findings, *, shared: bool = False) -> Layer:
    kept = {
        name: value if findings.strict else _without_markers(value)
        for name, value in fields.items()
        if findings.strict or not (name.startswith("_") or name in _KEY_SUFFIX_FIELDS)
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
