"""Shows an answer to people: shortened, on one line, without control characters."""

from __future__ import annotations

from ...common.texts import printable

ANSWER_CHARACTERS = 300


def excerpt(body: bytes) -> str:
    r"""Return the beginning of an answer; bytes that are no text read as ``\xff``."""
    text = body.decode("utf-8", "backslashreplace").rstrip("\r\n")
    rest = len(text) - ANSWER_CHARACTERS
    shown = printable(text[:ANSWER_CHARACTERS])
    return f"{shown}... ({rest:,} characters more)" if rest > 0 else shown
