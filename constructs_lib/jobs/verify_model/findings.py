"""What is wrong, or odd, about a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..common.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .answers.responses import ResponseError
    from .payloads import Payload

MESSAGE_CHARACTERS = 300
PRINTED_CHARACTERS = 4000
MOST_EVIDENCE = 5
"""How many findings have a traceback or what was printed: the evaluation is no log."""


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
        self.printed = ""
        """What was printed until then."""
        self.finding = ModelFinding("error", code, message, fix)


class FoundProblems:
    """All findings so far: what is wrong with the answers to several requests is one of them."""

    def __init__(self, findings: Iterable[ModelFinding]) -> None:
        """Begin with what others have found."""
        self.findings = list(findings)
        self._failed: dict[tuple[str, str], list[Payload]] = {}
        """Payloads by what is wrong with their answers, which is told once."""

    @property
    def errors(self) -> list[ModelFinding]:
        """Those that decide."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def add(self, *findings: ModelFinding) -> None:
        """Add findings."""
        self.findings.extend(findings)

    def add_refusal(self, error: RefusedModelError) -> None:
        """Add why a model gets no further."""
        self.add(self._with_evidence(error.finding, error.traceback, error.printed))

    def has_told(self, payload: Payload, error: ResponseError) -> bool:
        """Whether this is known to be wrong with the answers to a payload."""
        return payload in self._failed.get((error.code, str(error)), ())

    def tell(self, payload: Payload, error: ResponseError, printed: str) -> str:
        """Tell of an error once, with every payload that it is the same for.

        Args:
            payload: What was sent.
            error: What is wrong with the answer.
            printed: What was printed since then, if that is about it.
        """
        payloads = self._failed.setdefault((error.code, str(error)), [])
        payloads.append(payload)
        first, *others = payloads
        message = f"{first} {error}."
        is_open = first.is_own and error.code == "handler-raised"
        fix = f"{error.fix} Or correct the request." if is_open else error.fix
        told = ModelFinding("error", error.code, message, fix)
        if not others:
            self.add(self._with_evidence(told, error.traceback, printed))
            return str(error)
        place = next(n for n, each in enumerate(self.findings) if each.message.startswith(message))
        names = shortened(", ".join(map(str, others)))
        told = self.findings[place]
        self.findings[place] = told._replace(message=f"{message} The same of {names}.")
        return str(error)

    def tell_unsent(self, count: int) -> None:
        """Add to the last finding that others were not sent."""
        if count:
            last = self.findings[-1]
            message = f"{last.message} The {count} payloads after it were not sent."
            self.findings[-1] = last._replace(message=message)

    def _with_evidence(self, finding: ModelFinding, traceback: str, printed: str) -> ModelFinding:
        """Add what the code raised and printed, to the first findings that have either."""
        told = sum(bool(each.traceback or each.printed) for each in self.findings)
        if told >= MOST_EVIDENCE:
            return finding
        return finding.with_evidence(traceback, printed)


def shortened(text: object) -> str:
    """Return a text of the model's making, on one line, not endless, without control characters."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= MESSAGE_CHARACTERS else line[: MESSAGE_CHARACTERS - 3] + "..."
