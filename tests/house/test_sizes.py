"""What keeps the code readable: short functions, few parameters, small modules and folders."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.program import COMMANDS
from tests.example_pipeline import ROOT
from tests.house.source_files import APP, python_files, source_file

INFRASTRUCTURE = ("stacks", "constructs_lib/infrastructure")

MOST_PARAMETERS = 8
MOST_LINES_OF_A_MODULE = 450
MOST_MODULES_OF_A_FOLDER = 16


def _modules(*roots: str) -> list[Path]:
    """The modules in some folders, or of that name; relative to the root."""
    return [module.relative_to(ROOT) for module in python_files(*roots)]


def _is_command(module: Path, name: str) -> bool:
    """Whether the command line calls it, with a parameter for each option."""
    dotted = ".".join(module.with_suffix("").parts)
    return COMMANDS.get(name.replace("_", "-")) == dotted


def test_no_function_but_a_command_has_many_parameters() -> None:
    many = {
        f"{module}: {function.name} has {function.parameters}"
        for module in _modules(*APP, "benchmarks", "docs", "tests")
        for function in source_file(ROOT / module).functions
        if function.parameters > MOST_PARAMETERS and not _is_command(module, function.name)
    }

    assert many == set()


def test_functions_of_the_infrastructure_are_short() -> None:
    lengths = sorted(
        function.lines
        for module in python_files(*INFRASTRUCTURE)
        for function in source_file(module).functions
    )

    assert lengths[len(lengths) * 95 // 100] < 35


def test_no_folder_holds_more_modules_than_one_can_look_through() -> None:
    folders = Counter(
        str(module.parent) for module in _modules(*APP) if module.name != "__init__.py"
    )

    assert {name: n for name, n in folders.items() if n > MOST_MODULES_OF_A_FOLDER} == {}


def test_no_module_is_long() -> None:
    long = {
        str(module)
        for module in _modules(*APP)
        if len((ROOT / module).read_text().splitlines()) > MOST_LINES_OF_A_MODULE
    }

    assert long == set()


@pytest.mark.parametrize("module", _modules("stacks"), ids=lambda path: path.stem)
def test_stacks_holds_stacks_only(module: Path) -> None:
    bases = {base for _, bases in source_file(ROOT / module).classes for base in bases}

    assert ("Stack" in bases) == (module.stem not in {"__init__", "app_stacks"})


def _imported_names(module: Path) -> Iterator[str]:
    """Every name that a module imports, in full, wherever in the file."""
    for node in source_file(ROOT / module).imports:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
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
