"""Checks properties as the real service does: by the schemas that AWS publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import jsonschema
import regex  # type: ignore[import-untyped]

from constructs_lib.aws.resource_types import schema_of
from local.emulator.cloudformation.errors import ProvisioningError

_MAX_PROBLEMS_SHOWN: Final = 5


def check_properties(resource_type: str, properties: Mapping[str, Any]) -> None:
    """Raise ``ProvisioningError`` unless ``properties`` are valid, as the real service does."""
    problems = list(_validator(resource_type).iter_errors(properties))
    if problems:
        shown = "; ".join(_describe(problem) for problem in problems[:_MAX_PROBLEMS_SHOWN])
        raise ProvisioningError(f"Properties validation failed for {resource_type}: {shown}")


def _describe(problem: jsonschema.ValidationError) -> str:
    location = "/".join(str(part) for part in problem.absolute_path)
    return f"#/{location}: {problem.message}"


# The patterns use Unicode classes such as \p{L}, which the standard library's re, and so
# jsonschema, lacks: the keywords that hold patterns are checked here.


def _pattern(
    _validator: Any, pattern: str, value: object, _schema: object
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, str) and not regex.search(pattern, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], value: object, _schema: object
) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(value, dict):
        return
    for pattern, schema in patterns.items():
        for key, item in value.items():
            if regex.search(pattern, key):
                yield from validator.descend(item, schema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, value: object, schema: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(value, dict):
        return
    patterns = schema.get("patternProperties", {})
    extra = [
        key
        for key in value.keys() - schema.get("properties", {}).keys()
        if not any(regex.search(pattern, key) for pattern in patterns)
    ]
    if isinstance(allowed, dict):
        for key in extra:
            yield from validator.descend(value[key], allowed, path=key)
    elif extra and not allowed:
        yield jsonschema.ValidationError(
            f"unknown property {', '.join(sorted(extra))}; known are "
            f"{', '.join(sorted(schema.get('properties', {})))}"
        )


# CloudFormation converts between text, numbers and booleans where a schema asks for another.
_STRICT = jsonschema.Draft7Validator.TYPE_CHECKER
_STRICT_KEYWORDS = jsonschema.Draft7Validator.VALIDATORS


def _as_number(value: object) -> object:
    is_number_text = isinstance(value, str) and regex.fullmatch(r"-?\d+", value)
    return int(value) if is_number_text else value  # type: ignore[call-overload]


def _bound(keyword: str) -> Callable[..., Any]:
    def check(validator: Any, limit: Any, value: object, schema: object) -> Any:
        return _STRICT_KEYWORDS[keyword](validator, limit, _as_number(value), schema)

    return check


def _enum(
    _validator: Any, options: list[Any], value: object, _schema: object
) -> Iterator[jsonschema.ValidationError]:
    if str(value) not in [str(option) for option in options]:
        yield jsonschema.ValidationError(f"{value!r} is not one of {options}")


_Validator = jsonschema.validators.extend(
    jsonschema.Draft7Validator,
    {
        "additionalProperties": _additional_properties,
        "enum": _enum,
        "maximum": _bound("maximum"),
        "minimum": _bound("minimum"),
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
    },
    type_checker=_STRICT.redefine_many(
        {
            "string": lambda _, value: isinstance(value, str | int | float),
            "boolean": lambda _, value: isinstance(value, bool) or value in ("true", "false"),
            "integer": lambda _, value: _STRICT.is_type(_as_number(value), "integer"),
            "number": lambda _, value: _STRICT.is_type(_as_number(value), "number"),
        }
    ),
)


@cache
def _validator(resource_type: str) -> Any:
    return _Validator(dict(schema_of(resource_type)))
