"""What keeps the code readable: short functions, few parameters, small modules and folders."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.program import COMMANDS

ROOT = Path(__file__).parents[1]
PRODUCT = ("app.py", "cli.py", "commands", "constructs_lib", "local", "stacks")
INFRASTRUCTURE = ("stacks", "constructs_lib/infrastructure")

MOST_PARAMETERS = 8
MOST_LINES_OF_A_MODULE = 450
MOST_MODULES_OF_A_FOLDER = 16


def _modules(*roots: str) -> list[Path]:
    """The modules in some folders, or of that name; relative to the root."""
    return [
        module.relative_to(ROOT)
        for root in roots
        for module in (
            [ROOT / root] if root.endswith(".py") else sorted((ROOT / root).rglob("*.py"))
        )
    ]


def _functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count all of them: ``self``, keyword-only ones, ``*args`` and ``**kwargs`` too."""
    given = function.args
    return (
        len([*given.posonlyargs, *given.args, *given.kwonlyargs])
        + (given.vararg is not None)
        + (given.kwarg is not None)
    )


def _is_command(module: Path, name: str) -> bool:
    """Whether the command line calls it, with a parameter for each option."""
    dotted = ".".join(module.with_suffix("").parts)
    return COMMANDS.get(name.replace("_", "-")) == dotted


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def test_no_function_but_a_command_has_many_parameters() -> None:
    many = {
        f"{module}: {function.name} has {_parameters(function)}"
        for module in _modules(*PRODUCT, "benchmarks", "docs", "tests")
        for function in _functions(module)
        if _parameters(function) > MOST_PARAMETERS and not _is_command(module, function.name)
    }

    assert many == set()


def test_functions_of_the_infrastructure_are_short() -> None:
    lengths = sorted(
        _lines(function) for module in _modules(*INFRASTRUCTURE) for function in _functions(module)
    )

    assert lengths[len(lengths) * 95 // 100] < 35


def test_no_folder_holds_more_modules_than_one_can_look_through() -> None:
    folders = Counter(
        str(module.parent) for module in _modules(*PRODUCT) if module.name != "__init__.py"
    )

    assert {name: n for name, n in folders.items() if n > MOST_MODULES_OF_A_FOLDER} == {}


def test_no_module_is_long() -> None:
    long = {
        str(module)
        for module in _modules(*PRODUCT)
        if len((ROOT / module).read_text().splitlines()) > MOST_LINES_OF_A_MODULE
    }

    assert long == set()


@pytest.mark.parametrize("module", _modules("stacks"), ids=lambda path: path.stem)
def test_stacks_holds_stacks_only(module: Path) -> None:
    bases = {
        ast.unparse(base)
        for node in ast.walk(ast.parse((ROOT / module).read_text()))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }

    assert ("Stack" in bases) == (module.stem not in {"__init__", "app_stacks"})


def _imported_names(module: Path) -> Iterator[str]:
    """Every name that a module imports, in full, wherever in the file."""
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    "module", _modules("constructs_lib/infrastructure"), ids=lambda path: path.stem
)
def test_constructs_take_properties_and_neither_stacks_nor_all_settings(module: Path) -> None:
    names = set(_imported_names(module))

    assert "constructs_lib.settings.Settings" not in names
    assert not {name for name in names if name.split(".")[0] == "stacks"}


@pytest.mark.parametrize(
    "module", _modules("constructs_lib/infrastructure/iam"), ids=lambda path: path.stem
)
def test_policies_know_nothing_of_the_constructs_that_they_are_for(module: Path) -> None:
    room = "constructs_lib.infrastructure"
    used = {name for name in _imported_names(module) if name.startswith(f"{room}.")}

    assert {name for name in used if not name.startswith(f"{room}.iam.")} == set()
