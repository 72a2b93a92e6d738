"""Reads JSON text so that everything wrong with it is reported with its place."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from constructs_lib.configs.problems import ConfigProblem
from constructs_lib.fields.json_texts import UnreadableJsonError, read_json
from constructs_lib.fields.rules import shown

_DEEPEST: Final = 100
_LARGEST: Final = 4 * 1024**2
"""Bytes of a file: thousands of variables are a few hundred thousand."""
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff]"
)
"""Control characters other than tab and line breaks, and those that reorder or hide the text around
them: what a reviewer sees would not be what runs."""


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys the text holds more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: list[str] = []
        if len(self) < len(pairs):
            keys = [key for key, _ in pairs]
            self.repeated = [key for key in self if keys.count(key) > 1]


def child_path(path: str, key: str | int) -> str:
    """Return the JSON path of a member or item."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if re.fullmatch(r"\w+", key) else f"{path}[{json.dumps(key)}]"


def read_document(file: Path) -> tuple[dict[str, Any] | None, list[ConfigProblem]]:
    """Read a file that holds one JSON object; ``None`` when there is nothing to go on with."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            return None, [ConfigProblem("$", f"is larger than {_LARGEST} bytes: no config is")]
        if not content.strip():
            return None, [ConfigProblem("$", "the file is empty: it must hold a JSON object")]
        document = parse(content)
    except OSError as error:
        return None, [ConfigProblem("$", f"cannot read the file: {error.strerror or error}")]
    except UnreadableJsonError as error:
        return None, [ConfigProblem("$", str(error))]
    if not isinstance(document, dict):
        return None, [ConfigProblem("$", "must be a JSON object", shown(document))]
    if problems := unusable(document):
        return None, problems
    invisible = [
        problem for path, _, value in _walk(document) for problem in _invisible(path, value)
    ]
    return document, [*losses(document), *invisible]


def parse(content: bytes, *, parse_float: Callable[[str], float] = float) -> Any:
    """Read JSON; its objects remember which of their keys are there more than once.

    Args:
        content: JSON in UTF-8.
        parse_float: As of :func:`read_json`.

    Raises:
        UnreadableJsonError: It is no JSON that can be used.
    """
    return read_json(content, object_pairs_hook=_Object, parse_float=parse_float)


def unusable(document: Any) -> list[ConfigProblem]:
    """Find what cannot be written as JSON again: half characters, and nesting without end."""
    return [
        ConfigProblem(path, message)
        for path, depth, value in _walk(document)
        if (message := _why_unusable(value, depth))
    ]


def losses(document: Any) -> list[ConfigProblem]:
    """Find what other readers of the JSON would lose: repeated keys, and numbers beyond doubles."""
    return [problem for path, _, value in _walk(document) for problem in _lost_of(path, value)]


def _walk(document: Any) -> Iterator[tuple[str, int, Any]]:
    """Every value with its path and depth; not recursive, so that no depth is too much."""
    stack: list[tuple[str, int, Any]] = [("$", 0, document)]
    while stack:
        path, depth, value = stack.pop()
        yield path, depth, value
        members: list[tuple[str | int, Any]] = []
        if isinstance(value, dict):
            members = list(value.items())
        elif isinstance(value, list):
            members = list(enumerate(value))
        if depth <= _DEEPEST:
            stack.extend(
                (child_path(path, key), depth + 1, each) for key, each in reversed(members)
            )


def _why_unusable(value: Any, depth: int) -> str | None:
    if depth > _DEEPEST:
        return f"is nested deeper than {_DEEPEST} levels"
    if any(re.search("[\ud800-\udfff]", text) for text in _texts(value)):
        return r"holds half of a character pair (\ud800 to \udfff on its own)"
    return None


def _texts(value: Any) -> list[str]:
    """Return a text, or the keys of an object."""
    return [value] if isinstance(value, str) else list(value) if isinstance(value, dict) else []


def _lost_of(path: str, value: Any) -> Iterator[ConfigProblem]:
    if isinstance(value, _Object):
        for key in value.repeated:
            yield ConfigProblem(child_path(path, key), "is there more than once: keep one of them")
    if isinstance(value, int | float) and not _is_finite(value):
        yield ConfigProblem(path, "must be a finite number", shown(value))


def _invisible(path: str, value: Any) -> Iterator[ConfigProblem]:
    for text in _texts(value):
        if match := _INVISIBLE.search(text):
            code = f"U+{ord(match[0]):04X}"
            yield ConfigProblem(
                path, f"holds the invisible character {code}: remove it", shown(text)
            )


def _is_finite(number: float) -> bool:
    """Whether the number fits a double, which is what other readers of JSON make of it."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
