"""Compares responses with what is declared."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

from ...common.serving.default_functions import CSV
from ..findings import shortened
from ..payloads import is_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..payloads import Payload


class ResponseError(Exception):
    """A response that is not what the registration declares."""

    def __init__(self, code: str, message: str, fix: str, traceback: str = "") -> None:
        """Take a message that goes on after the payload's name, and what the code raised."""
        super().__init__(message)
        self.code = code
        self.fix = fix
        self.traceback = traceback


def check_response(
    body: bytes, content_type: str, payload: Payload, variables: Sequence[Sequence[str]]
) -> list[Any]:
    """Compare a response to a payload with what is declared; returns its records.

    Raises:
        ResponseError: it differs.
    """
    accept = payload.accept
    if content_type.split(";")[0].strip().lower() != accept.lower():
        raise ResponseError(
            "response-content-type",
            f"is answered with content type {content_type!r}",
            f"Let output_fn return {accept} when that is accepted, or declare the other type.",
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ResponseError(
            "response-not-utf8",
            f"is answered with bytes that are not UTF-8 (at byte {error.start})",
            "Let output_fn return text, or bytes of text encoded as UTF-8.",
        ) from None
    if accept == CSV:
        records = _csv_answer(text)
        check_header(records, payload.record_count or 1, variables)
    else:
        records = json_records(text, [name for name, _ in variables])
    check_count(records, payload.record_count)
    for record in records:
        check_record(record, variables)
    return records


def _csv_answer(text: str) -> list[Any]:
    try:
        return csv_records(text)
    except csv.Error as error:
        raise ResponseError(
            "response-not-csv",
            f"is answered with what is no CSV: {shortened(error)}",
            "Let output_fn write one line per record, as Python's csv module does.",
        ) from None


def check_count(records: Sequence[Any], expected: int | None) -> None:
    """Compare the number of records with that of the request, if it is known."""
    if not records:
        raise ResponseError(
            "response-empty",
            "is answered without any record",
            "Let output_fn return one record per record of the request.",
        )
    if expected not in (None, len(records)):
        raise ResponseError(
            "response-count",
            f"is answered with {len(records)} records; the request has {expected}",
            "Let output_fn return one record per record of the request.",
        )


def check_header(
    rows: Sequence[Sequence[str]], expected: int, variables: Sequence[Sequence[str]]
) -> None:
    """Refuse a first row of names: a CSV response has none."""
    if len(rows) <= expected:
        return
    cells = [cell.strip() for cell in rows[0]]
    names = [name for name, _ in variables]
    has_numbers = any(kind != "TEXT" for _, kind in variables)
    if cells == names or (has_numbers and not any(map(is_number, cells))):
        raise ResponseError(
            "response-header",
            f"is answered with a header row, {shortened(cells)}, before its records",
            "Let output_fn write the values alone (pandas: to_csv(header=False, index=False)).",
        )


def is_number(cell: str) -> bool:
    """Whether a value of CSV is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def csv_records(text: str) -> list[Any]:
    """Return the lines of a CSV response.

    Raises:
        csv.Error: Python's module does not read it.
    """
    return [row for row in csv.reader(io.StringIO(text)) if row]


def json_records(text: str, names: Sequence[str]) -> list[Any]:
    """Return the records of a JSON response."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ResponseError(
            "response-not-json",
            f"is answered with what is no JSON: {shortened(error)}",
            "Let output_fn return json.dumps of one object that names the output variables.",
        ) from None
    return records_in(content, names)


def records_in(content: Any, names: Sequence[str]) -> list[Any]:
    """Return the objects, or rows of values, of a response's JSON.

    They may be the only member of an object, as in ``{"predictions": [{"score": 0.5}]}``, whose
    name is none of the declared ``names``.
    """
    if isinstance(content, dict) and len(content) == 1:
        [(name, inside)] = content.items()
        if name not in names and is_records(inside):
            content = inside
    return content if is_records(content) else [content]


def check_record(record: Any, variables: Sequence[Sequence[str]]) -> None:
    """Compare one record with the declared output variables."""
    names = [name for name, _ in variables]
    if isinstance(record, list):
        if len(record) != len(names):
            raise ResponseError(
                "output-count",
                f"is answered with {len(record)} values; declared are {len(names)}: {names}",
                "Return one value per declared output variable, or correct "
                "source_model_inference_output_variable_list.",
            )
        record = dict(zip(names, record))  # noqa: B905 strict is 3.10
    if not isinstance(record, dict):
        raise ResponseError(
            "output-wrong-type",
            f"is answered with a {type(record).__name__}; needed is an object that names {names}",
            "Return an object of output variables.",
        )
    missing = [name for name in names if name not in record]
    if missing:
        raise ResponseError(
            "output-missing",
            f"is answered without {missing}; the response has {sorted(map(str, record))[:20]}",
            "Return the declared output variables by name, or correct "
            "source_model_inference_output_variable_list.",
        )
    for name, kind in variables:
        check_value(name, kind, record[name])


def plain_value(value: Any) -> Any:
    """Take a value out of the lists that it is the only item of, as in ``[[0.5]]``."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def check_value(name: str, kind: str, value: Any) -> None:
    """Compare one value with its declared type."""
    value = plain_value(value)
    fix = f"Return {name} as {kind}, or declare its other type."
    if kind == "TEXT":
        if not isinstance(value, str):
            message = f"is answered with {name} {shortened(repr(value))}, which is no text"
            raise ResponseError("output-wrong-type", message, fix)
        return
    try:
        number = math.inf if isinstance(value, bool) else float(value)
    except OverflowError:  # a whole number beyond every double
        number = math.inf
    except (TypeError, ValueError):
        number = None
    if number is None or isinstance(value, bool):
        message = f"is answered with {name} {shortened(repr(value))}, which is no number"
        raise ResponseError("output-wrong-type", message, fix)
    if not math.isfinite(number):
        raise ResponseError(
            "output-not-finite",
            f"is answered with {name} {number}, which is no finite number",
            "Look for divisions by zero, logarithms of zero and missing inputs in predict_fn.",
        )
