"""Finds in a syntax tree what the Python and the libraries of a container have no more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from constructs_lib.serving.contents import REMOVED_FROM_NUMPY

_CATCH_A_MISSING_NAME: Final = frozenset({"AttributeError", "BaseException", "Exception"})


def removed_from_numpy(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the lines that use what numpy has no more, and its name there.

    What is tried first, and something else where it is missing, is left out.
    """
    aliases = set(_names_of("numpy", tree))
    if not aliases and "numpy" not in _modules_of_names(tree):
        return
    for node in _unguarded(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "numpy":
            for alias in node.names:
                if alias.name in REMOVED_FROM_NUMPY:
                    yield node.lineno, f"numpy.{alias.name}"
        elif (
            isinstance(node, ast.Attribute)
            and node.attr in REMOVED_FROM_NUMPY
            and _is_one(node.value, aliases)
        ):
            yield node.lineno, f"numpy.{node.attr}"


def loads_without_weights_only(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that call ``torch.load`` and leave ``weights_only`` to its default."""
    aliases = set(_names_of("torch", tree))
    loads = {
        alias.asname or alias.name
        for node in _all(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "torch"
        for alias in node.names
        if alias.name == "load"
    }
    for node in _all(tree):
        if isinstance(node, ast.Call) and not any(
            each.arg in ("weights_only", None) for each in node.keywords
        ):
            match node.func:
                case ast.Attribute(value=value, attr="load") if _is_one(value, aliases):
                    yield node.lineno
                case ast.Name(id=name) if name in loads:
                    yield node.lineno


def _modules_of_names(tree: ast.AST) -> set[str | None]:
    return {node.module for node in _statements(tree) if isinstance(node, ast.ImportFrom)}


def _names_of(module: str, tree: ast.AST) -> Iterator[str]:
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == module:
                    yield alias.asname or alias.name


def _is_one(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement, in the order of the file: a tenth of all nodes."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(
            each for each in reversed(list(ast.iter_child_nodes(node))) if holds_statements(each)
        )


def holds_statements(node: ast.AST) -> bool:
    """Tell whether a node is, or may have in it, a statement."""
    return isinstance(node, ast.stmt | ast.excepthandler | ast.match_case)


def _all(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node, in the order of the file; not recursive: Python's parser goes deeper."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _unguarded(tree: ast.AST) -> Iterator[ast.AST]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not _asks_for_a_name(node):
            waiting.extend(reversed(parts_that_have_to_succeed(node, _CATCH_A_MISSING_NAME)))


def parts_that_have_to_succeed(node: ast.AST, caught: frozenset[str]) -> list[ast.AST]:
    """Return the parts of a statement, without the body of a try that something else follows.

    Args:
        node: Of a syntax tree.
        caught: The exceptions that something else follows on, by name.
    """
    if isinstance(node, ast.Try) and any(_catches(each, caught) for each in node.handlers):
        return [*node.handlers, *node.orelse, *node.finalbody]
    return list(ast.iter_child_nodes(node))


def _catches(handler: ast.ExceptHandler, caught: frozenset[str]) -> bool:
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & caught)


def _asks_for_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.If | ast.IfExp) and any(
        isinstance(each, ast.Name) and each.id == "hasattr" for each in ast.walk(node.test)
    )
