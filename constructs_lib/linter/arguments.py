"""Checks the arguments of a step against the API call that SageMaker makes with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.findings import Path, Problem
from constructs_lib.language.expressions import is_expression, text_fragments
from constructs_lib.language.steps import DefinitionStep
from constructs_lib.linter.pipeline import DefinitionParts
from constructs_lib.linter.references import DanglingReferenceError, resolve
from constructs_lib.linter.shapes import Shape, request_shape, service_shape
from constructs_lib.linter.step_types import STEP_TYPES
from constructs_lib.linter.texts import text_problems

_JSON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (str, int, float),
}
_FITTING_VALUE_TYPES: Final = {
    "string": ("String",),
    "boolean": ("Boolean",),
    "integer": ("Integer",),
    "long": ("Integer",),
    "float": ("Float", "Integer"),
    "double": ("Float", "Integer"),
    "timestamp": ("String",),
}
"""Types of pipeline variables by type of argument. The service does not convert them: that is what
``to_string()`` of the SDK's variables is for."""


def argument_problems(step: DefinitionStep, pipeline: DefinitionParts) -> Iterator[Problem]:
    """Check a step's arguments, as far as they are the request of an API."""
    step_type, path = STEP_TYPES.get(step.type_name), (*step.path, "Arguments")
    if step_type is None or not isinstance(step.content.get("Arguments"), Mapping):
        return
    if step_type.create:
        checker = ShapeChecker(pipeline, (step_type.supplied,), path)
        yield from checker.problems(step.arguments, request_shape(step_type.create), path)
    for name, part in step_type.parts.items():
        if isinstance(step.arguments.get(name), Mapping):
            checker = ShapeChecker(pipeline, part.supplied, (*path, name))
            shape = service_shape(part.service, part.shape)
            yield from checker.problems(step.arguments[name], shape, (*path, name))


@dataclass(frozen=True)
class ShapeChecker:
    """Compares values with shapes."""

    pipeline: DefinitionParts | None = None
    """Resolves pipeline variables; ``None`` where variables are not allowed."""
    supplied_members: tuple[str, ...] = ()
    """The required members that may be missing, because the pipeline service fills them."""
    supplied_in: Path | None = None
    """The path of the request whose members those are."""

    def problems(self, value: Any, shape: Shape, path: Path) -> Iterator[Problem]:
        """Find what does not fit, at any depth."""
        if shape.type_name == "any":
            return
        if self.pipeline and is_expression(value):
            value_type = _value_type(value, self.pipeline)
            yield from _expression_problems(value, value_type, shape, path)
        elif not _has_type(value, shape.type_name):
            message = f"is {_json_type(value)}; {shape.name} has the type {shape.type_name}"
            yield Problem(path, message, value)
        elif shape.type_name == "structure":
            yield from self._structure_problems(value, shape, path)
        elif shape.type_name == "map":
            yield from self._map_problems(value, shape, path)
        elif shape.type_name == "list":
            yield from self._list_problems(value, shape, path)
        elif shape.type_name == "string":
            yield from text_problems(text_fragments(value), shape, path, value)
        else:
            yield from _range_problems(value, shape, path, value)

    def _structure_problems(
        self, value: Mapping[str, Any], shape: Shape, path: Path
    ) -> Iterator[Problem]:
        for name in shape.required_members:
            is_supplied = path == self.supplied_in and name in self.supplied_members
            if name not in value and not is_supplied:
                yield Problem(path, f"lacks {name}, which {shape.name} requires", value)
        for name, member in value.items():
            if name in shape.members:
                yield from self.problems(member, shape.members[name], (*path, name))
            else:
                nearest = difflib.get_close_matches(name, shape.members, 3) or shape.members
                message = f"{shape.name} has no member {name!r}; it has {', '.join(nearest)}"
                yield Problem((*path, name), message, member)

    def _map_problems(
        self, value: Mapping[str, Any], shape: Shape, path: Path
    ) -> Iterator[Problem]:
        yield from _range_problems(len(value), shape, path, value, " entries")
        for key, entry in value.items():
            yield from text_problems((key,), shape.key, (*path, key), key)
            yield from self.problems(entry, shape.value, (*path, key))

    def _list_problems(self, value: list[Any], shape: Shape, path: Path) -> Iterator[Problem]:
        yield from _range_problems(len(value), shape, path, value, " items")
        for index, item in enumerate(value):
            yield from self.problems(item, shape.member, (*path, index))


def _expression_problems(
    value: Mapping[str, Any], value_type: str | None, shape: Shape, path: Path
) -> Iterator[Problem]:
    fitting = _FITTING_VALUE_TYPES.get(shape.type_name)
    if fitting is None:
        message = f"is a pipeline variable, which cannot stand for a {shape.type_name}"
        yield Problem(path, message, value)
    elif value_type not in (None, *fitting):
        message = f"gets {value_type} when it runs; {shape.name} has the type {shape.type_name}"
        yield Problem(path, message, value)
    elif shape.type_name == "string":
        yield from text_problems(text_fragments(value), shape, path, value)


def _value_type(expression: Mapping[str, Any], pipeline: DefinitionParts) -> str | None:
    if "Std:Join" in expression:
        return "String"
    try:
        return resolve(str(expression.get("Get")), pipeline).value_type
    except DanglingReferenceError:
        return None


def _has_type(value: object, type_name: str) -> bool:
    # In Python true is an integer; in JSON it is not.
    if isinstance(value, bool):
        return type_name == "boolean"
    return isinstance(value, _JSON_TYPES[type_name])


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
    return "an object"


def _range_problems(
    size: Any, shape: Shape, path: Path, value: object, unit: str = ""
) -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield Problem(path, f"has {size}{unit}; {shape.name} has at least {least}", value)
    if most is not None and size > most:
        yield Problem(path, f"has {size}{unit}; {shape.name} has at most {most}", value)
