"""One direction of imports: see "One direction of flow" in docs/architecture.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _modules(*roots: str) -> list[Path]:
    paths = [ROOT / root for root in roots]
    return [
        module
        for path in paths
        for module in ([path] if path.suffix == ".py" else sorted(path.rglob("*.py")))
    ]


def _imports(module: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever in the file."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def _importers(package: str, *roots: str) -> set[str]:
    return {
        str(module.relative_to(ROOT))
        for module in _modules(*roots)
        if any(name == package or name.startswith(f"{package}.") for name in _imports(module))
    }


ALL = ("app.py", "cli.py", "commands", "constructs_lib", "stacks", "local", "pipelines")


def test_only_the_app_the_stacks_and_the_construct_import_cdk() -> None:
    importers = _importers("aws_cdk", *ALL)

    allowed = {"app.py", "constructs_lib/pipeline.py"}
    folders = ("stacks/", "constructs_lib/infrastructure/")
    assert {name for name in importers if not name.startswith(folders)} == allowed


def test_one_module_imports_the_sagemaker_sdk() -> None:
    assert _importers("sagemaker", *ALL) == {"constructs_lib/steps/sdk.py"}


def test_only_the_builders_and_the_definition_import_that_module() -> None:
    importers = _importers("constructs_lib.steps", *ALL)

    allowed = {"constructs_lib/definition.py", "constructs_lib/pipeline_builder.py"}
    assert {name for name in importers if not name.startswith("constructs_lib/steps/")} <= allowed


def test_local_never_reads_builders_or_configs() -> None:
    used = {
        name
        for module in _modules("local")
        for name in _imports(module)
        if name.split(".")[0] in {"constructs_lib", "stacks", "app"}
    }

    assert used <= {
        "constructs_lib.errors",
        "constructs_lib.progress",
        "constructs_lib.release.incoming",
    }


@pytest.mark.parametrize("module", _modules("constructs_lib/jobs"), ids=lambda path: path.stem)
def test_job_scripts_stand_alone(module: Path) -> None:
    # urllib3 comes with botocore
    in_the_container = {"boto3", "botocore", "isal", "numpy", "torch", "urllib3"}
    allowed = sys.stdlib_module_names | in_the_container

    assert {name.split(".")[0] for name in _imports(module)} <= allowed


def test_nothing_deployed_imports_what_is_local() -> None:
    assert _importers("local", "app.py", "constructs_lib", "stacks", "pipelines") == set()


@pytest.mark.parametrize(
    "module", ["commands.program", "constructs_lib.configs", "constructs_lib.linter"]
)
def test_the_command_line_starts_without_the_sdk_and_without_cdk(module: str) -> None:
    code = (
        f"import sys, {module};"
        "print(sorted({'aws_cdk', 'sagemaker', 'jsii', 'pandas'} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


def test_the_command_line_starts_without_what_commands_need() -> None:
    code = (
        "import sys; from commands.program import COMMANDS, command;"
        "[command(name) for name in COMMANDS];"
        "print(sorted({'pydantic', 'boto3', 'aws_cdk', 'sagemaker', 'moto'} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


def test_nothing_but_the_command_line_imports_commands() -> None:
    assert _importers("commands", "app.py", "constructs_lib", "stacks", "local") == set()
