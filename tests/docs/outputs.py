"""Compares what a command printed with what a document shows of it."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

ANYTHING: Final = "…"
"""Alone on a line: any lines; within a line: any text."""

_ANY_LINES: Final = r"(?:.*\n)*?"
_CLOCK: Final = r"\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_PLACEHOLDERS: Final = (
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
    (re.compile(rf"\b\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK})?"), "⟨date⟩"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "⟨time⟩"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|min)\b"), "⟨duration⟩"),
    (re.compile(r"localhost:\d+"), "localhost:⟨port⟩"),
    (re.compile(r"(?<![0-9a-z])(?=[0-9a-z]*\d)[0-9a-z]{12}(?![0-9a-z])"), "⟨id⟩"),
    (re.compile(r"(?<![0-9a-z])(?=[0-9a-f]*\d)[0-9a-f]{7,64}(?![0-9a-z])"), "⟨id⟩"),
    (re.compile(r"[ \t]+"), " "),
)
"""What differs from run to run, and widths of columns, which follow it."""
_ID_OF_LETTERS: Final = re.compile(
    r"\b(?:[Ee]xecutions?[ /]|releases/)([0-9a-z]{12})\b"
    r"|^ *([0-9a-z]{12}) +(?=Executing|Failed|Stopped|Succeeded)",
    re.MULTILINE,
)
"""The id of an execution where it stands: one in fifty has no digit that tells it from a word."""


def differs(shown: tuple[str, ...], printed: str) -> str | None:
    """Tell how the output differs from what is shown; None when it does not."""
    wanted = _unordered(_normal("\n".join(shown)).splitlines())
    got = _unordered(_normal(printed).splitlines())
    pattern = "".join(_ANY_LINES if line == ANYTHING else _line(line) for line in wanted)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in got)):
        return None
    return "\n  ".join(["shown:", *wanted]) + "\n" + "\n  ".join(["printed:", *got])


def _line(shown: str) -> str:
    return ".*".join(map(re.escape, shown.split(ANYTHING))) + r"\n"


def _normal(text: str) -> str:
    for identifier in {found for each in _ID_OF_LETTERS.findall(text) for found in each if found}:
        text = re.sub(rf"\b{identifier}\b", "⟨id⟩", text)
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _unordered(lines: list[str]) -> list[str]:
    """Sort neighbouring lines that tell what happened when: steps run side by side."""
    result = list[str]()
    for _, group in groupby(lines, key=lambda line: line == ANYTHING or line.startswith("⟨time⟩")):
        together = list(group)
        events = sorted(line for line in together if line.startswith("⟨time⟩"))
        if events and ANYTHING in together:
            # Some of the events, which are in the same order in all of them.
            result += [line for event in events for line in (ANYTHING, event)] + [ANYTHING]
        else:
            result += events or together
    return result
