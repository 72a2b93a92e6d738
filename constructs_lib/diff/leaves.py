"""Finds every place in which two JSON values differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from typing import Any, Final

from constructs_lib.findings import Path
from constructs_lib.language.canonical import canonical
from constructs_lib.language.expressions import is_expression

_NAMES: Final = (
    *("Name", "InputName", "OutputName", "PropertyFileName", "ChannelName", "ParameterName"),
    "ContainerHostname",
)
"""Members by which SageMaker knows the items of its lists."""

_QUOTE: Final = re.compile(r'(?<!\\)(?:\\\\)*"')


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING
"""Stands for a value that one side does not have; JSON's ``null`` is a value."""


@dataclass(frozen=True)
class LeafChange:
    """A value that differs: the smallest one, or a whole one that one side does not have."""

    path: Path
    before: Any
    after: Any


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[LeafChange]:
    """Find what differs. Two values that are not equal give at least one change.

    Lists of named items are matched by name, other lists by what stayed the same; JSON inside of
    a text is compared as JSON.
    """
    if MISSING not in (before, after) and canonical(before) == canonical(after):
        return
    found = list(_inner_differences(before, after, path))
    yield from found or [LeafChange(path, before, after)]


def _inner_differences(before: Any, after: Any, path: Path) -> Iterator[LeafChange]:
    texts = (_json_inside(before), _json_inside(after))
    if None not in texts:
        yield from _inner_differences(*texts, path)
        return
    if is_expression(before) or is_expression(after):
        return
    match before, after:
        case dict(), dict():
            for key in [*before, *(key for key in after if key not in before)]:
                yield from differences(
                    before.get(key, MISSING), after.get(key, MISSING), (*path, key)
                )
        case list(), list():
            yield from _list_differences(before, after, path)


def _list_differences(before: list[Any], after: list[Any], path: Path) -> Iterator[LeafChange]:
    name = list_name(before + after)
    old, new = by_name(before, name), by_name(after, name)
    if name is None or old is None or new is None:
        yield from _unnamed_differences(before, after, path)
        return
    yield from _inner_differences(old, new, path)
    if [key for key in old if key in new] != [key for key in new if key in old]:
        yield LeafChange((*path, "order"), list(old), list(new))


def list_name(items: Sequence[Any]) -> str | None:
    """Tell which member names the items of a list."""
    return next(
        (
            name
            for name in _NAMES
            if items
            and all(isinstance(item, dict) and isinstance(item.get(name), str) for item in items)
        ),
        None,
    )


def by_name(items: Sequence[Any], name: str | None) -> dict[str, Any] | None:
    """Return a list's items by their name; ``None`` when a name occurs twice."""
    named = {item[name]: item for item in items} if name else {}
    return named if len(named) == len(items) else None


def _unnamed_differences(before: list[Any], after: list[Any], path: Path) -> Iterator[LeafChange]:
    matcher = SequenceMatcher(
        a=[canonical(item) for item in before],
        b=[canonical(item) for item in after],
        autojunk=False,
    )
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(end - start, new_end - new_start)):
            old = before[start + offset] if start + offset < end else MISSING
            new = after[new_start + offset] if new_start + offset < new_end else MISSING
            index = start + offset if old is not MISSING else new_start + offset
            yield from differences(old, new, (*path, index))


def _json_inside(value: object) -> dict[str, Any] | None:
    """Parse a text that holds a JSON object, or a join that makes one; else ``None``."""
    match value:
        case str() if value.startswith("{"):
            text = value
        case {"Std:Join": {"On": "", "Values": [str(start), *_] as parts}} if start.startswith("{"):
            text = _joined(parts)
        case _:
            return None
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _joined(parts: list[Any]) -> str:
    """Join the parts of a JSON text, with a text that stands for each that is not known yet."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        unknown = json.dumps(canonical(part))
        within_text = len(_QUOTE.findall(text)) % 2 == 1
        text += unknown[1:-1] if within_text else unknown
    return text
