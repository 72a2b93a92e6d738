"""What rules about the code look at: each file is parsed, and walked, once in a process."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from tests.example_pipeline import ROOT

APP: Final = ("app.py", "cli.py", "commands", "constructs_lib", "local", "stacks")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class FunctionShape:
    """A function: its name, and how much of it there is."""

    name: str
    parameters: int
    """All of them: ``self``, keyword-only ones, ``*args`` and ``**kwargs`` too."""
    lines: int


@dataclass
class SourceFile:
    """What a file defines, imports and says, wherever in it that stands."""

    docstring: str = ""
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    functions: list[FunctionShape] = field(default_factory=list)
    classes: list[tuple[str, list[str]]] = field(default_factory=list)
    """The name of each, and its bases."""
    broad_excepts: list[str] = field(default_factory=list)
    """The functions with a handler that keeps any exception from going on."""
    texts: set[str] = field(default_factory=set)
    """Those that are no docstrings."""


@cache
def source_file(path: Path) -> SourceFile:
    """Return what stands in a file of Python, in absolute form."""
    return read_source(path.read_bytes())


def read_source(code: str | bytes) -> SourceFile:
    """Return what stands in a text of Python."""
    module = ast.parse(code)
    found = SourceFile(docstring=ast.get_docstring(module) or "")
    _read(module, (), found)
    return found


def python_files(*roots: str) -> list[Path]:
    """Return the files of Python in some folders of the app, and those named themselves."""
    return [
        file
        for root in roots
        for file in ([ROOT / root] if root.endswith(".py") else sorted((ROOT / root).rglob("*.py")))
    ]


def _read(parent: ast.AST, functions: tuple[str, ...], found: SourceFile) -> None:
    """Gather what stands below a node, which is in these functions."""
    for node in ast.iter_child_nodes(parent):
        inside = functions
        match node:
            case ast.Constant(value=str(text)):
                if not isinstance(parent, ast.Expr):
                    found.texts.add(text)
                continue
            case ast.Import() | ast.ImportFrom():
                found.imports.append(node)
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found.functions.append(_shape(node))
                inside = (*functions, node.name)
            case ast.ClassDef():
                found.classes.append((node.name, [ast.unparse(base) for base in node.bases]))
            case ast.ExceptHandler() | ast.Call():
                if _keeps_everything(node):
                    found.broad_excepts += functions
        _read(node, inside, found)


def _shape(function: _Function) -> FunctionShape:
    given = function.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return FunctionShape(
        function.name,
        sum(each is not None for each in parameters),
        (function.end_lineno or 0) - function.lineno + 1,
    )


def _keeps_everything(node: ast.AST) -> bool:
    match node:
        case ast.ExceptHandler(type=caught, body=body):
            return _is_broad(caught) and not isinstance(body[-1], ast.Raise)
        case ast.Call(func=ast.Attribute(attr="suppress") | ast.Name(id="suppress"), args=caught):
            return any(_is_broad(each) for each in caught)
    return False


def _is_broad(caught: ast.expr | None) -> bool:
    match caught:
        case None | ast.Name(id="Exception" | "BaseException"):
            return True
        case ast.Tuple(elts=elements):
            return any(_is_broad(element) for element in elements)
    return False
