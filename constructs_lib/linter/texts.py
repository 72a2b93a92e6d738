"""Checks texts, of which parts may not be known yet, against lengths, values and patterns."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from constructs_lib.findings import Path, Problem
from constructs_lib.language.expressions import Fragments, known_text
from constructs_lib.linter.shapes import Shape
from constructs_lib.service_model.java_patterns import matches

_CHARACTER_SET: Final = re.compile(
    r"\(?\[(?:\\.|[^\]\\])+\](?:[*+]|\{\d+,\d*\})\)?(?:\$\{\d+,\d+\})?"
)
"""A pattern such as ``[a-z]*``: it allows any order of some characters, so a known part of a text
breaks it whatever the unknown parts turn out to be."""

_EXAMPLES: Final = (
    *("x", "0", "123456789012", "us-east-1"),
    *("s3://x/x", "arn:aws:iam::123456789012:role/x"),
)
"""What unknown parts of names, numbers, URIs and ARNs typically look like."""


def text_problems(text: Fragments, shape: Shape, path: Path, value: object) -> Iterator[Problem]:
    """Compare a text with a string shape of the service model.

    Args:
        text: The parts of the text.
        shape: The string shape.
        path: Where the text is.
        value: What is there: the text, or a pipeline variable.
    """
    for message in _length_messages(text, shape):
        yield Problem(path, message, value)
    allowed = shape.metadata.get("enum")
    if allowed and not any(_may_be(text, candidate) for candidate in allowed):
        shown = known_text(text)
        nearest = difflib.get_close_matches(shown, allowed, 3) or allowed[:3]
        message = f"is {shown!r}; {shape.name} is one of {len(allowed)}: {', '.join(nearest)}"
        yield Problem(path, message + (", ..." if len(allowed) > len(nearest) else ""), value)
    if "pattern" in shape.metadata:
        yield from _pattern_problems(text, shape, path, value)


def _length_messages(text: Fragments, shape: Shape) -> Iterator[str]:
    length = sum(len(part) for part in text if part is not None)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if None not in text and length < least:
        yield f"has {length} characters; {shape.name} has at least {least}"
    if most is not None and length > most:
        known = "characters" if None not in text else "known characters"
        yield f"has {length} {known}; {shape.name} has at most {most}"


def _may_be(text: Fragments, candidate: str) -> bool:
    pattern = "".join(".*" if part is None else re.escape(part) for part in text)
    return re.fullmatch(pattern, candidate, re.DOTALL) is not None


def _pattern_problems(
    text: Fragments, shape: Shape, path: Path, value: object
) -> Iterator[Problem]:
    unknown, pattern = None in text, shape.metadata["pattern"]
    if unknown and not known_text(text, ""):
        return
    if any(matches(pattern, known_text(text, example)) for example in _EXAMPLES):
        return
    message = f"is {known_text(text)!r}; {shape.name} has to match {pattern}"
    if unknown and not _CHARACTER_SET.fullmatch(pattern):
        yield Problem(path, f"{message}, which no likely value makes it do", value, "warning")
    else:
        yield Problem(path, message, value)
