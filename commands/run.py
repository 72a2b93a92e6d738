"""``run``: executes a pipeline on the embedded AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from commands import places
from commands.exit_codes import ExitCode
from commands.options import (
    LOCAL_ENDPOINT,
    Endpoint,
    Model,
    Parameter,
    Pipeline,
    Region,
    given_parameters,
)

if TYPE_CHECKING:
    from local.runner import Execution


def run(
    pipeline: Pipeline,
    model: Model = None,
    parameter: Parameter = None,
    endpoint: Endpoint = LOCAL_ENDPOINT,
    region: Region = None,
) -> None:
    """Execute a pipeline on a running embedded AWS; exits with 1 when the execution fails."""
    run_locally(pipeline, model, given_parameters(parameter, model), endpoint, region)


def run_locally(
    pipeline: str,
    model: str | None,
    parameters: dict[str, str],
    endpoint: str,
    region: str | None,
) -> None:
    """Execute a pipeline on an embedded AWS, tell how it goes, and exit with its outcome."""
    from rich.console import Console

    from local.release import LocalAws, release, show_packages

    aws = LocalAws(endpoint, region or places.read_settings().home_region)
    console = Console()
    execution = release(
        pipeline,
        model,
        aws=aws,
        state_dir=places.STATE / "executions",
        console=console,
        parameters=parameters,
    )
    if execution.failed_step is None:
        show_packages(execution, aws, console, save_model_to=execution.folder / "model.tar.gz")
    exit_with(execution)


def exit_with(execution: Execution) -> None:
    """End with the outcome of an execution and, when it failed, its reason."""
    if execution.failure_reason:
        typer.echo(f"\nerror: {execution.failure_reason}", err=True)
    raise typer.Exit(ExitCode.DONE if execution.failed_step is None else ExitCode.ERROR)
