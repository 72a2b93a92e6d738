"""Starts a deployment, follows it, and tells who serves what in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NoReturn

import typer

from commands.serving.tables import show_states
from commands.terminal import places
from commands.terminal.aws import Aws, calls
from commands.terminal.aws_options import AwsOptions
from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import in_one_place, say, tell
from commands.terminal.options import print_json
from constructs_lib.endpoints.deployment import DeploymentExecution
from constructs_lib.endpoints.news import news_of
from constructs_lib.endpoints.state import ServedState, read_states
from constructs_lib.endpoints.watch import follow
from constructs_lib.endpoints.workflow import Action, Workflow, running_executions, start_workflow
from constructs_lib.terminal.paths import shown_path

_POLL_SECONDS_EMBEDDED: Final = 0.3
_POLL_SECONDS: Final = 5.0


def start_deployment(
    aws: Aws,
    workflow: Workflow,
    action: Action,
    *,
    version: int | None = None,
    overwrite: bool = False,
    wait: bool,
    options: AwsOptions,
) -> NoReturn:
    """Start a deployment, and end the command as it ends.

    Raises:
        typer.Exit: With 0 when it did what was asked for (or was only started), else with 1.
        AwsCallError: AWS refused.
    """
    with calls(f"Cannot start the workflow that deploys {workflow.pipeline}"):
        before = running_executions(aws, workflow)
        arn = start_workflow(aws, workflow, action, version=version, overwrite=overwrite)
    say(f"Started {arn}", err=options.as_json)
    if before:
        say(f"Another one runs, which comes first: {before[-1].rpartition(':')[2]}", err=True)
    if not wait:
        _tell_how_to_follow(workflow, options)
        if options.as_json:
            print_json({"pipeline": workflow.pipeline, "arn": arn})
        raise typer.Exit(ExitCode.DONE)
    try:
        deployment, report = _follow(aws, arn, options)
    except KeyboardInterrupt:
        say("\nThe deployment goes on by itself.", err=True)
        _tell_how_to_follow(workflow, options)
        raise
    with calls(f"Cannot read the endpoints of {workflow.pipeline}"):
        states = read_states(aws, workflow)
    _tell_end(workflow, deployment, states, report, options)
    raise typer.Exit(ExitCode.DONE if deployment.has_succeeded else ExitCode.ERROR)


def _tell_how_to_follow(workflow: Workflow, options: AwsOptions) -> None:
    follow_it = f"release endpoints {workflow.pipeline} --watch{options.again()}"
    say(f"Follow it: {follow_it}", err=options.as_json)


def _follow(aws: Aws, arn: str, options: AwsOptions) -> tuple[DeploymentExecution, Path | None]:
    from rich.console import Console

    reports: list[Path] = []

    def record(description: dict[str, Any], events: list[dict[str, Any]]) -> None:
        from local.report import write_deployment

        folder = places.STATE / "deployments" / arn.rpartition(":")[2]
        reports.append(write_deployment(folder, description, events, aws))

    with calls(f"Cannot follow {arn}"):
        deployment = follow(
            aws.client("stepfunctions"),
            arn,
            Console(stderr=options.as_json),
            poll_seconds=_POLL_SECONDS_EMBEDDED if aws.is_embedded else _POLL_SECONDS,
            record=record if aws.is_embedded else None,
        )
    return deployment, reports[0] if reports else None


def _tell_end(
    workflow: Workflow,
    deployment: DeploymentExecution,
    states: list[ServedState],
    report: Path | None,
    options: AwsOptions,
) -> None:
    if options.as_json:
        print_json(
            {
                "pipeline": workflow.pipeline,
                **deployment.as_json(),
                "regions": [each.as_json() for each in states],
                "report": report and str(shown_path(report)),
            }
        )
    else:
        typer.echo()
        show_states(states)
        if report is not None:
            say(f"\nDeployment report: {shown_path(report)}")
    if deployment.failure is not None and not _was_read(deployment, deployment.failure):
        tell("error", deployment.failure)


def _was_read(deployment: DeploymentExecution, reason: str) -> bool:
    """Whether a reason stands among what happened, where whoever reads errors has read it."""
    return in_one_place() and reason in {each.text for each in news_of(deployment)}
