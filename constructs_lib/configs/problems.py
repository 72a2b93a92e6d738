"""What can be wrong in a config file, in the words its owner sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from constructs_lib.errors import ReleaseError
from constructs_lib.fields.rules import did_you_mean
from constructs_lib.terminal.paths import shown_path


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
        super().__init__(
            "\n".join([f"{shown_path(file)}: {count}", *(f"  {each}" for each in problems)])
        )
