"""Reads and writes the config file: one JSON document for all steps of a pipeline.

Five formats of it exist (see ``formats.detection``). All are read; the current one is written.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from constructs_lib.configs.base import BasePipelineConfig, current_defaults
from constructs_lib.configs.classes import CONFIG_CLASSES, ConfigClasses
from constructs_lib.configs.document import child_path, read_document
from constructs_lib.configs.formats.detection import (
    CURRENT_FORMAT,
    Generation,
    classes_of_format,
)
from constructs_lib.configs.formats.later_tool import what_is_read
from constructs_lib.configs.formats.sections import DocumentContent, Section, read_content
from constructs_lib.configs.problems import ConfigFileError, ConfigProblem, Findings
from constructs_lib.configs.processing import ProcessingStepConfigBase
from constructs_lib.configs.training import PytorchTrainingConfig
from constructs_lib.fields.regions import REGION_NAMES
from constructs_lib.fields.rules import message_of, shown
from constructs_lib.regions import RegionNames
from constructs_lib.terminal.paths import shown_path
from constructs_lib.text_files import replace_text

logger = logging.getLogger(__name__)

_OF_THE_CURRENT_FORMAT: Final = {
    "environment_variables": "the container has only the variables that the app sets",
    "train_in_pipeline": "nothing is trained",
    "numeric_field_values": "every NUMERIC input has default_numeric_value",
    "sample_requests_dir": "the generated sample requests are all there are",
}
"""Fields that only the current format has, and what is so without them."""
# Not told twice: a default that cannot be derived follows from a problem with another field, and
# NaN was found when the document was read.
_REPORTED_ALREADY: Final = {"default_factory_not_called", "finite_number"}


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """All that reading a config file brought up, good and bad."""

    file: Path
    generation: Generation | None
    sections: tuple[Section, ...]
    """Every step that the file declares, also those whose fields are wrong."""
    configs: dict[str, BasePipelineConfig]
    """The steps without problems, by step key."""
    unsupported: tuple[str, ...]
    """Steps of a later tool that have no counterpart here."""
    problems: tuple[ConfigProblem, ...]
    warnings: tuple[ConfigProblem, ...]

    def renamed(self) -> dict[str, str]:
        """Return the fields that the file calls by another name, with today's name."""
        return {
            name: current
            for section in self.sections
            for name, current in section.renamed_here().items()
        }

    def locate(self, step: str, field: str) -> tuple[str, Any]:
        """Return the JSON path and value of a step's field; no value when it is not in the file."""
        section = next(each for each in self.sections if each.step == step)
        return section.located().get(field, (child_path(section.home, field), None))

    def step_of(self, config_class: type[BasePipelineConfig]) -> str:
        """Return the key of the step that is of exactly this class."""
        return next(each.step for each in self.sections if each.config_class is config_class)

    def home_of(self, step: str) -> str:
        """Return the JSON path of the place that is a step's own."""
        return next(each.home for each in self.sections if each.step == step)


def read_config_file(
    path: Path | str,
    config_classes: ConfigClasses = CONFIG_CLASSES,
    *,
    root: Path | str | None = None,
    region_names: RegionNames | None = None,
) -> ConfigFile:
    """Read a config file of any generation and find everything that is wrong with it.

    Args:
        path: The config file.
        config_classes: The classes that the file may name.
        root: The folder that relative local paths in the file start at; by default the file's.
        region_names: What regions are called; by default as in the earlier system.
    """
    file = Path(path)
    document, problems = read_document(file)
    findings = Findings(problems=problems)
    content = DocumentContent()
    if document is not None:
        config_classes = classes_of_format(document, config_classes)
        content = read_content(document, config_classes, findings)
    sections = list(content.sections)
    _tell_unknown_fields(content, config_classes, findings)
    findings.problems.extend(_fields_of_the_current_format(content))
    context = {
        "root": file.parent if root is None else Path(root),
        REGION_NAMES: region_names or RegionNames(),
    }
    is_current = content.generation is Generation.G4
    configs = {
        section.step: config
        for section in sections
        if (config := _build(section, sections, context, findings, is_current=is_current))
    }
    return ConfigFile(
        file=file,
        generation=content.generation,
        sections=content.sections,
        configs=configs,
        unsupported=content.unsupported,
        problems=tuple(dict.fromkeys(findings.problems)),
        warnings=tuple(dict.fromkeys(findings.warnings)),
    )


def load_configs(
    path: Path | str,
    config_classes: ConfigClasses = CONFIG_CLASSES,
    *,
    root: Path | str | None = None,
    region_names: RegionNames | None = None,
) -> dict[str, BasePipelineConfig]:
    """Read the configs of a file by step key (``Base``, ``PytorchModel``, ...).

    What is odd but usable, such as an unknown field, is logged as a warning.

    Args:
        path: A config file of any generation.
        config_classes: The classes that the file may name.
        root: The folder that relative local paths in the file start at; by default the file's.
        region_names: What regions are called; by default as in the earlier system.

    Raises:
        ConfigFileError: the file cannot be used; the error holds all of its problems.
    """
    config_file = read_config_file(path, config_classes, root=root, region_names=region_names)
    log_warnings(config_file.file, config_file.warnings)
    if config_file.problems:
        raise ConfigFileError(config_file.file, config_file.problems)
    return config_file.configs


def log_warnings(file: Path | str, warnings: Iterable[ConfigProblem]) -> None:
    """Log what is odd in a file."""
    for warning in warnings:
        logger.warning("%s: %s", shown_path(file), warning)


def _tell_unknown_fields(
    content: DocumentContent, config_classes: ConfigClasses, findings: Findings
) -> None:
    unknown = list(_unknown_fields(content.sections, config_classes))
    if content.generation is not Generation.LATER:
        for path, name, known in unknown:
            findings.unknown(path, "field", name, known)
        return
    renamed = dict(item for each in content.sections for item in each.renamed_here().items())
    told = what_is_read(content.unsupported, renamed, [name for _, name, _ in unknown])
    findings.warnings.extend([told] if told else [])


def _unknown_fields(
    sections: Iterable[Section], config_classes: ConfigClasses
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each field that nothing has: its path, its name and the names that it could have."""
    anywhere = {name for each in config_classes.values() for name in each.model_fields}
    for section in sections:
        own = set(section.config_class.model_fields)
        for layer in section.layers:
            known = anywhere if layer.shared else own
            for name in layer.fields:
                if section.renamed.get(name, name) not in known:
                    yield child_path(layer.path, name), name, sorted(known)


def _fields_of_the_current_format(content: DocumentContent) -> Iterator[ConfigProblem]:
    """Refuse, in other formats, what only the current one has."""
    if content.generation in (None, Generation.G4):
        return
    for section in content.sections:
        for name, (path, value) in section.located().items():
            if name in _OF_THE_CURRENT_FORMAT and value is not None:
                message = (
                    f"is a field of files in format {CURRENT_FORMAT}:"
                    f" {content.generation.how_to_be_current}, or leave the field out, without"
                    f" which {_OF_THE_CURRENT_FORMAT[name]}"
                )
                yield ConfigProblem(path, message, shown(value))


def _build(
    section: Section,
    sections: list[Section],
    context: dict[str, Any],
    findings: Findings,
    *,
    is_current: bool,
) -> BasePipelineConfig | None:
    fields = _set({name: value for name, (_, value) in section.located().items()})
    if is_current:
        fields = {**current_defaults(section.config_class), **fields}
    try:
        # From JSON: of Python values, strict mode would refuse a list where a tuple is declared.
        return section.config_class.model_validate_json(
            json.dumps(fields), strict=True, context=context
        )
    except ValidationError as error:
        problems = [
            _problem(each, section, sections)
            for each in error.errors(include_url=False)
            if each["type"] not in _REPORTED_ALREADY
        ]
    if section.config_class is PytorchTrainingConfig and not findings.strict:
        # Nothing trains with it. What is wrong in shared fields is told of the other sections, too.
        message = f"the section is left out, which changes nothing; wrong in it: {problems[0]}"
        findings.warnings.append(ConfigProblem(section.home, message))
    else:
        findings.problems.extend(problems)
    return None


def _problem(error: ErrorDetails, section: Section, sections: list[Section]) -> ConfigProblem:
    name, *inner = error["loc"]
    located = section.located()
    if name in located:
        path, value = located[str(name)][0], error["input"]
        for key in inner:
            path = child_path(path, key)
        return ConfigProblem(
            path, message_of(error), None if error["type"] == "missing" else shown(value)
        )
    if error["type"] == "missing":
        field = section.config_class.model_fields[str(name)]
        message = f"is required: {field.description}"
        return ConfigProblem(_path_of_missing(str(name), section, sections), message)
    for other in error.get("ctx", {}).get("other_fields", ()):
        if other in located:
            path, value = located[other]
            return ConfigProblem(path, message_of(error), shown(value))
    return ConfigProblem(
        child_path(section.home, str(name)), message_of(error), shown(error["input"])
    )


def _path_of_missing(name: str, section: Section, sections: list[Section]) -> str:
    """Where to add a field: shared when no section has it and several would take it."""
    takers = [each for each in sections if name in each.config_class.model_fields]
    if len(takers) > 1 and not any(name in each.located() for each in takers):
        return child_path(section.layers[0].path, name)
    return child_path(section.home, name)


def save_configs(
    configs: Mapping[str, BasePipelineConfig],
    path: Path | str,
    *,
    created_at: datetime | None = None,
) -> None:
    """Write configs as a file of the current generation; the file is replaced as a whole.

    A file that is replaced keeps its ``$schema``, by which editors check it. A new one has none:
    where the schema lies from there is no part of the configs.

    Args:
        configs: The configs by step key, as ``load_configs`` returns them.
        path: The file to write.
        created_at: What ``metadata.created_at`` says; by default now.

    Raises:
        ConfigFileError: the file cannot be written; one that was there is as it was.
    """
    file = Path(path)
    document = {
        **_schema_reference(file),
        **_document(configs, created_at or datetime.now(UTC)),
    }
    try:
        text = json.dumps(document, indent=2, sort_keys=True, allow_nan=False)
        replace_text(file, f"{text}\n")
    except OSError as error:
        problem = ConfigProblem("$", f"cannot write the file: {error.strerror or error}")
        raise ConfigFileError(file, [problem]) from error


def _schema_reference(file: Path) -> dict[str, str]:
    document, _ = read_document(file)
    reference = (document or {}).get("$schema")
    return {"$schema": reference} if isinstance(reference, str) else {}


def _document(configs: Mapping[str, BasePipelineConfig], created_at: datetime) -> dict[str, Any]:
    fields = {step: config.model_dump(mode="json") for step, config in configs.items()}
    shared = _shared(fields)
    fields = {step: _set(each) for step, each in fields.items()}
    processing = [
        step for step, config in configs.items() if isinstance(config, ProcessingStepConfigBase)
    ]
    others = [step for step in configs if step not in processing]
    return {
        "metadata": {
            "format": CURRENT_FORMAT,
            "created_at": created_at.isoformat(),
            "config_types": {step: type(config).__name__ for step, config in configs.items()},
            "field_sources": {
                "all": _sources(fields, list(configs)),
                "processing": _sources(fields, processing),
                "specific": _sources(fields, others),
            },
        },
        "configuration": _configuration(fields, shared, processing),
    }


def _configuration(
    fields: dict[str, dict[str, Any]], shared: dict[str, Any], processing: list[str]
) -> dict[str, Any]:
    base = ProcessingStepConfigBase.model_fields
    in_processing = {
        step: {
            name: value
            for name, value in fields[step].items()
            if name in base and name not in shared
        }
        for step in processing
    }
    return {
        "shared": shared,
        "processing": in_processing,
        "specific": {
            step: {
                name: value
                for name, value in each.items()
                if name not in shared and name not in in_processing.get(step, {})
            }
            for step, each in fields.items()
        },
    }


def _shared(fields: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the fields that at least two configs have, all with the same value."""
    values: dict[str, list[Any]] = {}
    for each in fields.values():
        for name, value in each.items():
            values.setdefault(name, []).append(value)
    return {
        name: found[0]
        for name, found in values.items()
        if len(found) > 1 and found[0] is not None and all(value == found[0] for value in found)
    }


def _set(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields without those that are ``None``: in files, null is the same as absent."""
    return {name: value for name, value in fields.items() if value is not None}


def _sources(fields: Mapping[str, dict[str, Any]], steps: list[str]) -> dict[str, list[str]]:
    names = sorted({name for step in steps for name in fields[step]})
    return {name: sorted(step for step in steps if name in fields[step]) for name in names}
