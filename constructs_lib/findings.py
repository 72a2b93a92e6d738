"""What the linter reports, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes that lead from the definition to a value in it."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that SageMaker would reject (error), or that is likely a mistake (warning)."""

    severity: Severity
    step: str | None
    """Name of the step it is in; ``None`` outside of steps."""
    path: str
    """JSON path in the definition, for example ``$.Steps[0].Arguments.RoleArn``."""
    message: str
    """What is wrong and what is allowed."""
    value: object
    """The value found there."""
    cause: str | None = None
    """Where a person set the value, for example a config file and a JSON path in it."""

    def __str__(self) -> str:
        """Render one line: severity, step, path, message and cause."""
        step = f" [{self.step}]" if self.step else ""
        cause = f"; set in {self.cause}" if self.cause else ""
        return f"{self.severity}{step} {self.path}: {self.message}{cause}"


@dataclass(frozen=True)
class Problem:
    """What a rule reports; it becomes a ``Finding`` when the step is known, from the path."""

    path: Path
    message: str
    value: object
    severity: Severity = "error"


def render_path(path: Path) -> str:
    """Write a path as JSON path: ``$.Steps[0].Arguments.Environment['my-key']``."""
    return "$" + "".join(map(_render_key, path))


def _render_key(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"['{key}']"
