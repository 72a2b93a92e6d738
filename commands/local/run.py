"""``run``: executes a pipeline on the embedded AWS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from commands.executions.local import of_record
from commands.local.deployed import definition_to_run
from commands.terminal import places
from commands.terminal.asking import can_ask
from commands.terminal.aws import Aws
from commands.terminal.emulator_key import read_key
from commands.terminal.exit_codes import ExitCode
from commands.terminal.git_commit import with_git_commit
from commands.terminal.messages import in_one_place, tell
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
from constructs_lib.terminal.paths import shown_path

if TYPE_CHECKING:
    from local.outcome import Release
    from local.runner import Execution, StepExecution


def run(
    pipeline: Pipeline,
    model: Model = None,
    parameter: Parameter = None,
    endpoint: Endpoint = LOCAL_ENDPOINT,
    region: Region = None,
    *,
    deploy: Annotated[
        bool | None,
        typer.Option(
            "--deploy/--as-deployed",
            help="If the folder holds something else than is deployed: deploy it first, or execute"
            " what is deployed. By default asks; without a terminal, that is an error.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Execute a pipeline on a running embedded AWS.

    Looks first whether what is deployed is what the folder holds. Exits with 1 when the execution
    fails. What it leaves in .local/executions, the commands status, logs and report read.

    Examples:
        release run returns-risk --model pipelines/returns_risk/model/model.tar.gz
        release run returns-risk --model model.tar.gz --parameter ModelApprovalStatus=Approved
    """
    parameters = given_parameters(parameter, model)
    run_locally(pipeline, model, parameters, endpoint, region, deploy=deploy, as_json=as_json)


def run_locally(
    pipeline: str,
    model: str | None,
    parameters: dict[str, str],
    endpoint: str,
    region: str | None,
    *,
    deploy: bool | None,
    as_json: bool,
) -> NoReturn:
    """Execute a pipeline on an embedded AWS, tell how it goes, and exit with its outcome.

    ``deploy``: whether to deploy first what its folder holds, if that is something else; None asks.
    """
    from rich.console import Console

    from constructs_lib.aws.handle import AwsHandle
    from local.release import check_that_it_answers, collect, release

    aws = AwsHandle(region or places.read_settings().home_region, endpoint, read_key(endpoint))
    check_that_it_answers(aws)
    console = Console(stderr=as_json)
    definition = definition_to_run(
        Aws(aws.region, endpoint),
        pipeline,
        console,
        deploy_first=deploy,
        can_ask=can_ask() and not as_json,
    )
    refuse_missing_parameters(definition, parameters, model)
    execution = release(
        pipeline,
        model,
        aws=aws,
        state_dir=places.STATE / "executions",
        console=console,
        parameters=with_git_commit(definition, parameters),
    )
    made = collect(execution, aws, console, save_model_to=execution.folder / "model.tar.gz")
    end_with(made, as_json=as_json, todo=next_commands(made))


def next_commands(made: Release) -> list[str]:
    """Return what to do next, as long as the embedded AWS stays up."""
    name, step = made.execution.pipeline_name, made.execution.failed_step
    if step is not None:
        logged = _logged(made.execution, step)
        logs = [f"release logs {name} {logged.name} --local"] if logged else []
        return [f"release status {name} --local", *logs]
    waiting = any(each.approval_status == "PendingManualApproval" for each in made.packages)
    approve = [f"release approve {name} --local"] if waiting else []
    return [f"release packages {name} --local", *approve]


def _logged(execution: Execution, failed: StepExecution) -> StepExecution | None:
    """Return the failed step if it has a log; for a Fail step, the newest of those before it."""
    if failed.type != "Fail":
        return failed if failed.log_path else None
    from local.runner import StepStatus

    # A step that was not executed has the path of a log, and no log.
    ended = [
        step
        for step in execution.steps
        if step.log_path and step.end_time and step.status is not StepStatus.NOT_EXECUTED
    ]
    return max(ended, key=lambda step: (step.end_time, step.name), default=None)


def end_with(made: Release, *, as_json: bool, todo: Sequence[str] = ()) -> NoReturn:
    """End with the outcome of an execution, the reason if it failed, and what to do next."""
    failed = made.execution.failed_step is not None
    if as_json:
        print_json(
            {
                **of_record(made.execution).as_json(),
                "packages": [asdict(package) for package in made.packages],
                "model": made.model and str(shown_path(made.model)),
                "folder": str(shown_path(made.execution.folder)),
                "report": str(shown_path(made.report)),
            }
        )
    elif failed:
        typer.echo(err=True)
        tell("error", made.execution.failure(reason_told=in_one_place()))
    if todo and not as_json:
        typer.echo("\n  ".join(["\nNext:", *todo]), err=failed)
    raise typer.Exit(ExitCode.ERROR if failed else ExitCode.DONE)
