"""Links between documents lead to files and headings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, without_blocks
from tests.example_pipeline import ROOT, as_shipped

LINK = re.compile(r"\]\((?!\w+:)(?P<path>[^)#]*)(?:#(?P<anchor>[^)]+))?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: str(each.relative_to(ROOT)))
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    broken = []
    for link in LINK.finditer(without_blocks(document)):
        target = as_shipped(document.parent / link["path"]) if link["path"] else document
        if not target.exists() or (link["anchor"] and link["anchor"] not in anchors(target)):
            broken.append(link[0])

    assert broken == []


def test_the_readme_names_every_document() -> None:
    readme = (ROOT / "README.md").read_text()

    missing = [
        path.name for path in (ROOT / "docs").glob("*.md") if f"(docs/{path.name})" not in readme
    ]
    assert missing == []


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
