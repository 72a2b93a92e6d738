"""Lets a deployed definition, whose values are filled in, be compared with a compiled one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from constructs_lib.diff.leaves import by_name, list_name
from constructs_lib.language.variables import VARIABLE, fill

_UNMISTAKABLE: Final = 8
"""Length from which a value is recognized wherever it stands."""


def with_variables(
    deployed: Mapping[str, Any], compiled: Mapping[str, Any]
) -> tuple[Any, dict[str, str]]:
    """Put ``${Name}`` back into a deployed definition.

    Args:
        deployed: The definition with its values filled in.
        compiled: The definition with ``${Name}`` in their place.

    Returns:
        The deployed definition in the terms of the compiled one, and the value that each name has
        there. A name has one value: where the text would need another, it stays as deployed.
    """
    votes: dict[str, Counter[str]] = {}
    for template, text in _texts(compiled, deployed):
        for name, value in _match(template, text).items():
            votes.setdefault(name, Counter())[value] += 1
    values = {name: counter.most_common(1)[0][0] for name, counter in votes.items()}
    return _folded(compiled, deployed, values), values


def _texts(compiled: Any, deployed: Any) -> Iterator[tuple[str, str]]:
    if isinstance(compiled, str) and isinstance(deployed, str):
        yield compiled, deployed
    for _, template, value in _members(compiled, deployed):
        yield from _texts(template, value)


def _members(compiled: Any, deployed: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """Pair the members that stand in the same place of both; unpaired ones get ``None``."""
    match compiled, deployed:
        case dict(), dict():
            yield from ((key, compiled.get(key), value) for key, value in deployed.items())
        case _, list():
            others = compiled if isinstance(compiled, list) else []
            name = list_name([*others, *deployed])
            known = by_name(others, name)
            for index, item in enumerate(deployed):
                if name is not None and known is not None:
                    yield index, known.get(item[name]), item
                else:
                    yield index, others[index] if index < len(others) else None, item
        case _, dict():
            yield from ((key, None, value) for key, value in deployed.items())


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts: list[str] = []
    seen: set[str] = set()
    for index, part in enumerate(VARIABLE.split(template)):
        if index % 2 == 0:
            parts.append(re.escape(part))
        else:
            group = "v" + part.encode().hex()
            parts.append(f"(?P={group})" if group in seen else f"(?P<{group}>.+?)")
            seen.add(group)
    return re.compile("".join(parts), re.DOTALL)


def _match(template: str, text: str) -> dict[str, str]:
    match = _pattern(template).fullmatch(text)
    groups = match.groupdict() if match else {}
    return {bytes.fromhex(group[1:]).decode(): value for group, value in groups.items()}


def _folded(compiled: Any, deployed: Any, values: Mapping[str, str]) -> Any:
    if isinstance(deployed, str):
        if isinstance(compiled, str) and fill(compiled, values) == deployed:
            return compiled
        return _recognized(deployed, values)
    if isinstance(deployed, dict | list):
        folded = {
            key: _folded(template, value, values)
            for key, template, value in _members(compiled, deployed)
        }
        return folded if isinstance(deployed, dict) else list(folded.values())
    return deployed


def _recognized(text: str, values: Mapping[str, str]) -> str:
    for name, value in sorted(values.items(), key=lambda item: -len(item[1])):
        if len(value) >= _UNMISTAKABLE:
            text = text.replace(value, f"${{{name}}}")
    return text
