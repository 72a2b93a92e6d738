"""Compares answers with those that are expected of own sample requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..findings import shortened
from .responses import ResponseError, plain_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..payloads import ExpectedAnswer


def check_expected(
    records: Sequence[Any], expected: ExpectedAnswer, names: Sequence[str], request: str
) -> None:
    """Compare an answer that is as declared with the expected one.

    Args:
        records: The answer's.
        expected: What they should be.
        names: The declared output variables.
        request: Name of the request.

    Raises:
        ResponseError: It differs by more than the tolerance.
    """
    if len(records) != len(expected.records):
        raise ResponseError(
            "response-count",
            f"is answered with {len(records)} records; expected are {len(expected.records)}",
            "Let output_fn return one record per record of the request, or correct the expected "
            "answer.",
        )
    found = list(differences(expected, records, names))
    if found:
        name, told = found[0]
        more = f"; {len(found) - 1} more values differ" if len(found) > 1 else ""
        tolerance = (
            f"raise the tolerance of {name} in manifest.json, "
            if name in expected.tolerances
            else ""
        )
        raise ResponseError(
            "answer-not-expected",
            f"is answered {told}{more}",
            f"If the answer is right, {tolerance}or correct the expected answer beside {request}; "
            "if not, look for what has changed in the model or its code.",
        )


def differences(
    expected: ExpectedAnswer, answered: Sequence[Any], names: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield each value that is not as expected: the variable, and in words how it differs."""
    for number, (record, wanted) in enumerate(zip(answered, expected.records), 1):  # noqa: B905 3.8
        # A row holds the declared variables in their order.
        values = dict(zip(names, record)) if isinstance(record, list) else record  # noqa: B905
        for name, value in wanted.items():
            told = difference(plain_value(values[name]), value, expected.tolerances.get(name))
            if told is not None:
                got, needed = told
                yield name, f"with {name} {got} in record {number}; expected is {needed}"


def difference(
    got: Any, wanted: Any, tolerance: Mapping[str, float] | None
) -> tuple[str, str] | None:
    """Return how a value reads, and what is expected instead; None if it is fine.

    Args:
        got: What was answered.
        wanted: What is expected.
        tolerance: Of a number; without one, the values have to be the same.
    """
    if tolerance is None:
        return None if got == wanted else (shortened(repr(got)), shortened(repr(wanted)))
    absolute, relative = tolerance["absolute"], tolerance["relative"]
    most = absolute + relative * abs(wanted)
    if abs(float(got) - wanted) <= most:
        return None
    of = f"absolute {absolute:g}, relative {relative:g}"
    return f"{float(got):.9g}", f"{wanted:.9g}, tolerance {most:.3g} ({of})"
