"""Compares the answers of two versions: by field, and by how much."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from constructs_lib.jobs.common.texts import printable
from constructs_lib.jobs.verify_model.answers.expected import difference
from constructs_lib.jobs.verify_model.findings import shortened
from constructs_lib.jobs.verify_model.load import percentile
from constructs_lib.jobs.verify_model.payloads import base_type
from constructs_lib.replay.values import BODY, CsvCell, Position, values_of

FAILURE: Final = "(failure)"
"""Field of a request that one version answers, and the other does not."""
CONTENT_TYPE: Final = "(content type)"
RECORDS: Final = "(records)"
SHARES: Final = (0.001, 0.01, 0.1, 1.0)
"""Upper bounds of how large differences are, of the value before; what is above has none."""
_NUMERIC, _TEXT = "NUMERIC", "TEXT"
_MOST_EXAMPLES: Final = 20
"""Of each field; the largest ones."""
_NONE: Final = "(none)"
_PLACE: Final = re.compile(r" \([^()]* line \d+\)")
"""Where the code has raised, which another line above it moves."""


class VersionAnswer(NamedTuple):
    """What a version made of a request."""

    seconds: float
    body: bytes = b""
    content_type: str = ""
    failure: str | None = None
    """Why there is no answer; goes on after "is"."""


class FoundDifference(NamedTuple):
    """One value that differs by more than its tolerance."""

    request: str
    record: int | None
    path: str
    before: str
    after: str
    size: float | None
    """Absolute, of numbers."""
    share: float | None
    """Of the value before; None where that is zero or next to it, or no number."""


@dataclass
class ComparedField:
    """Everything that was compared of one field."""

    name: str
    values: int = 0
    differing: int = 0
    numbers: list[float] = field(default_factory=list)
    """Absolute differences of all values that are numbers on both sides."""
    largest_share: float | None = None
    shares: Counter[float] = field(default_factory=Counter)
    """How many numbers differ by so much, by the upper bounds of :data:`SHARES`."""
    examples: list[FoundDifference] = field(default_factory=list)

    def add(self, found: FoundDifference) -> None:
        """Count a difference."""
        self.differing += 1
        self.examples.append(found)
        if len(self.examples) > 2 * _MOST_EXAMPLES:
            self._forget()
        if found.size is None:
            return
        share = math.inf if found.share is None else found.share
        self.shares[next((each for each in SHARES if share <= each), math.inf)] += 1
        if found.share is not None:
            self.largest_share = max(self.largest_share or 0.0, found.share)

    def _forget(self) -> None:
        self.examples.sort(key=lambda each: -1.0 if each.size is None else each.size, reverse=True)
        del self.examples[_MOST_EXAMPLES:]

    def facts(self) -> dict[str, Any]:
        """Return what ``--json`` and the record hold."""
        self._forget()
        ordered = sorted(self.numbers)
        sizes = None
        if ordered:
            quantiles = {"p50": percentile(ordered, 0.5), "p99": percentile(ordered, 0.99)}
            sizes = {**quantiles, "max": ordered[-1]}
        return {
            "name": printable(self.name),
            "value_count": self.values,
            "differing_count": self.differing,
            "absolute_difference": sizes,
            "largest_relative_difference": self.largest_share,
            "relative_differences": [
                {"up_to": None if math.isinf(bound) else bound, "count": self.shares[bound]}
                for bound in (*SHARES, math.inf)
            ]
            if self.shares
            else [],
            "examples": [each._asdict() for each in self.examples],
        }


class Comparison:
    """Compares answers, one request after the other."""

    def __init__(
        self,
        names: tuple[Sequence[str], Sequence[str]],
        kinds: Mapping[str, str],
        tolerances: Mapping[str, Mapping[str, float]],
        default_tolerance: Mapping[str, float],
    ) -> None:
        """Start with nothing compared.

        Args:
            names: The output variables that each version declares, the one before first.
            kinds: What they are by name: ``NUMERIC`` or ``TEXT``.
            tolerances: How far a number may be from the one before, by variable.
            default_tolerance: That of all others.
        """
        self._names = names
        self._kinds = kinds
        self._tolerances = tolerances
        self._default = default_tolerance
        self.fields: dict[str, ComparedField] = {}

    def compare(self, request: str, before: VersionAnswer, after: VersionAnswer) -> bool:
        """Compare two answers to a request; tells whether they agree.

        Requests that both versions fail at agree where both fail alike.
        """
        if before.failure is not None or after.failure is not None:
            told = [_told(each) for each in (before, after)]
            return self._same(request, FAILURE, *told)
        kinds = [base_type(each.content_type) for each in (before, after)]
        if not self._same(request, CONTENT_TYPE, *kinds):
            return False
        values = [
            values_of(each.body, each.content_type, names)
            for each, names in zip((before, after), self._names, strict=True)
        ]
        if values[0] is None or values[1] is None:
            bodies = [each.body.decode("utf-8", "backslashreplace") for each in (before, after)]
            return self._same(request, BODY, *bodies)
        return self._compare_values(request, values[0], values[1])

    def _compare_values(
        self, request: str, before: Mapping[Position, Any], after: Mapping[Position, Any]
    ) -> bool:
        counts = [max((each.record for each in side), default=0) for side in (before, after)]
        if not self._same(request, RECORDS, *map(str, counts)):
            return False
        found = [
            self._compare_value(request, position, before, after)
            for position in {**before, **after}
        ]
        return all(found)

    def _compare_value(
        self,
        request: str,
        position: Position,
        before: Mapping[Position, Any],
        after: Mapping[Position, Any],
    ) -> bool:
        of_field = self._field(position.field)
        of_field.values += 1
        if position not in before or position not in after:
            sides = (before, after)
            told = [_shown(each[position]) if position in each else _NONE for each in sides]
            of_field.add(_found(request, position, told[0], told[1]))
            return False
        old, new = before[position], after[position]
        numbers = self._numbers(position.field, old, new)
        if numbers is None:
            if old == new and isinstance(old, bool) == isinstance(new, bool):
                return True
            of_field.add(_found(request, position, _shown(old), _shown(new)))
            return False
        return self._compare_numbers(request, position, *numbers)

    def _compare_numbers(self, request: str, position: Position, old: float, new: float) -> bool:
        of_field = self._field(position.field)
        if old == new or (math.isnan(old) and math.isnan(new)):
            of_field.numbers.append(0.0)
            return True
        size = abs(new - old)
        is_finite = math.isfinite(size)
        if is_finite:
            of_field.numbers.append(size)
            if difference(new, old, self._tolerance(position.field)) is None:
                return True
        share = size / abs(old) if is_finite and old else math.inf
        sizes = [each if math.isfinite(each) else None for each in (size, share)]
        of_field.add(_found(request, position, f"{old:.9g}", f"{new:.9g}", *sizes))
        return False

    def _tolerance(self, name: str) -> Mapping[str, float]:
        return self._tolerances.get(name, self._default)

    def _numbers(self, name: str, old: Any, new: Any) -> tuple[float, float] | None:
        """Return two values that are to be compared as numbers."""
        kind = self._kinds.get(name)
        if kind == _TEXT:
            return None
        found = [_number(each, is_declared=kind == _NUMERIC) for each in (old, new)]
        if found[0] is None or found[1] is None:
            return None
        return found[0], found[1]

    def _field(self, name: str) -> ComparedField:
        return self.fields.setdefault(name, ComparedField(name))

    def _same(self, request: str, name: str, before: str, after: str) -> bool:
        """Note that something other than a value is, or is not, the same."""
        if before == after:
            return True
        of_field = self._field(name)
        of_field.values += 1
        told = [shortened(each) for each in (before, after)]
        of_field.add(FoundDifference(request, None, name, told[0], told[1], None, None))
        return False

    def facts(self) -> list[dict[str, Any]]:
        """Return all fields, those with most differences first."""
        ordered = sorted(self.fields.values(), key=lambda each: -each.differing)
        return [each.facts() for each in ordered]


def _told(answer: VersionAnswer) -> str:
    return "answers" if answer.failure is None else _PLACE.sub("", answer.failure)


def _number(value: Any, *, is_declared: bool) -> float | None:
    """Return a number; of texts, those of CSV and those that are declared to be numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not (is_declared or isinstance(value, CsvCell)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _shown(value: Any) -> str:
    return shortened(value if isinstance(value, str) else repr(value))


def _found(
    request: str,
    position: Position,
    before: str,
    after: str,
    size: float | None = None,
    share: float | None = None,
) -> FoundDifference:
    path = printable(position.path)
    return FoundDifference(request, position.record, path, before, after, size, share)
