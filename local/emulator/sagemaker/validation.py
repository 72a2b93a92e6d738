"""Refuses requests to Amazon SageMaker that its service model does not allow, in its words.

botocore checks types, required members and shortest lengths before it sends a request, but neither
patterns nor enumerations; moto checks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from constructs_lib.service_model import service_model
from constructs_lib.service_model.java_patterns import matches

_FAILED = "failed to satisfy constraint"


def request_of(response: Any) -> dict[str, Any]:
    """Read the request that moto answers, without members that are null."""
    request: dict[str, Any] = json.loads(response.body or "{}")
    return {name: value for name, value in request.items() if value is not None}


def check_request(operation: str, request: Mapping[str, Any]) -> None:
    """Refuse a request with what its shapes do not allow.

    Raises:
        AWSValidationException: Tells all of it, as the service does.
    """
    from moto.sagemaker.exceptions import AWSValidationException

    shape = service_model().operation_model(operation).input_shape
    problems = list(_problems(shape, request, ""))
    if problems:
        errors = "errors" if len(problems) > 1 else "error"
        raise AWSValidationException(
            f"{len(problems)} validation {errors} detected: {'; '.join(problems)}"
        )


def _problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    if value is None:
        return
    if shape.type_name == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{_place(path, name)}' {_FAILED}: Member must not be null"
        for name, member in shape.members.items():
            yield from _problems(member, value.get(name), _place(path, name))
        return
    yield from _own_problems(shape, value, path)
    if shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _problems(shape.member, item, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path}.{key}.key")
            yield from _problems(shape.value, item, f"{path}.{key}.member")


def _own_problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    if "enum" in limits and value not in limits["enum"]:
        allowed = ", ".join(limits["enum"])
        yield f"{_at(value, path)}: Member must satisfy enum value set: [{allowed}]"
    if "pattern" in limits and not matches(limits["pattern"], value):
        pattern = limits["pattern"]
        yield f"{_at(value, path)}: Member must satisfy regular expression pattern: {pattern}"
    if shape.type_name in ("integer", "long", "float", "double"):
        size, what = value, "value"
    elif shape.type_name in ("string", "list", "map", "blob"):
        size, what = len(value), "length"
    else:
        return
    if size < limits.get("min", size):
        at_least = f"{what} greater than or equal to {limits['min']}"
        yield f"{_at(value, path)}: Member must have {at_least}"
    if size > limits.get("max", size):
        yield f"{_at(value, path)}: Member must have {what} less than or equal to {limits['max']}"


def _at(value: Any, path: str) -> str:
    return f"Value '{value}' at '{path}' {_FAILED}"


def _place(path: str, name: str) -> str:
    member = f"{name[0].lower()}{name[1:]}"
    return f"{path}.{member}" if path else member
