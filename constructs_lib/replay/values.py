"""The values of an answer by field, whatever the form of the answer."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from constructs_lib.jobs.common.serving.default_functions import CSV, JSON
from constructs_lib.jobs.verify_model.answers.responses import (
    ResponseError,
    csv_records,
    json_records,
    plain_value,
)
from constructs_lib.jobs.verify_model.payloads import JSON_LINES, base_type

BODY: Final = "(body)"
"""Field of an answer of which nobody knows the fields."""
_UNNAMED: Final = "answer"
_Keys: TypeAlias = tuple[str | int, ...]
_Leaf: TypeAlias = tuple[str, str, _Keys, Any]


class Position(NamedTuple):
    """Where a value stands in an answer."""

    record: int
    """Number of the record, from 1."""
    path: str
    """Such as ``score``, or ``embedding[3]``."""
    field: str
    """The path without numbers: ``embedding[]``."""
    keys: _Keys
    """The names and numbers of the path: those of two values are never the same."""


class CsvCell(str):
    """A value of CSV, where numbers are texts, too."""

    __slots__ = ()


def values_of(body: bytes, content_type: str, names: Sequence[str]) -> dict[Position, Any] | None:
    """Return each value of an answer.

    Args:
        body: What was answered.
        content_type: Its content type.
        names: The declared output variables, which rows hold in their order.

    Returns:
        None for an answer whose fields nobody knows: of another content type, or broken.
    """
    records = _records(body, content_type, names)
    if records is None:
        return None
    return {
        Position(number, path, field, keys): value
        for number, record in enumerate(records, 1)
        for path, field, keys, value in _of_record(record, names)
    }


def _records(body: bytes, content_type: str, names: Sequence[str]) -> list[Any] | None:
    kind = base_type(content_type)
    try:
        text = body.decode()
        if kind == CSV:
            return [[CsvCell(cell) for cell in row] for row in csv_records(text)]
        if kind in JSON_LINES:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json_records(text, names) if kind == JSON else None
    except (ResponseError, csv.Error, ValueError, RecursionError):
        return None


def _of_record(record: Any, names: Sequence[str]) -> Iterator[_Leaf]:
    if isinstance(record, Mapping):
        for name, value in record.items():
            yield from _leaves(name, name, (name,), value)
        return
    values = record if isinstance(record, list) else [record]
    named = names if len(names) == len(values) else _numbered(len(values))
    for name, value in zip(named, values, strict=True):
        yield from _leaves(name, name, (name,), value)


def _numbered(count: int) -> list[str]:
    return [_UNNAMED] if count == 1 else [f"{_UNNAMED} {number}" for number in range(1, count + 1)]


def _leaves(path: str, field: str, keys: _Keys, value: Any) -> Iterator[_Leaf]:
    plain = plain_value(value)
    match plain:
        case dict() if plain:
            for name, inside in plain.items():
                yield from _leaves(f"{path}.{name}", f"{field}.{name}", (*keys, name), inside)
        case list() if plain:
            for number, inside in enumerate(plain):
                yield from _leaves(f"{path}[{number}]", f"{field}[]", (*keys, number), inside)
        case _:
            yield path, field, keys, plain
