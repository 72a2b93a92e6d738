"""Pipeline variables: values of a definition that are known only when the pipeline runs.

    {"Get": "Parameters.ModelS3Uri"}                      a parameter, property or execution fact
    {"Std:Join": {"On": "/", "Values": [...]}}            texts and variables, joined
    {"Std:JsonGet": {"PropertyFile": ..., "Path": ...}}   a value in a JSON file that a step wrote

``${Name}`` in a text is another kind: CloudFormation replaces it when the pipeline is deployed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from constructs_lib.findings import Path
from constructs_lib.language.variables import PSEUDO_PARAMETER_EXAMPLES, VARIABLE

FUNCTIONS: Final = frozenset({"Get", "Std:Join", "Std:JsonGet"})

Fragments: TypeAlias = tuple[str | None, ...]
"""A text in parts; ``None`` stands for a part that is not known yet and may be any text."""


def is_expression(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether a value is one of the pipeline variables above."""
    return isinstance(value, Mapping) and len(value) == 1 and not FUNCTIONS.isdisjoint(value)


@dataclass(frozen=True)
class Reference:
    """A ``Get`` and the place where it was found."""

    path: Path
    text: str


def find_objects(value: object, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Find the JSON objects in a part of a definition, the part itself included."""
    if isinstance(value, Mapping):
        yield path, value
        for key, member in value.items():
            yield from find_objects(member, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find_objects(item, (*path, index))


def find_functions(value: object, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Find the objects that are, or should be, pipeline variables."""
    for object_path, candidate in find_objects(value, path):
        if not FUNCTIONS.isdisjoint(candidate):
            yield object_path, candidate


def find_references(value: object, path: Path) -> Iterator[Reference]:
    """Find each ``Get`` in a part of a definition."""
    for object_path, candidate in find_objects(value, path):
        match candidate:
            case {"Get": str(text), **others} if not others:
                yield Reference(object_path, text)


def text_fragments(value: object) -> Fragments:
    """Split a text, or a pipeline variable that stands for one, into known and unknown parts."""
    return tuple(part for part in _split(value) if part != "")


def known_text(text: Fragments, unknown: str = "${...}") -> str:
    """Put a text together again.

    Args:
        text: The parts of the text.
        unknown: What to write for each part that is not known.
    """
    return "".join(unknown if part is None else part for part in text)


def _split(value: object) -> Iterator[str | None]:
    match value:
        case str():
            yield from _split_text(value)
        case {"Std:Join": {"Values": list(values), **rest}}:
            for index, item in enumerate(values):
                yield str(rest.get("On", "")) if index else ""
                yield from _split(item)
        case Mapping():
            yield None
        case _:
            yield str(value)


def _split_text(text: str) -> Iterator[str | None]:
    end = 0
    for variable in VARIABLE.finditer(text):
        yield text[end : variable.start()]
        yield PSEUDO_PARAMETER_EXAMPLES.get(variable[1])
        end = variable.end()
    yield text[end:]
