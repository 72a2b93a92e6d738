"""Draws every shape of pipeline into the documents: ``make pictures``.

Writes ``docs/pictures/<shape>.svg``, and Mermaid between the markers ``<!-- graph:<shape> -->`` and
``<!-- /graph -->`` of README.md and docs/architecture.md. Shapes are the golden definitions of the
tests, which are the definitions that pipelines compile to.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final

from constructs_lib.errors import ReleaseError
from constructs_lib.graph import Dag, mermaid, read_dag, svg

ROOT: Final = Path(__file__).parents[1]
_DOCUMENTS: Final = (ROOT / "README.md", ROOT / "docs" / "architecture.md")
_BLOCK: Final = re.compile(r"<!-- graph:(?P<name>[\w-]+) -->\n.*?<!-- /graph -->", re.DOTALL)


def shapes() -> dict[str, Dag]:
    """Read the graph of each shape, by name."""
    paths = sorted((ROOT / "tests" / "synth" / "golden").glob("*.json"))
    return {path.stem: read_dag(json.loads(path.read_text())) for path in paths}


def pictures() -> dict[Path, str]:
    """Return what each generated file has to hold.

    Raises:
        ReleaseError: A document asks for a shape that does not exist.
    """
    dags = shapes()
    drawn = {
        ROOT / "docs" / "pictures" / f"{name}.svg": svg(dag, title=f"Pipeline: {name}")
        for name, dag in dags.items()
    }
    return drawn | {path: with_graphs(path.read_text(), dags) for path in _DOCUMENTS}


def with_graphs(text: str, dags: dict[str, Dag]) -> str:
    """Fill the marked blocks of a document."""

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in dags:
            raise ReleaseError(
                f"A document asks for the graph {name!r}. There are: {', '.join(dags)}."
            )
        return f"<!-- graph:{name} -->\n```mermaid\n{mermaid(dags[name])}\n```\n<!-- /graph -->"

    return _BLOCK.sub(block, text)


def main() -> None:
    """Write the files that are not current."""
    for path, text in pictures().items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"Wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
