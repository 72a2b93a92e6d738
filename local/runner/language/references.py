"""Resolves a definition's references: a pure function of a value and of what is known so far.

{"Get": "Parameters.<name>"}
{"Get": "Execution.<variable>"}
{"Get": "Steps.<name>.<property path>"}
{"Std:Join": {"On": <text>, "Values": [...]}}
{"Std:JsonGet": {"PropertyFile": {"Get": "Steps.<name>.PropertyFiles.<file>"}, "Path": <path>}}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.runner.language.errors import ReferenceResolutionError
from local.runner.language.parameters import Scalar, to_text

EXECUTION_VARIABLES: Final = (
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "ProcessingJobName",
    "StartDateTime",
    "TrainingJobName",
)
"""What ``Execution.`` can be followed by; the job names exist in steps that start such a job."""

# The service lets a list's items be chosen by name; these members are their names.
_ITEM_NAMES: Final = ("OutputName", "InputName", "ChannelName")
_PATH_TOKEN: Final = re.compile(
    r"""\.?(?P<name>[^.\[\]'"]+)|\[(?P<index>\d+)\]|\['(?P<quoted>[^']*)'\]"""
)


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
    match value:
        case {"Get": str(expression), **others} if not others:
            yield expression
        case dict():
            for item in value.values():
                yield from references_in(item)
        case list():
            for item in value:
                yield from references_in(item)


def functions_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and argument of the ``Std:`` functions anywhere within ``value``."""
    match value:
        case dict():
            for name, item in value.items():
                if name.startswith("Std:"):
                    yield name, item
                yield from functions_in(item)
        case list():
            for item in value:
                yield from functions_in(item)


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
    for token in _path_tokens(path, expression=expression, scope=scope):
        value = _child(value, token, expression=expression, scope=scope)
    return value


def _child(value: Any, token: str | int, *, expression: str, scope: StepScope) -> Any:
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


def _path_tokens(path: str, *, expression: str, scope: StepScope) -> Iterator[str | int]:
    position = 0
    while position < len(path):
        match = _PATH_TOKEN.match(path, position)
        if match is None:
            raise _unresolved(expression, scope, f"'{path[position:]}' is not a path")
        position = match.end()
        yield int(match["index"]) if match["index"] else match["name"] or match["quoted"]


def _unresolved(expression: str, scope: StepScope, why: str) -> ReferenceResolutionError:
    return ReferenceResolutionError(f"Step '{scope.step}' refers to '{expression}', but {why}.")
