"""Looks through inference code without running it: its syntax, and modules that are not there.

The container that will run it has another Python and other packages than this machine. So what is
certain is an error, and what only seems to be missing is a warning.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from constructs_lib.configs import PipelineConfigs
from constructs_lib.errors import ReleaseError
from constructs_lib.findings import Severity
from constructs_lib.release.removed_names import (
    holds_statements,
    parts_that_have_to_succeed,
    removed_from_numpy,
)
from constructs_lib.serving import serving_profile
from constructs_lib.serving.contents import REMOVED_MODULES
from constructs_lib.serving.profile import ServingProfile
from constructs_lib.terminal.paths import shown_path

REQUIREMENTS: Final = "requirements.txt"
_MOST_NAMES: Final = 8
"""How many packages an error names."""
_NEVER: Final = (4, 0)
_NUMPYS_GUIDE: Final = "numpy's migration guide for version 2 names what to use instead"
_CATCH_A_MISSING_MODULE: Final = frozenset(
    {"BaseException", "Exception", "ImportError", "ModuleNotFoundError"}
)


class InferenceCodeError(ReleaseError):
    """The inference code is such that no container can serve with it."""


@dataclass(frozen=True)
class CodeProblem:
    """Something that is wrong with a file of the inference code, or seems so."""

    severity: Severity
    file: Path
    line: int
    message: str

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{shown_path(self.file)} line {self.line}"

    def __str__(self) -> str:
        """Render one line."""
        return f"{self.severity} {self.place}: {self.message}"


def code_problems(configs: PipelineConfigs) -> list[CodeProblem]:
    """List the problems of a pipeline's inference code, where it is in a folder.

    Args:
        configs: One model's configs.
    """
    folder = configs.model.get_source_dir()
    if not isinstance(folder, Path):
        return []
    profile = serving_profile(configs.model)
    return [
        *_requirements(folder, profile),
        *(problem for file in code_files(folder) for problem in _problems(file, folder, profile)),
    ]


def code_files(folder: Path) -> list[Path]:
    """List the Python files of inference code that are packaged, sorted.

    What is no file, such as a link to nothing, is left to packaging, which refuses it.
    """
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if path.is_file() and not _is_hidden(path, folder)
    ]


def refuse_wrong_code(pipelines: Iterable[PipelineConfigs]) -> list[CodeProblem]:
    """Refuse inference code that has an error, before it is deployed or packaged.

    Args:
        pipelines: Each model's configs.

    Returns:
        The warnings.

    Raises:
        InferenceCodeError: Tells each error with its place.
    """
    found = [problem for configs in pipelines for problem in code_problems(configs)]
    errors = [f"{each.place}: {each.message}" for each in found if each.severity == "error"]
    if errors:
        raise InferenceCodeError("\n".join(errors))
    return found


def _is_hidden(path: Path, folder: Path) -> bool:
    """Whether packaging leaves it out."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _requirements(folder: Path, profile: ServingProfile) -> Iterator[CodeProblem]:
    """Refuse packages to install where the start of the container ends without a network."""
    file = folder / REQUIREMENTS
    if not profile.installs_requirements or not file.is_file():
        return
    lines = file.read_text("utf-8", "replace").splitlines()
    asked = [(at, line.strip()) for at, line in enumerate(lines, 1) if _asks(line)]
    if asked:
        names = ", ".join(name for _, name in asked[:_MOST_NAMES])
        message = (
            f"it asks for {names}: the container installs them when it starts, which fails on an"
            " endpoint without network, as this app makes them, and ends the container. Take out"
            " what the container has by itself, unpack pure Python wheels of the others into"
            f" {folder.name}/, and remove the file"
        )
        yield CodeProblem("error", file, asked[0][0], message)


def _asks(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _problems(file: Path, folder: Path, profile: ServingProfile) -> Iterator[CodeProblem]:
    try:
        # Bytes: Python reads the encoding that the file declares.
        code = file.read_bytes()
        tree = ast.parse(code, feature_version=profile.python)
        # Runs nothing; finds what only the compiler does, such as a return outside of a function.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(code, str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        yield CodeProblem("error", file, error.lineno or 1, _syntax_error(error, profile))
        return
    except ValueError as error:  # such as null bytes
        yield CodeProblem("error", file, 1, f"it is not Python: {error}")
        return
    except (MemoryError, RecursionError):  # the parser's words for the same
        message = "it is nested too deeply for Python: split the longest expression or elif chain"
        yield CodeProblem("error", file, 1, message)
        return
    if file.parent == folder and file.stem in profile.loaded_before:
        yield CodeProblem("error", file, 1, _never_imported(file.stem))
    for node in _imports(tree):
        yield from _missing(node, file, folder, profile)
    if profile.has_numpy_2:
        for line, name in removed_from_numpy(tree):
            message = f"it uses {name}, which the container's numpy has no more: {_NUMPYS_GUIDE}"
            yield CodeProblem("error", file, line, message)


def _never_imported(name: str) -> str:
    return (
        f"the container's server has loaded another {name} before the code: import {name} would"
        " give that one. Give the file another name"
    )


def _syntax_error(error: SyntaxError, profile: ServingProfile) -> str:
    here = sys.version_info[:2]
    if here >= profile.python:
        return f"SyntaxError: {error.msg}"
    return (
        f"SyntaxError: {error.msg} (for this Python {here[0]}.{here[1]}, which has to run it, too;"
        f" the container has {profile.python[0]}.{profile.python[1]})"
    )


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that have to succeed; not recursive: Python's parser goes deeper."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not _is_for_type_checkers(node):
            parts = parts_that_have_to_succeed(node, _CATCH_A_MISSING_MODULE)
            waiting.extend(each for each in reversed(parts) if holds_statements(each))


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        "TYPE_CHECKING" in (getattr(each, "id", None), getattr(each, "attr", None))
        for each in ast.walk(node.test)
    )


def _missing(
    node: ast.Import | ast.ImportFrom, file: Path, folder: Path, profile: ServingProfile
) -> Iterator[CodeProblem]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _missing_module(alias.name, node.lineno, file, folder, profile)
    elif node.level == 0:
        yield from _missing_module(node.module or "", node.lineno, file, folder, profile)
    else:
        yield from _missing_relative(node, file, folder)


def _missing_module(
    name: str, line: int, file: Path, folder: Path, profile: ServingProfile
) -> Iterator[CodeProblem]:
    top, *rest = name.split(".")
    package = folder / top
    if package.is_dir():
        if rest and not _is_there(package.joinpath(*rest)):
            message = f"it imports {name}, which its own folder {top} does not hold"
            yield CodeProblem("error", file, line, message)
    elif _is_there(package):
        return
    elif profile.python >= REMOVED_MODULES.get(top, _NEVER):
        since, has = (".".join(map(str, each)) for each in (REMOVED_MODULES[top], profile.python))
        message = (
            f"it imports {top}, which Python has no more since {since}; the container has {has}:"
            f" use another module, or put a copy into {folder.name}/"
        )
        yield CodeProblem("error", file, line, message)
    elif not _is_of_others(top, profile):
        own = [path.stem for path in folder.glob("*.py")]
        close = get_close_matches(top, own, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        message = (
            f"it imports {top}, which is no module of {folder.name}/ and no package that the"
            f" container is known to have: put it there, unless it is beside the weights.{meant}"
        )
        yield CodeProblem("warning", file, line, message)


def _missing_relative(node: ast.ImportFrom, file: Path, folder: Path) -> Iterator[CodeProblem]:
    name = "." * node.level + (node.module or "")
    if node.level >= len(file.relative_to(folder).parts):
        message = (
            f"it imports {name}, which leads out of the packages in {folder.name}/: leave out the"
            " dots, and import it by its name from there"
        )
        yield CodeProblem("error", file, node.lineno, message)
        return
    package = file.parents[node.level - 1]
    base = package.joinpath(*(node.module or "").split(".")) if node.module else package
    if not _is_there(base):
        yield CodeProblem("error", file, node.lineno, f"it imports {name}, which is not there")


def _is_there(path: Path) -> bool:
    return path.is_dir() or path.with_name(f"{path.name}.py").is_file()


def _is_of_others(name: str, profile: ServingProfile) -> bool:
    """Whether a module is Python's own, the container's, or, as far as that may be, is here."""
    if name in sys.stdlib_module_names or name in profile.modules:
        return True
    return not profile.knows_all_modules and importlib.util.find_spec(name) is not None
