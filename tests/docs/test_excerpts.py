"""Excerpts of files in the documents are what the files say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS
from tests.example_pipeline import ROOT

EXCERPT = re.compile(
    r"^ *<!-- excerpt: (?P<path>\S+) -->\n *```\w*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL
)
LEFT_OUT = "…"


def missing(excerpt: str, content: str) -> str | None:
    """Return the first part of an excerpt that the file does not hold, after those before it.

    Parts are separated by lines of ``…``; indentation does not count.
    """
    lines = [line.strip() for line in content.splitlines()]
    shown = [line.strip() for line in excerpt.strip().splitlines()]
    parts = [part.split("\n") for part in "\n".join(shown).split(f"\n{LEFT_OUT}\n")]
    start = 0
    for part in parts:
        found = (at for at in range(start, len(lines)) if lines[at : at + len(part)] == part)
        at = next(found, None)
        if at is None:
            return "\n".join(part)
        start = at + len(part)
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: str(each.relative_to(ROOT)))
def test_an_excerpt_is_what_the_file_says(document: Path) -> None:
    for excerpt in EXCERPT.finditer(document.read_text()):
        assert missing(excerpt["text"], (ROOT / excerpt["path"]).read_text()) is None


def test_the_tour_shows_a_compiled_definition() -> None:
    assert len(EXCERPT.findall((ROOT / "README.md").read_text())) == 1


@pytest.mark.parametrize(
    ("excerpt", "lacks"),
    [
        ("a\n  …\n c", None),
        ("a\nb", None),
        ("a\nc", "a\nc"),
        ("c\n…\na", "a"),
        ("a\n…\nz", "z"),
    ],
)
def test_parts_are_in_the_file_in_their_order(excerpt: str, lacks: str | None) -> None:
    assert missing(excerpt, "  a\n  b\n  c\n") == lacks
