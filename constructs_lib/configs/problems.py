"""What can be wrong in a config file, in the words its owner sees."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from constructs_lib.errors import ReleaseError

_LONGEST_SHOWN_VALUE = 80


@dataclass(frozen=True)
class ConfigProblem:
    """One thing that is wrong (or, as a warning, odd) in a config file."""

    path: str
    """JSON path into the file, for example ``$.configuration.shared.region``."""
    message: str
    """What is wrong, what is allowed and the likely fix."""
    value: str | None = None
    """The value got, as JSON text; ``None`` when there is none."""

    def __str__(self) -> str:
        """Return the problem on one line."""
        got = "" if self.value is None else f" (got {self.value})"
        return f"{self.path}: {self.message}{got}"


@dataclass
class Findings:
    """Collects what reading a file brings up."""

    problems: list[ConfigProblem] = field(default_factory=list)
    warnings: list[ConfigProblem] = field(default_factory=list)
    strict: bool = False
    """Whether a name that nothing has is a problem: in files of the current format."""

    def unknown(self, path: str, kind: str, name: str, known: Iterable[str]) -> None:
        """Tell of a key or field that nothing has, with the nearest name that something has."""
        nearest = did_you_mean(name, known)
        if self.strict:
            self.problems.append(ConfigProblem(path, f"unknown {kind}{nearest or ': remove it'}"))
        else:
            self.warnings.append(ConfigProblem(path, f"unknown {kind}, ignored{nearest}"))


class ConfigFileError(ReleaseError):
    """A config file that cannot be used: ``problems`` holds everything found in it."""

    def __init__(self, file: Path, problems: Sequence[ConfigProblem]) -> None:
        """Say everything that is wrong with ``file``."""
        self.file = file
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{file}: {count}", *(f"  {each}" for each in problems)]))


def shown(value: object) -> str:
    """Return the value as JSON text, shortened to fit on a line."""
    text = json.dumps(value, default=str)
    if len(text) <= _LONGEST_SHOWN_VALUE:
        return text
    return f"{text[:_LONGEST_SHOWN_VALUE]}..."


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``; did you mean "..."?`` with the nearest known name, or nothing when none is near."""
    by_folded = {each.casefold(): each for each in known}
    nearest = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=cutoff)
    return f'; did you mean "{by_folded[nearest[0]]}"?' if nearest else ""


def broken_rule(message: str, *other_fields: str) -> PydanticCustomError:
    """Make the error that a validator raises for a rule of this project.

    ``other_fields`` took part in the rule: when the field itself is left to its default, the
    problem is reported at the first of them that the file holds.
    """
    return PydanticCustomError(
        "rule", "{message}", {"message": message, "other_fields": other_fields}
    )


def broken_rules(
    title: str, errors: Iterable[tuple[tuple[str | int, ...], object, str]]
) -> ValidationError:
    """Make one error of several broken rules in a field: (location in it, value, message)."""
    return ValidationError.from_exception_data(
        title,
        [
            InitErrorDetails(type=broken_rule(message), loc=location, input=value)
            for location, value, message in errors
        ],
    )
