"""``run``: executes a pipeline on the embedded AWS."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, NoReturn

import typer

from commands.executions.local import of_record
from commands.terminal import places
from commands.terminal.aws import Aws, read_definition
from commands.terminal.emulator_key import read_key
from commands.terminal.exit_codes import ExitCode
from commands.terminal.git_commit import with_git_commit
from commands.terminal.options import (
    LOCAL_ENDPOINT,
    Endpoint,
    Json,
    Model,
    Parameter,
    Pipeline,
    Region,
    given_parameters,
    print_json,
    refuse_missing_parameters,
)

if TYPE_CHECKING:
    from local.release import Release


def run(
    pipeline: Pipeline,
    model: Model = None,
    parameter: Parameter = None,
    endpoint: Endpoint = LOCAL_ENDPOINT,
    region: Region = None,
    *,
    as_json: Json = False,
) -> None:
    """Execute a pipeline on a running embedded AWS.

    Exits with 1 when the execution fails. What it leaves in .local/executions, the commands status,
    logs and report read.

    Examples:
        release run returns-risk --model pipelines/returns_risk/model/model.tar.gz
        release run returns-risk --model model.tar.gz --parameter ModelApprovalStatus=Approved
    """
    parameters = given_parameters(parameter, model)
    run_locally(pipeline, model, parameters, endpoint, region, as_json=as_json)


def run_locally(
    pipeline: str,
    model: str | None,
    parameters: dict[str, str],
    endpoint: str,
    region: str | None,
    *,
    as_json: bool,
) -> NoReturn:
    """Execute a pipeline on an embedded AWS, tell how it goes, and exit with its outcome."""
    from rich.console import Console

    from constructs_lib.aws.handle import AwsHandle
    from local.release import check_that_it_answers, collect, release

    aws = AwsHandle(region or places.read_settings().home_region, endpoint, read_key(endpoint))
    check_that_it_answers(aws)
    definition = read_definition(Aws(aws.region, endpoint), pipeline)
    refuse_missing_parameters(definition, parameters, model)
    console = Console(stderr=as_json)
    execution = release(
        pipeline,
        model,
        aws=aws,
        state_dir=places.STATE / "executions",
        console=console,
        parameters=with_git_commit(definition, parameters),
    )
    made = collect(execution, aws, console, save_model_to=execution.folder / "model.tar.gz")
    end_with(made, as_json=as_json)


def end_with(made: Release, *, as_json: bool) -> NoReturn:
    """End with the outcome of an execution and, when it failed, its reason."""
    reason = made.execution.failure_reason
    if as_json:
        print_json(
            {
                **of_record(made.execution).as_json(),
                "packages": [asdict(package) for package in made.packages],
                "model": made.model and str(places.shown(made.model)),
                "folder": str(places.shown(made.execution.folder)),
                "report": str(places.shown(made.report)),
            }
        )
    elif reason:
        typer.echo(f"\nerror: {reason}", err=True)
    raise typer.Exit(ExitCode.ERROR if reason else ExitCode.DONE)
