"""One direction of imports: see "One direction of flow" in docs/architecture.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.example_pipeline import CONFIG, ROOT
from tests.house import layers
from tests.house.layers import LAYERS, NARROWER
from tests.house.source_files import python_files, source_file

ARCHITECTURE = ROOT / "docs" / "architecture.md"


def _importers(package: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in layers.modules().values()
        if any(f"{name}.".startswith(f"{package}.") for name in layers.imports(path))
    }


def test_every_module_is_in_a_room() -> None:
    folders = {"commands", "constructs_lib", "local"}

    assert {name for name in layers.modules() if layers.room(name) is None} == folders


def test_every_room_is_there() -> None:
    rooms = {layers.room(name) for name in layers.modules()}

    assert {name for layer in LAYERS for name in layer} <= rooms


def test_no_import_runs_up() -> None:
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}

    assert {
        f"{importer} -> {imported}"
        for importer, rooms in layers.edges().items()
        for imported in rooms
        if level[imported] <= level[importer]
    } == set()


@pytest.mark.parametrize("folder", NARROWER)
def test_what_stands_apart_imports_little(folder: str) -> None:
    assert {
        f"{module} -> {name}"
        for module, path in layers.modules().items()
        if f"{module}.".startswith(f"{folder}.")
        for name in layers.imports(path)
        if layers.room(name) is not None and not f"{name}.".startswith(f"{folder}.")
        if not any(f"{name}.".startswith(f"{allowed}.") for allowed in NARROWER[folder])
    } == set()


def test_the_document_tells_what_each_room_imports(request: pytest.FixtureRequest) -> None:
    text = ARCHITECTURE.read_text()
    assert (text.count("<!-- rooms -->\n"), text.count("\n<!-- /rooms -->\n")) == (1, 1)
    before, _, rest = text.partition("<!-- rooms -->\n")
    _, _, after = rest.partition("\n<!-- /rooms -->")
    expected = f"{before}<!-- rooms -->\n{layers.table()}\n<!-- /rooms -->{after}"
    if request.config.getoption("--update-architecture"):
        ARCHITECTURE.write_text(expected)

    assert ARCHITECTURE.read_text() == expected, "Run: make docs"


def test_only_the_app_the_stacks_and_the_construct_import_cdk() -> None:
    importers = _importers("aws_cdk")

    allowed = {"app.py", "constructs_lib/pipeline.py"}
    folders = ("stacks/", "constructs_lib/infrastructure/")
    assert {name for name in importers if not name.startswith(folders)} == allowed


def test_one_module_imports_the_sagemaker_sdk() -> None:
    assert _importers("sagemaker") == {"constructs_lib/steps/sdk.py"}


def test_only_the_builders_and_the_definition_import_that_module() -> None:
    importers = _importers("constructs_lib.steps")

    allowed = {"constructs_lib/definition.py", "constructs_lib/pipeline_builder.py"}
    assert {name for name in importers if not name.startswith("constructs_lib/steps/")} <= allowed


JOBS = ROOT / "constructs_lib" / "jobs"
JOB_MODULES = pytest.mark.parametrize(
    "module", python_files("constructs_lib/jobs"), ids=lambda path: str(path.relative_to(JOBS))
)


@JOB_MODULES
def test_job_scripts_stand_alone(module: Path) -> None:
    # urllib3 comes with botocore; ray and starlette, and what lies beside it, are Ray's container's
    in_the_container = {"boto3", "botocore", "isal", "numpy", "torch", "urllib3"}
    if module.name == "ray_model_app.py":
        in_the_container |= {"ray", "starlette", "ray_model_context", "ray_model_defaults"}
    allowed = sys.stdlib_module_names | in_the_container

    assert {name.split(".")[0] for name in layers.imports(module)} <= allowed


@JOB_MODULES
def test_jobs_share_one_folder_and_nothing_else(module: Path) -> None:
    here = module.parent.relative_to(JOBS).parts
    for node in source_file(module).imports:
        if isinstance(node, ast.ImportFrom) and node.level:
            start = here[: len(here) + 1 - node.level]
            target = (*start, *(node.module or "").split("."))
            assert here, f"{module.name} is a file of its own and imports {target}"
            assert node.level <= len(here) + 1
            # Package writes what Ray Serve's container runs.
            of_ray = ("ray_serving",) if here[0] == "package_model" else ()
            # What is deployed is proven as it was registered, and judged as it was verified.
            of_both = ("register_model", "verify_model") if here[0] == "deploy_model" else ()
            assert target[0] in (here[0], "common", *of_ray, *of_both), target


def _imports_any(code: str, *modules: str) -> list[str]:
    """Return which of some modules a process imports that runs the code."""
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = result.stdout.split()
    assert "sys" in imported
    return sorted({*modules} & {*imported})


@pytest.mark.parametrize(
    "module", ["commands.program", "constructs_lib.configs", "constructs_lib.linter"]
)
def test_the_command_line_starts_without_the_sdk_and_without_cdk(module: str) -> None:
    assert _imports_any(f"import {module}", "aws_cdk", "sagemaker", "jsii", "pandas") == []


def test_the_command_line_starts_without_what_commands_need() -> None:
    code = "from commands.program import COMMANDS, command; [command(name) for name in COMMANDS]"
    heavy = ("pydantic", "boto3", "aws_cdk", "sagemaker", "moto")

    assert _imports_any(code, *heavy) == []


def test_settings_and_a_config_are_read_without_what_describes_services() -> None:
    code = (
        "from constructs_lib.configs import PipelineConfigs;"
        "from constructs_lib.settings import Settings, read_context; from pathlib import Path;"
        "Settings.from_context(read_context(Path('cdk.json')).get);"
        f"PipelineConfigs.read(Path({str(CONFIG)!r}))"
    )

    assert _imports_any(code, "botocore", "urllib3") == []
