"""What the SageMaker API accepts, read from the service model that botocore ships.

The service checks names, lengths, patterns and enumerations when it is called; checking them while
synthesizing finds the mistake minutes to hours earlier. Nothing here calls AWS.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ServiceModel

from constructs_lib.java_patterns import matches

_ENUM_VALUES_SHOWN: Final = 5


def argument_problems(operation: str, arguments: Mapping[str, Any]) -> list[str]:
    """List what the service would reject in a request.

    Args:
        operation: Name of the API operation, for example ``CreateModelPackage``.
        arguments: Its arguments as botocore names them. A value that is not plain data (text,
            number, list, mapping), such as a pipeline variable, is known only when the pipeline
            runs and is not checked.

    Returns:
        One text for each problem: the argument's path, the value got and what is allowed.
    """
    return list(_problems(arguments, service_model().operation_model(operation).input_shape, ""))


def max_length(shape_name: str) -> int:
    """Return how many characters the service takes for a type, for example ``EntityName``."""
    return int(service_model().shape_for(shape_name).metadata["max"])


def enum_values(shape_name: str) -> list[str]:
    """Return the values of an enumeration, for example ``TransformInstanceType``."""
    return list(service_model().shape_for(shape_name).metadata["enum"])


def matches_pattern(shape_name: str, text: str) -> bool:
    """Tell whether a text consists of what a type allows, whatever its length."""
    return matches(service_model().shape_for(shape_name).metadata["pattern"], text)


@cache
def service_model() -> Any:
    """Return botocore's description of the SageMaker API."""
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def _problems(value: Any, shape: Any, path: str) -> Iterator[str]:
    if not _is_plain_data(value):
        return
    if not _has_type(value, shape.type_name):
        yield f"{path or 'arguments'}: expected a {shape.type_name}, got {value!r}"
    elif shape.type_name == "string":
        yield from _text_problems(value, shape, path)
    elif shape.type_name == "structure":
        yield from _structure_problems(value, shape, path)
    elif shape.type_name == "list":
        yield from _size_problems(len(value), shape, path, " items")
        for index, item in enumerate(value):
            yield from _problems(item, shape.member, f"{path}[{index}]")
    elif shape.type_name == "map":
        yield from _size_problems(len(value), shape, path, " entries")
        for key, entry in value.items():
            yield from _problems(key, shape.key, f"{path}.{key} (the key)")
            yield from _problems(entry, shape.value, f"{path}.{key}")
    elif shape.type_name != "boolean":
        yield from _size_problems(value, shape, path, "")


def _is_plain_data(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | list | tuple | Mapping)


def _has_type(value: object, type_name: str) -> bool:
    match type_name:
        case "string":
            return isinstance(value, str)
        case "structure" | "map":
            return isinstance(value, Mapping)
        case "list":
            return isinstance(value, list | tuple)
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "long":
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)


def _structure_problems(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if name not in value:
            yield f"{prefix}{name}: missing"
    for name, member in value.items():
        if name in shape.members:
            yield from _problems(member, shape.members[name], prefix + name)
        else:
            yield f"{prefix}{name}: unknown, allowed: {', '.join(shape.members)}"


def _text_problems(text: str, shape: Any, path: str) -> Iterator[str]:
    yield from _size_problems(len(text), shape, path, " characters")
    allowed = shape.metadata.get("enum")
    if allowed and text not in allowed:
        nearest = difflib.get_close_matches(text, allowed, _ENUM_VALUES_SHOWN) or allowed
        values = ", ".join(nearest[:_ENUM_VALUES_SHOWN])
        yield f"{path}: got {text!r}, allowed is one of {len(allowed)} values such as {values}"
    pattern = shape.metadata.get("pattern")
    if pattern and not matches(pattern, text):
        yield f"{path}: got {text!r}, allowed is {pattern}"


def _size_problems(size: float, shape: Any, path: str, unit: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{path}: got {size}{unit}, allowed are {least} or more"
    if most is not None and size > most:
        yield f"{path}: got {size}{unit}, allowed are {most} or less"
