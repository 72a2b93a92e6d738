"""Values of NUMERIC inputs in generated sample requests."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, TypeAlias

from pydantic import PlainValidator

from constructs_lib.fields.rules import broken_rule, broken_rules

MOST_NUMERIC_VALUES: Final = 20
"""Of one input: each makes another sample request, which Verify sends for every response type."""


def _numbers_by_field(value: Any) -> dict[str, int | float | list[int | float]]:
    """Read the values of NUMERIC inputs; whole numbers stay whole in the requests, too."""
    if not isinstance(value, dict):
        raise broken_rule("must be an object of input name: number, or list of numbers")
    errors: list[tuple[tuple[str, ...], object, str]] = [
        ((name,), given, message)
        for name, given in value.items()
        if (message := _wrong_numbers(given))
    ]
    if errors:
        raise broken_rules("numeric fields", errors)
    return value


def _wrong_numbers(given: Any) -> str | None:
    numbers = given if isinstance(given, list) else [given]
    if not numbers or not all(map(_is_finite_number, numbers)):
        return "must be a number, or a list of numbers: each makes a sample request"
    if len(numbers) > MOST_NUMERIC_VALUES:
        return (
            f"has {len(numbers)} values; at most {MOST_NUMERIC_VALUES} are taken, because each"
            " makes a sample request"
        )
    return None


def _is_finite_number(given: Any) -> bool:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    try:
        return math.isfinite(given)
    except OverflowError:  # a whole number beyond every double
        return False


_Number: TypeAlias = int | float
NumericFieldValues = Annotated[
    dict[str, _Number | list[_Number]],
    PlainValidator(_numbers_by_field, json_schema_input_type=dict[str, float | list[float]]),
]
"""A number, or several, by the name of the input; as the file has it."""
