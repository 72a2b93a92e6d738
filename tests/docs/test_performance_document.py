"""docs/performance.md: what is calculated there is current."""

from __future__ import annotations

from docs.critical_path import DOCUMENT, document, tables


def test_the_critical_paths_are_current() -> None:
    text = DOCUMENT.read_text()
    filled = tables()

    assert document(text, filled) == text, "run: make docs"
    assert all(table in text for table in filled.values())
