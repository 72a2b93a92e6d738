"""Pipeline parameters: typed, with defaults and allowed values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from local.runner.language.errors import ParameterError

Scalar = str | int | float | bool


class ParameterType(StrEnum):
    """The types of pipeline parameters and of Lambda steps' outputs."""

    STRING = "String"
    INTEGER = "Integer"
    FLOAT = "Float"
    BOOLEAN = "Boolean"


@dataclass(frozen=True)
class Parameter:
    """A declared pipeline parameter; without a default it must be given at start."""

    name: str
    type: ParameterType
    default: Scalar | None = None
    enum_values: tuple[str, ...] = ()


def bind_parameters(declared: Sequence[Parameter], given: Mapping[str, str]) -> dict[str, Scalar]:
    """Give every declared parameter its value; texts become values of the parameter's type.

    Raises:
        ParameterError: with every parameter that is unknown, missing or has a wrong value.
    """
    allowed = ", ".join(parameter.name for parameter in declared) or "none"
    problems = [
        f"'{name}' is not a parameter of this pipeline (it has: {allowed})"
        for name in given.keys() - {parameter.name for parameter in declared}
    ]
    values: dict[str, Scalar] = {}
    for parameter in declared:
        try:
            values[parameter.name] = _value_of(parameter, given)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ParameterError("Nothing was started: " + "; ".join(sorted(problems)) + ".")
    return values


def _value_of(parameter: Parameter, given: Mapping[str, str]) -> Scalar:
    if parameter.name not in given:
        if parameter.default is None:
            raise ValueError(f"'{parameter.name}' has no default and must be given")
        return parameter.default
    text = given[parameter.name]
    if parameter.enum_values and text not in parameter.enum_values:
        raise ValueError(
            f"'{parameter.name}' is '{text}', allowed: {', '.join(parameter.enum_values)}"
        )
    return convert(text, parameter.type, owner=f"'{parameter.name}'")


def convert(text: str, to_type: ParameterType, *, owner: str) -> Scalar:
    """Read a text as a value of a type.

    Raises:
        ValueError: it is not one; the message starts with ``owner``.
    """
    match to_type:
        case ParameterType.STRING:
            return text
        case ParameterType.BOOLEAN if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        case ParameterType.INTEGER if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        case ParameterType.FLOAT:
            try:
                return float(text)
            except ValueError:
                pass
    raise ValueError(f"{owner} is '{text}', not a value of type {to_type}")


def to_text(value: object) -> str:
    """Return a value as the service writes it into a string; nested values become JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
