"""What is wrong, or odd, about a model."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..common.texts import printable

MESSAGE_CHARACTERS = 300
PRINTED_CHARACTERS = 4000


class ModelFinding(NamedTuple):
    """One thing that is wrong, or odd, about the model."""

    severity: str
    code: str
    message: str
    fix: str
    traceback: str = ""
    """Of the model's code, where that has raised."""
    printed: str = ""
    """The end of what the model's code printed until then."""

    def facts(self) -> dict[str, Any]:
        """Return what the evaluation holds of it."""
        found = self._asdict()
        return {name: text for name, text in found.items() if text or name in REQUIRED}

    def with_evidence(self, traceback: str, printed: str) -> ModelFinding:
        """Add a traceback, and what was printed before it."""
        before = printed.replace(traceback, "") if traceback else printed
        return self._replace(traceback=traceback, printed=end_of(before.strip("\n")))


REQUIRED = ("severity", "code", "message", "fix")


def end_of(text: str) -> str:
    """Return the end of a long text."""
    if len(text) <= PRINTED_CHARACTERS:
        return text
    return f"(the last {PRINTED_CHARACTERS:,} characters)\n{text[-PRINTED_CHARACTERS:]}"


class RefusedModelError(Exception):
    """A model that gets no further; holds the finding."""

    def __init__(self, code: str, message: str, fix: str, traceback: str = "") -> None:
        """Make the error and its finding; the traceback is of what the code raised."""
        super().__init__(message)
        self.traceback = traceback
        self.finding = ModelFinding("error", code, message, fix)


def shortened(text: object) -> str:
    """Return a text of the model's making, on one line, not endless, without control characters."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= MESSAGE_CHARACTERS else line[: MESSAGE_CHARACTERS - 3] + "..."
