"""Writes the tree of errors into the docstring of constructs_lib/errors.py: ``make docs``.

Reads the code without importing it, so that a command's start is no slower and no SDK is needed.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PATH: Final = ROOT / "constructs_lib" / "errors.py"
_FOLDERS: Final = ("commands", "constructs_lib", "docs", "local", "stacks")
_TOP: Final = "ReleaseError"
_INDENT: Final = "    "


def error_tree(root: Path = ROOT) -> list[str]:
    """Return the lines of the tree: each error below the one it derives from, with its module."""
    children: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for module, error, parent in sorted(_classes(root)):
        children[parent].append((error, module))
    rows = [(_TOP, ""), *_rows(children, _TOP, "")]
    width = max(len(branch) for branch, _ in rows) + 2
    return [f"{branch:{width}}{module}".rstrip() for branch, module in rows]


def _classes(root: Path) -> Iterator[tuple[str, str, str]]:
    """Find module, name and base of each class; names are unique in the product's code."""
    for folder in _FOLDERS:
        for path in (root / folder).rglob("*.py"):
            module = ".".join(path.relative_to(root).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.ClassDef):
                    for base in _names(node.bases):
                        yield module.removesuffix(".__init__"), node.name, base


def _names(bases: Iterable[ast.expr]) -> Iterator[str]:
    for base in bases:
        match base:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name


def _rows(
    children: dict[str, list[tuple[str, str]]], parent: str, indent: str
) -> Iterator[tuple[str, str]]:
    below = children.get(parent, [])
    for number, (error, module) in enumerate(below, 1):
        is_last = number == len(below)
        yield f"{indent}{'└──' if is_last else '├──'} {error}", module
        yield from _rows(children, error, f"{indent}{' ' if is_last else '│'}   ")


def with_tree(text: str, tree: Iterable[str]) -> str:
    """Return the module's text with this tree in its docstring, between two other paragraphs."""
    first, _, rest = text.partition("\n\n")
    last = rest.partition("\n\n")[2]
    block = "\n".join(f"{_INDENT}{line}" for line in tree)
    return f"{first}\n\n{block}\n\n{last}"


if __name__ == "__main__":
    PATH.write_text(with_tree(PATH.read_text(), error_tree()))
