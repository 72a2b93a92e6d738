"""``deploy``, ``rollback`` and ``undeploy``: which version answers in every region."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.serving.found import workflow_of
from commands.serving.started import start_deployment
from commands.serving.versions import approved_version
from commands.terminal.asking import confirm
from commands.terminal.aws import Aws, calls
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.messages import say
from commands.terminal.options import Pipeline, Yes, print_json
from constructs_lib.endpoints.state import ServedState, read_states
from constructs_lib.endpoints.workflow import Workflow

Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Stay until it has ended, or only start it.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what a person changed by hand, too.")
]


@with_aws_options
def deploy(
    pipeline: Pipeline,
    *,
    version: Annotated[
        int | None, typer.Option(min=1, help="Version; by default the newest that is approved.")
    ] = None,
    overwrite: Overwrite = False,
    wait: Wait = True,
    options: AwsOptions,
) -> None:
    """Let an approved version answer in every region.

    Wave after wave of regions, each tried before the next begins. If one fails, all that were
    changed go back to what they served before. Exits with 1 then.

    Examples:
        release deploy returns-risk
        release deploy returns-risk --version 7 --no-wait --profile prod
    """
    aws = options.aws()
    workflow = workflow_of(aws, pipeline)
    chosen = approved_version(aws, workflow, version)
    start_deployment(
        aws,
        workflow,
        "deploy",
        version=chosen.version,
        overwrite=overwrite,
        wait=wait,
        options=options,
    )


@with_aws_options
def rollback(
    pipeline: Pipeline,
    *,
    to: Annotated[
        int | None,
        typer.Option(min=1, help="Version; by default the last good one before what serves."),
    ] = None,
    overwrite: Overwrite = False,
    wait: Wait = True,
    options: AwsOptions,
) -> None:
    """Let an earlier version answer again in every region.

    Its model and its configuration are still there, so nothing is built again. A rejected version
    is refused.

    Examples:
        release rollback returns-risk
        release rollback returns-risk --to 6
    """
    aws = options.aws()
    workflow = workflow_of(aws, pipeline)
    if to is not None:
        approved_version(aws, workflow, to)
    start_deployment(
        aws, workflow, "rollback", version=to, overwrite=overwrite, wait=wait, options=options
    )


@with_aws_options
def undeploy(
    pipeline: Pipeline, *, yes: Yes = False, wait: Wait = True, options: AwsOptions
) -> None:
    """Delete a pipeline's endpoints in every region.

    With their alarms, after asking: nobody answers then. Models and configurations stay, and cost
    nothing; registered versions stay, and any approved one can be deployed again.

    Examples:
        release undeploy returns-risk
    """
    aws = options.aws()
    workflow = workflow_of(aws, pipeline)
    there = [each for each in _read(aws, workflow) if each.exists]
    if not there:
        say(f"{pipeline} has no endpoint in any region: nothing to delete.", err=options.as_json)
        if options.as_json:
            print_json({"pipeline": pipeline, "arn": None, "regions": []})
        return
    for each in there:
        serves = "" if each.version is None else f", serves version {each.version}"
        say(f"{each.region_code}  endpoint {each.endpoint}, {each.status}{serves}", err=True)
    confirm(_question(len(there)), yes=yes)
    start_deployment(aws, workflow, "undeploy", wait=wait, options=options)


def _read(aws: Aws, workflow: Workflow) -> list[ServedState]:
    with calls(f"Cannot read the endpoints of {workflow.pipeline}"):
        return read_states(aws, workflow)


def _question(count: int) -> str:
    return "Delete this endpoint?" if count == 1 else f"Delete these {count} endpoints?"
