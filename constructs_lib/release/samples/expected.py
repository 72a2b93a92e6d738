"""Reads the answers that are expected of own sample requests, such as ``NAME.expected.json``."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from constructs_lib.configs import VariableType
from constructs_lib.fields.rules import did_you_mean, shown
from constructs_lib.jobs.verify_model.answers.responses import csv_records, records_in
from constructs_lib.release.samples.errors import UnusableSampleError
from constructs_lib.release.samples.texts import as_json, as_text

ExpectedRecord: TypeAlias = dict[str, float | str]
"""Values by output variable; not all of them need to be named."""

_FIX: Final = "give the values of output variables, one object or row per record of the request"


def expected_records(
    content: bytes, extension: str, outputs: Mapping[str, VariableType]
) -> list[ExpectedRecord]:
    """Read an expected answer, which may look as any answer of a model may.

    Args:
        content: The file's.
        extension: ``.json`` or ``.csv``.
        outputs: The declared output variables.

    Raises:
        UnusableSampleError: It is no answer, or not one of these variables.
    """
    is_csv = extension == ".csv"
    try:
        records = (
            csv_records(as_text(content)) if is_csv else records_in(as_json(content), list(outputs))
        )
    except csv.Error as error:
        raise UnusableSampleError(f"is not CSV: {error}") from None
    if not records:
        raise UnusableSampleError(f"holds no record: {_FIX}")
    return [
        _record(record, f"record {number}", outputs) for number, record in enumerate(records, 1)
    ]


def _record(record: Any, place: str, outputs: Mapping[str, VariableType]) -> ExpectedRecord:
    if isinstance(record, list):
        if len(record) != len(outputs):
            raise UnusableSampleError(
                f"{place} has {len(record)} values; the model's outputs are {', '.join(outputs)}"
            )
        record = dict(zip(outputs, record, strict=True))
    if not isinstance(record, dict) or not record:
        raise UnusableSampleError(f"{place} is {shown(record)}: {_FIX}")
    return {name: _value(value, name, place, outputs) for name, value in record.items()}


def _value(value: Any, name: str, place: str, outputs: Mapping[str, VariableType]) -> float | str:
    if name not in outputs:
        raise UnusableSampleError(
            f"{place} names {shown(name)}, which is no output variable; declared are:"
            f" {', '.join(outputs)}{did_you_mean(name, outputs)}"
        )
    if outputs[name] is VariableType.TEXT:
        if isinstance(value, str):
            return value
        raise UnusableSampleError(f"{name} of {place} is {shown(value)}; it is declared TEXT")
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UnusableSampleError(f"{name} of {place} is {shown(value)}; needed is a finite number")
    return number
