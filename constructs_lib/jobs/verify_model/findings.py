"""What is wrong, or odd, about a model."""

from __future__ import annotations

from typing import NamedTuple

from ..common.texts import printable

MESSAGE_CHARACTERS = 300


class ModelFinding(NamedTuple):
    """One thing that is wrong, or odd, about the model."""

    severity: str
    code: str
    message: str
    fix: str


class RefusedModelError(Exception):
    """A model that gets no further; holds the finding."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        """Make the error and its finding."""
        super().__init__(message)
        self.finding = ModelFinding("error", code, message, fix)


def shortened(text: object) -> str:
    """Return a text of the model's making, on one line, not endless, without control characters."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= MESSAGE_CHARACTERS else line[: MESSAGE_CHARACTERS - 3] + "..."
