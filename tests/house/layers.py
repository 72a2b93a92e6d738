"""The layers of the app, and what imports what: the contract behind docs/architecture.md.

A room is a folder, or a module at the root of one. Each may import the rooms that stand below it in
:data:`LAYERS`, wherever in a file an import stands, and none beside it or above.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from tests.example_pipeline import ROOT
from tests.house.source_files import APP, python_files, source_file

LAYERS: Final = (
    ("app", "cli"),
    ("commands.reference",),
    ("commands.program",),
    ("commands.aws",),
    ("commands.local",),
    ("commands.author",),
    ("commands.health",),
    ("commands.serving",),
    ("commands.executions", "commands.registry"),
    ("commands.terminal",),
    ("local.rollback",),
    ("local.demo",),
    ("local.release",),
    ("local.serving",),
    ("local.outcome",),
    ("local.bootstrapping",),
    ("local.cdk", "local.deployment", "local.releases", "local.report"),
    ("local.runner",),
    ("local.emulator",),
    ("local.processes", "local.synthesis_program"),
    ("stacks",),
    ("constructs_lib.infrastructure",),
    ("constructs_lib.pipeline",),
    ("constructs_lib.diff", "constructs_lib.pipeline_builder", "constructs_lib.compilation"),
    ("constructs_lib.definition",),
    ("constructs_lib.steps", "constructs_lib.replay"),
    ("constructs_lib.release",),
    ("constructs_lib.compiled_pipeline",),
    ("constructs_lib.deployment",),
    ("constructs_lib.registration",),
    ("constructs_lib.serving", "constructs_lib.durations", "constructs_lib.endpoints"),
    (
        "constructs_lib.aws",
        "constructs_lib.configs",
        "constructs_lib.graph",
        "constructs_lib.linter",
        "constructs_lib.template_limits",
    ),
    ("constructs_lib.settings", "constructs_lib.language"),
    ("constructs_lib.service_model", "constructs_lib.direct_server"),
    ("constructs_lib.jobs",),
    (
        "constructs_lib.arns",
        "constructs_lib.confinement",
        "constructs_lib.deploy_time_values",
        "constructs_lib.fields",
        "constructs_lib.findings",
        "constructs_lib.git",
        "constructs_lib.terminal",
        "constructs_lib.s3_layout",
        "constructs_lib.suggestions",
        "constructs_lib.text_files",
    ),
    ("constructs_lib.errors", "constructs_lib.regions"),
)
"""From top to bottom."""

NARROWER: Final = {
    "constructs_lib.jobs": frozenset[str](),
    "local": frozenset(
        {
            "constructs_lib.aws",
            "constructs_lib.confinement",
            "constructs_lib.direct_server",
            "constructs_lib.endpoints",
            "constructs_lib.errors",
            "constructs_lib.graph",
            "constructs_lib.jobs",
            "constructs_lib.language",
            "constructs_lib.service_model",
            "constructs_lib.terminal",
            "constructs_lib.release.incoming",
        }
    ),
}
"""What rooms may import of other folders, where that is less than all that stands below.

Scripts of jobs run without the app. The embedded AWS knows what any client of AWS could know, and
serves models by what verification has: no builders and no configs.
"""


def module_name(path: Path) -> str:
    """Name the module of a file, below the root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """Return the files of the app by the names of their modules."""
    return {module_name(file): file for file in sorted(python_files(*APP))}


def imports(path: Path) -> Iterator[str]:
    """Name each module that a file imports, wherever in it the import stands."""
    for node in source_file(path).imports:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.level == 0 and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in modules() else node.module


def room(module: str) -> str | None:
    """Find the room of a module of the app; None for the folders' own ``__init__``."""
    names = (name for layer in LAYERS for name in layer)
    return next((name for name in names if f"{module}.".startswith(f"{name}.")), None)


def edges() -> dict[str, set[str]]:
    """Return the rooms that each room imports."""
    found: dict[str, set[str]] = {name: set() for layer in LAYERS for name in layer}
    for module, path in modules().items():
        if (importer := room(module)) is not None:
            found[importer] |= {
                other
                for name in imports(path)
                if (other := room(name)) is not None and other != importer
            }
    return found


def table() -> str:
    """Render the rooms for docs/architecture.md: from top to bottom, what they are and import."""
    rows = [
        f"| `{_path(name)}` | {_purpose(name)} | {_listed(imported)} |"
        for name, imported in edges().items()
    ]
    return "\n".join(["| room | what | imports |", "|---|---|---|", *rows])


def _listed(rooms: set[str]) -> str:
    names = [name for layer in LAYERS for name in layer if name in rooms]
    return ", ".join(f"`{name.removeprefix('constructs_lib.')}`" for name in names)


def _path(name: str) -> str:
    folder = name.replace(".", "/")
    return f"{folder}/" if (ROOT / folder).is_dir() else f"{folder}.py"


def _purpose(name: str) -> str:
    docstring = source_file(modules()[name]).docstring
    return docstring.partition("\n")[0].rstrip(".:").replace("``", "`")
