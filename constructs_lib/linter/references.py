"""What a ``Get`` may refer to, and the type of what it finds there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.language.references import EXECUTION_VARIABLES, Key, property_keys
from constructs_lib.language.steps import DefinitionStep
from constructs_lib.linter.pipeline import DefinitionParts, entries_by_name
from constructs_lib.linter.shapes import definition_shape, response_shape
from constructs_lib.linter.step_types import STEP_TYPES

_REFERENCE: Final = re.compile(
    r"(?P<root>Parameters|Execution|Steps)\.(?P<name>[A-Za-z0-9_-]+)(?P<rest>.*)"
)
_UNCHECKED_ROOTS: Final = ("ForEach.", "IterationOutput.", "PipelineExperimentConfig.")
_VALUE_TYPES: Final = {
    "string": "String",
    "integer": "Integer",
    "long": "Integer",
    "float": "Float",
    "double": "Float",
    "boolean": "Boolean",
    "timestamp": None,
}


@dataclass(frozen=True)
class Target:
    """What a reference leads to."""

    value_type: str | None = None
    """``String``, ``Integer``, ``Float`` or ``Boolean``; ``None`` when that is not known."""
    step: str | None = None
    """Name of the step whose property it is."""


class DanglingReferenceError(Exception):
    """A reference leads nowhere; the message says why and what there is instead."""


def resolve(reference: str, pipeline: DefinitionParts) -> Target:
    """Follow a reference such as ``Steps.Train.ModelArtifacts.S3ModelArtifacts``.

    Raises:
        DanglingReferenceError: There is no such parameter, step or property.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        if reference.startswith(_UNCHECKED_ROOTS):
            return Target()
        raise DanglingReferenceError(
            f"{reference!r} refers to nothing; allowed are Parameters.<name>, Execution.<name> "
            "and Steps.<name>.<property>"
        )
    root, name, rest = match.group("root", "name", "rest")
    if root == "Steps":
        _require(name, pipeline.steps_by_name, "step")
        return Target(_property_type(pipeline.steps_by_name[name], rest), step=name)
    if root == "Execution":
        _require(name + rest, EXECUTION_VARIABLES, "execution variable")
        return Target(None if name.endswith("DateTime") else "String")
    _require(name + rest, pipeline.parameter_types, "parameter")
    return Target(pipeline.parameter_types[name])


def _property_type(step: DefinitionStep, path: str) -> str | None:
    if step.type_name not in STEP_TYPES:
        return None
    match step.type_name, _parse_keys(path):
        case "Processing", ["PropertyFiles", str(file)]:
            files = entries_by_name(step.content.get("PropertyFiles"), "PropertyFileName")
            _require(file, files, f"property file of the step {step.name}")
            return None
        case "Lambda" | "Callback", ["OutputParameters", str(output)]:
            outputs = entries_by_name(step.content.get("OutputParameters"), "OutputName")
            _require(output, outputs, f"output parameter of the step {step.name}")
            return str(outputs[output].get("OutputType"))
        case "Condition", ["Outcome"]:
            return None
        case type_name, keys if STEP_TYPES[type_name].properties is not None:
            return _response_type(step, keys)
    return None


def _parse_keys(path: str) -> list[Key]:
    try:
        keys = list(property_keys(path))
    except ValueError:
        keys = []
    if not keys:
        raise DanglingReferenceError(
            f"{path!r} is no path to a property, such as .Outputs['name'].S3Output.S3Uri"
        )
    return keys


def _response_type(step: DefinitionStep, keys: list[Key]) -> str | None:
    """Follow keys through the response of the operation that describes what the step made."""
    step_type = STEP_TYPES[step.type_name]
    members: dict[str, Any] = dict.fromkeys(step_type.properties or (), definition_shape("Text"))
    for operation in step_type.describe:
        members |= response_shape(operation).members
    first = str(keys[0])
    _require(first, members, f"property of the step {step.name}")
    shape, requested = members[first], step.arguments.get(first)
    for key in keys[1:]:
        shape, requested = _descend(shape, requested, key)
    if shape.type_name not in _VALUE_TYPES:
        raise DanglingReferenceError(
            f"the property {keys[-1]} of the step {step.name} is a {shape.type_name}, "
            "and a pipeline variable stands for a single value"
        )
    return _VALUE_TYPES[shape.type_name]


def _descend(shape: Any, requested: object, key: Key) -> tuple[Any, object]:
    """Go one key down, in the response's shape and in the request's value of the same place."""
    match shape.type_name, key:
        case "structure", str():
            _require(key, shape.members, f"property of {shape.name}")
            return shape.members[key], _member(requested, key)
        case "map", str():
            return shape.value, _member(requested, key)
        case "list", int():
            return shape.member, None
        case "list", str() if shape.member.type_name == "structure":
            name_member = shape.member.required_members[:1]
            if isinstance(requested, list) and name_member:
                _require(key, entries_by_name(requested, name_member[0]), name_member[0])
            return shape.member, None
    raise DanglingReferenceError(f"{shape.name} is a {shape.type_name}; it has no part {key!r}")


def _member(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None


def _require(name: str, known: Iterable[str], kind: str) -> None:
    """Raise unless a name is among those known."""
    names = list(known)
    if name not in names:
        nearest = difflib.get_close_matches(name, names, 3) or names
        there_is = f"there is {', '.join(nearest)}" if nearest else "there is none"
        raise DanglingReferenceError(f"unknown {kind} {name!r}; {there_is}")
