"""Exports the JSON Schema of the config file, for editors and other tools.

    python -m constructs_lib.configs.schema            writes config.schema.json
    python -m constructs_lib.configs.schema --check    fails when that file is outdated

The schema describes the current generation of the file. What it cannot say, such as that a folder
exists or that a field is in shared or in its step, ``load_configs`` checks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from constructs_lib.configs.classes import CONFIG_CLASSES, ConfigClass
from constructs_lib.configs.formats.detection import CURRENT_FORMAT
from constructs_lib.configs.processing import ProcessingStepConfigBase

SCHEMA_FILE: Final = Path(__file__).with_name("config.schema.json")


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file of the current generation."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of a model release",
        "type": "object",
        "required": ["metadata", "configuration"],
        "additionalProperties": False,
        "properties": {
            "$schema": {"type": "string", "description": "Where editors find this schema"},
            "metadata": _metadata(),
            "configuration": _configuration(),
        },
        "$defs": _definitions(),
    }


def schema_text() -> str:
    """Return the canonical text of ``config_schema``."""
    return json.dumps(config_schema(), indent=2, sort_keys=True) + "\n"


def _metadata() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["config_types", "format"],
        "additionalProperties": False,
        "properties": {
            "format": {"const": CURRENT_FORMAT, "description": "The format of this file"},
            "config_types": {
                "description": "The class of each step, by step key",
                "type": "object",
                "patternProperties": {
                    _step_pattern(each): {"const": name} for name, each in CONFIG_CLASSES.items()
                },
                "additionalProperties": False,
            },
            "created_at": {"type": "string", "description": "When the file was saved"},
            "field_sources": {"type": "object", "description": "The steps that have each field"},
        },
    }


def _configuration() -> dict[str, Any]:
    processing = [
        each for each in CONFIG_CLASSES.values() if issubclass(each, ProcessingStepConfigBase)
    ]
    return {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "shared": {
                "description": "Fields of every step that has them",
                "type": "object",
                "allOf": [_reference(name) for name in CONFIG_CLASSES],
                "propertyNames": _names(CONFIG_CLASSES.values()),
            },
            "processing": _steps("Fields of single processing steps", processing),
            "specific": _steps("Fields of single steps", CONFIG_CLASSES.values()),
        },
    }


def _steps(description: str, config_classes: Iterable[ConfigClass]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "patternProperties": {
            _step_pattern(each): {**_reference(each.__name__), "propertyNames": _names([each])}
            for each in config_classes
        },
        "additionalProperties": False,
    }


def _names(config_classes: Iterable[ConfigClass]) -> dict[str, list[str]]:
    """Allow the fields of some classes and no others."""
    return {"enum": sorted({name for each in config_classes for name in each.model_fields})}


def _step_pattern(config_class: ConfigClass) -> str:
    return f"^{config_class.STEP_KEY}(_.+)?$"


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def _definitions() -> dict[str, Any]:
    """Define each class by what it adds to its parent, and the types that they share."""
    _, schema = models_json_schema([(each, "validation") for each in CONFIG_CLASSES.values()])
    definitions: dict[str, Any] = _without_titles(schema["$defs"])
    own = {name: _own_part(each, definitions) for name, each in CONFIG_CLASSES.items()}
    return {**definitions, **own}


def _own_part(config_class: ConfigClass, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a class's definition without what follows from its parent's.

    Nothing is required of a step, because a field may be in shared. Which other fields there may
    be is said where the definition is referred to.
    """
    definition = definitions[config_class.__name__]
    parent = config_class.__mro__[1].__name__
    inherited = definitions[parent]["properties"] if parent in CONFIG_CLASSES else {}
    part = {
        "type": "object",
        "description": definition["description"],
        "properties": {
            name: field
            for name, field in definition["properties"].items()
            if inherited.get(name) != field
        },
    }
    return {**part, "allOf": [_reference(parent)]} if inherited else part


def _without_titles(schema: Any) -> Any:
    """Return the schema without the titles that repeat its names."""
    if isinstance(schema, dict):
        return {name: _without_titles(each) for name, each in schema.items() if name != "title"}
    return [_without_titles(each) for each in schema] if isinstance(schema, list) else schema


def main(arguments: list[str]) -> int:
    """Write the schema file, or check with ``--check`` that it is current."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"usage: python -m {__spec__.name} [--check]\n")
        return 2
    text = schema_text()
    if not arguments:
        SCHEMA_FILE.write_text(text)
        return 0
    if SCHEMA_FILE.is_file() and SCHEMA_FILE.read_text() == text:
        return 0
    sys.stderr.write(f"{SCHEMA_FILE} is outdated: run python -m {__spec__.name}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
