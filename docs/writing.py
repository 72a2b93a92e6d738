"""Writes generated files."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


def write_if_changed(path: Path, text: str) -> None:
    """Write a file of the project that is missing or not current, and tell it.

    Args:
        path: Below the project's folder.
        text: All of its content.
    """
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    sys.stdout.write(f"Wrote {path.relative_to(ROOT)}\n")


def fill_blocks(text: str, kind: str, content: Callable[[str], str]) -> str:
    """Fill the marked blocks of a document, each indented as its mark is.

    Args:
        text: A document that has ``<!-- KIND:NAME -->`` and ``<!-- /KIND -->``.
        kind: Of the blocks to fill.
        content: Returns what goes into the block of a name.
    """

    def block(match: re.Match[str]) -> str:
        name, indent = match["name"], match["indent"]
        filled = f"<!-- {kind}:{name} -->\n{content(name)}\n<!-- /{kind} -->"
        return "\n".join(f"{indent}{line}" for line in filled.split("\n"))

    marked = rf"(?P<indent> *)<!-- {kind}:(?P<name>[\w-]+) -->\n.*?<!-- /{kind} -->"
    return re.sub(marked, block, text, flags=re.DOTALL)
