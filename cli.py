#!/usr/bin/env python3
"""The command line: ``python cli.py --help``.

Thin: each command calls a function or two of the app or of ``local/``, and imports no more than it
needs, so that help and validation answer at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from constructs_lib.configs import PipelineConfigs
from constructs_lib.errors import ReleaseError
from constructs_lib.pipelines_folder import config_path, config_paths, refuse_equal_names
from constructs_lib.regions import AWS_REGIONS
from stacks.settings import Settings, SettingsError

if TYPE_CHECKING:
    from constructs_lib.linter import Finding
    from local.runner import Execution

ROOT: Final = Path(__file__).parent
STATE: Final = ROOT / ".local"
EMULATOR_PORT: Final = 4566

app = typer.Typer(
    help="Release PyTorch models through SageMaker Pipelines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _known_region(region: str | None) -> str | None:
    if region is not None and region not in AWS_REGIONS.values():
        raise typer.BadParameter(f"{region!r} is not one of {', '.join(AWS_REGIONS.values())}")
    return region


Region = Annotated[
    str | None,
    typer.Option(
        help="AWS region of the pipeline; by default the app's home region.",
        callback=_known_region,
    ),
]
Endpoint = Annotated[str, typer.Option(help="URL of a running embedded AWS.")]
_MODEL_PARAMETER: Final = "ModelS3Uri"
LOCAL_ENDPOINT: Final = f"http://localhost:{EMULATOR_PORT}"


@app.command()
def validate(
    names: Annotated[
        list[str] | None, typer.Argument(help="Folders in pipelines/; by default all of them.")
    ] = None,
) -> None:
    """Check configs and the pipelines they make: every problem, each with its place."""
    settings = _settings()
    folder = _shown(ROOT / settings.pipelines_dir)
    paths = {name: config_path(folder, name) for name in names} if names else config_paths(folder)
    checked = {name: _valid(name, path, settings.home_region) for name, path in paths.items()}
    valid = {name: configs for name, configs in checked.items() if configs is not None}
    refuse_equal_names(valid)
    raise typer.Exit(0 if valid.keys() == checked.keys() else 1)


def _valid(name: str, path: Path, home_region: str) -> PipelineConfigs | None:
    """Print what is wrong with a pipeline, or return its configs when nothing is."""
    try:
        configs = PipelineConfigs.load(path)
        findings = _findings(configs, home_region)
    except ReleaseError as error:
        typer.echo(f"error: {error}", err=True)
        return None
    for finding in findings:
        typer.echo(f"{name}: {finding}", err=True)
    if any(finding.severity == "error" for finding in findings):
        return None
    typer.echo(f"{name}: valid, pipeline {configs.base.pipeline_name}")
    return configs


def _findings(configs: PipelineConfigs, home_region: str) -> list[Finding]:
    """Do what synthesis does, short of the stacks."""
    from constructs_lib.checks import pipeline_findings
    from constructs_lib.definition import compile_pipeline
    from constructs_lib.release_files import release_files

    compiled = compile_pipeline(configs, home_region=home_region)
    release_files(configs, compiled.registration_requests)
    return pipeline_findings(configs, compiled)


@app.command()
def definition(
    name: Annotated[str, typer.Argument(help="A folder in pipelines/.")],
) -> None:
    """Print a pipeline's compiled definition, deploy-time values as ${Name}."""
    from constructs_lib.definition import compile_pipeline

    settings = _settings()
    configs = PipelineConfigs.load(config_path(_shown(ROOT / settings.pipelines_dir), name))
    compiled = compile_pipeline(configs, home_region=settings.home_region)
    typer.echo(json.dumps(compiled.definition, indent=2))


@app.command()
def execution_document(
    document: Annotated[Path, typer.Argument(help="The execution document (JSON) to fill.")],
    pipeline: Annotated[str, typer.Option(help="Name of a deployed pipeline.")],
    output: Annotated[
        Path | None, typer.Option(help="Where to write; by default over the document.")
    ] = None,
    region: Region = None,
) -> None:
    """Fill an execution document's registration steps from a deployed pipeline.

    Reads AWS with the credentials of the environment, or the embedded AWS when AWS_ENDPOINT_URL
    names it.
    """
    from constructs_lib import execution_document as documents
    from constructs_lib.deployed_pipeline import DeployedPipeline

    content = documents.read_document(document)
    deployed = DeployedPipeline(pipeline, region or _settings().home_region)
    step_configs = documents.step_configs_of_deployed_pipeline(
        deployed.definition(), deployed.read_s3_object
    )
    documents.write_document(
        documents.fill_execution_document(content, step_configs), output or document
    )
    typer.echo(f"Wrote {output or document}")


@app.command()
def demo() -> None:
    """Deploy the app to an embedded AWS and release the example model: everything in one go."""
    from rich.console import Console

    from local.demo import run_demo

    _exit_with(run_demo(STATE / "demo", Console()))


@app.command()
def emulator(
    port: Annotated[int, typer.Option(help="Where to listen on localhost.")] = EMULATOR_PORT,
) -> None:
    """Run an embedded AWS until Ctrl-C; what is in it is gone then."""
    from local.emulator import environment_for
    from local.emulator.server import serve

    endpoint = f"http://localhost:{port}"
    typer.echo("Embedded AWS, until Ctrl-C. For other tools in another shell:\n")
    for variable, value in environment_for(endpoint).items():
        typer.echo(f"export {variable}={value}")
    serve(port=port, log_file=STATE / "emulator.log")


@app.command()
def deploy_local(endpoint: Endpoint = LOCAL_ENDPOINT) -> None:
    """Deploy the app to a running embedded AWS with the CDK CLI."""
    from rich.console import Console

    from local.release import LocalAws, deploy_app

    deploy_app(LocalAws(endpoint), STATE / "deployment", Console())


@app.command()
def run(
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline that is deployed there.")],
    model: Annotated[
        str | None, typer.Option(help="s3:// URI of a model.tar.gz, or a file to upload first.")
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of another pipeline parameter.")
    ] = None,
    endpoint: Endpoint = LOCAL_ENDPOINT,
    region: Region = None,
) -> None:
    """Execute a pipeline on a running embedded AWS; exits with 1 when the execution fails."""
    parameters = _parameters(parameter or [])
    if model is not None and _MODEL_PARAMETER in parameters:
        raise typer.BadParameter(f"give --model or --parameter {_MODEL_PARAMETER}=..., not both")

    from rich.console import Console

    from local.release import LocalAws, release, show_packages

    aws = LocalAws(endpoint, region or _settings().home_region)
    console = Console()
    execution = release(
        pipeline,
        model,
        aws=aws,
        state_dir=STATE / "executions",
        console=console,
        parameters=parameters,
    )
    if execution.failed_step is None:
        show_packages(execution, aws, console, save_model_to=execution.folder / "model.tar.gz")
    _exit_with(execution)


def _shown(path: Path) -> Path:
    """Return the path as a person in the current folder would write it."""
    return Path(os.path.relpath(path))


def _settings() -> Settings:
    """Read the app's settings, as the app does, from ``cdk.json``."""
    path = ROOT / "cdk.json"
    try:
        context = json.loads(path.read_text())["context"]
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"Cannot read the app's context from {path}: {error!r}.") from error
    return Settings.from_context(context.get)


def _parameters(assignments: list[str]) -> dict[str, str]:
    for assignment in assignments:
        if "=" not in assignment:
            raise typer.BadParameter(f"{assignment!r} is not of the form NAME=VALUE")
    return dict(assignment.split("=", 1) for assignment in assignments)


def _exit_with(execution: Execution) -> None:
    if execution.failure_reason:
        typer.echo(f"\nerror: {execution.failure_reason}", err=True)
    raise typer.Exit(0 if execution.failed_step is None else 1)


def main() -> None:
    """Run the command line; bad input ends with its message and exit code 1."""
    try:
        app()
    except ReleaseError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
