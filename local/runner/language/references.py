"""Resolves a definition's references: a pure function of a value and of what is known so far.

{"Get": "Parameters.<name>"}
{"Get": "Execution.<variable>"}
{"Get": "Steps.<name>.<property path>"}
{"Std:Join": {"On": <text>, "Values": [...]}}
{"Std:JsonGet": {"PropertyFile": {"Get": "Steps.<name>.PropertyFiles.<file>"}, "Path": <path>}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.language.expressions import find_objects, find_references
from constructs_lib.language.references import Key, property_keys
from local.runner.language.errors import ReferenceResolutionError
from local.runner.language.parameters import Scalar, to_text

# The service lets a list's items be chosen by name; these members are their names.
_ITEM_NAMES: Final = ("OutputName", "InputName", "ChannelName")


@dataclass(frozen=True)
class StepScope:
    """What the references of ``step`` can see.

    ``properties`` and ``property_files`` hold finished steps by name; property files by their
    own name within a step.
    """

    step: str
    parameters: Mapping[str, Scalar]
    variables: Mapping[str, str]
    properties: Mapping[str, Mapping[str, Any]]
    property_files: Mapping[str, Mapping[str, Any]]


def resolve(value: Any, scope: StepScope) -> Any:
    """Replace every reference within ``value``, which is JSON, by what it refers to.

    Raises:
        ReferenceResolutionError: something referred to is absent; names step and reference.
    """
    match value:
        case {"Get": str(expression), **others} if not others:
            return _get(expression, scope)
        case {"Std:Join": {"Values": [*items], **options}}:
            return str(options.get("On", "")).join(to_text(resolve(item, scope)) for item in items)
        case {"Std:JsonGet": {"PropertyFile": {"Get": str(expression)}, "Path": str(path)}}:
            content = _property_file(expression, scope)
            return _walk(content, path, expression=f"{expression} at '{path}'", scope=scope)
        case dict():
            return {name: resolve(item, scope) for name, item in value.items()}
        case list():
            return [resolve(item, scope) for item in value]
    return value


def references_in(value: Any) -> Iterator[str]:
    """Yield the ``Get`` expressions anywhere within ``value``."""
    return (reference.text for reference in find_references(value, ()))


def functions_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and argument of the ``Std:`` functions anywhere within ``value``."""
    for _, candidate in find_objects(value, ()):
        for name, argument in candidate.items():
            if name.startswith("Std:"):
                yield name, argument


def _get(expression: str, scope: StepScope) -> Any:
    source, _, rest = expression.partition(".")
    match source:
        case "Parameters" if rest in scope.parameters:
            return scope.parameters[rest]
        case "Execution" if rest in scope.variables:
            return scope.variables[rest]
        case "Steps":
            name, _, path = rest.partition(".")
            if name in scope.properties:
                return _walk(scope.properties[name], path, expression=expression, scope=scope)
    raise _unresolved(expression, scope, "there is no such value")


def _property_file(expression: str, scope: StepScope) -> Any:
    name, _, file_name = expression.removeprefix("Steps.").partition(".PropertyFiles.")
    files = scope.property_files.get(name, {})
    if file_name not in files:
        raise _unresolved(expression, scope, f"the output of step '{name}' has no such JSON file")
    return files[file_name]


def _walk(value: Any, path: str, *, expression: str, scope: StepScope) -> Any:
    try:
        keys = list(property_keys(path))
    except ValueError as error:
        raise _unresolved(expression, scope, f"'{error}' is not a path") from error
    for key in keys:
        value = _child(value, key, expression=expression, scope=scope)
    return value


def _child(value: Any, token: Key, *, expression: str, scope: StepScope) -> Any:
    match value:
        case list() if isinstance(token, int) and token < len(value):
            return value[token]
        case list() if isinstance(token, str):
            for item in value:
                if any(item.get(name) == token for name in _ITEM_NAMES):
                    return item
        case dict() if token in value:
            return value[token]
    available = ", ".join(_keys(value)) or "nothing"
    raise _unresolved(expression, scope, f"there is no '{token}' (there is: {available})")


def _keys(value: Any) -> list[str]:
    if isinstance(value, list):
        names = [item.get(name) for item in value if isinstance(item, dict) for name in _ITEM_NAMES]
        return [name for name in names if name] or [f"[0] to [{len(value) - 1}]"] * bool(value)
    return sorted(value) if isinstance(value, dict) else []


def _unresolved(expression: str, scope: StepScope, why: str) -> ReferenceResolutionError:
    return ReferenceResolutionError(f"Step '{scope.step}' refers to '{expression}', but {why}.")
