"""``logs``: what a step's script or function printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.executions import read_state
from commands.executions.states import StepState
from commands.terminal.aws import Aws, UnknownNameError, calls
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.options import ExecutionId, Pipeline, print_json


@with_aws_options
def logs(
    pipeline: Pipeline,
    step: Annotated[str, typer.Argument(help="Name of a step, for example Package.")],
    execution: ExecutionId = None,
    *,
    options: AwsOptions,
) -> None:
    """Print the log of a step.

    Of its job or function in CloudWatch, or of a local execution.

    Examples:
        release logs returns-risk Verify
        release logs returns-risk Package EXECUTION --profile prod
    """
    aws = options.aws()
    state = read_state(aws, pipeline, execution).step(step)
    if state.log is None:
        raise UnknownNameError(
            f"The step {step} ({state.status}) has no log: it started no job and no function."
        )
    lines = _local(state) if aws.is_embedded else _real(aws, state)
    if options.as_json:
        print_json({"step": step, "log": state.log, "lines": list(lines)})
    else:
        for line in lines:
            typer.echo(line)


def _local(state: StepState) -> Iterator[str]:
    try:
        yield from Path(state.log or "").read_text(errors="replace").splitlines()
    except OSError as error:
        raise UnknownNameError(f"Cannot read {state.log}: {error.strerror}.") from error


def _real(aws: Aws, state: StepState) -> Iterator[str]:
    client = aws.client("logs")
    request: dict[str, Any] = {"logGroupName": state.log_group}
    if state.log_stream_prefix:
        request["logStreamNamePrefix"] = state.log_stream_prefix
    elif state.start_time:  # a function's group holds other executions, too
        request["startTime"] = int(state.start_time.timestamp() * 1000)
        if state.end_time:
            request["endTime"] = int(state.end_time.timestamp() * 1000) + 1000
    with calls(f"Cannot read the log group {state.log_group}"):
        for page in client.get_paginator("filter_log_events").paginate(**request):
            for event in page["events"]:
                yield event["message"].rstrip("\n")
