"""``executions``, ``stop`` and ``retry``: the executions of a pipeline."""

from __future__ import annotations

import uuid
from typing import Annotated, Final

import typer

from commands.aws.status import end_when_ended, shown_seconds
from commands.executions import fail_step_of, list_executions, read_state
from commands.executions.states import ExecutionState, ExecutionSummary
from commands.local.retry import retry_locally
from commands.terminal.asking import confirm
from commands.terminal.aws import Aws, calls
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.messages import say
from commands.terminal.options import ExecutionId, Pipeline, Yes, print_json
from constructs_lib.errors import ReleaseError

_RETRIED: Final = frozenset({"Failed", "Stopped"})
_STOPPED: Final = frozenset({"Executing"})
_Limit = Annotated[int, typer.Option(min=1, help="So many, newest first.")]
_Wait = Annotated[
    bool, typer.Option("--wait", help="Stay until it has ended; exit with 1 if it failed.")
]


class WrongStatusError(ReleaseError):
    """An execution that cannot be stopped, or is not retried, as it stands."""


@with_aws_options
def executions(pipeline: Pipeline, *, limit: _Limit = 10, options: AwsOptions) -> None:
    """List the executions of a pipeline.

    With their status and how long they took; of the embedded AWS, those that commands recorded.

    Examples:
        release executions returns-risk
        release executions returns-risk --limit 3 --local
    """
    found = list_executions(options.aws(), pipeline, limit)
    if options.as_json:
        print_json([each.as_json() for each in found])
    elif found:
        _show(found)
    else:
        say(f"{pipeline} was not executed yet.")


def _show(found: list[ExecutionSummary]) -> None:
    from rich.console import Console

    from commands.terminal.tables import plain_table, state_text

    table = plain_table("execution", "state", "started", "duration", numbers=("duration",))
    for each in found:
        duration = shown_seconds(each.duration_in_second)
        started = f"{each.start_time:%Y-%m-%d %H:%M}"
        table.add_row(each.id, state_text(each.status), started, duration)
    Console().print(table)


@with_aws_options
def stop(
    pipeline: Pipeline, execution: ExecutionId = None, *, yes: Yes = False, options: AwsOptions
) -> None:
    """Stop an execution that runs, by default the newest.

    Asks first. SageMaker stops its jobs; what has been registered by then stays. On the embedded
    AWS, the command that executes it does so: end that with Ctrl-C.

    Examples:
        release stop returns-risk
        release stop returns-risk EXECUTION --yes --profile prod
    """
    aws = options.aws()
    state = read_state(aws, pipeline, execution)
    _refuse_unless(state, _STOPPED, "stopped")
    if aws.is_embedded:
        raise WrongStatusError(
            f"The execution {state.id} runs in the command that started it: end that with Ctrl-C."
        )
    duration = shown_seconds(state.duration_in_second)
    confirm(f"Stop the execution {state.id}, which has run for {duration}?", yes=yes)
    with calls(f"Cannot stop {state.arn}"):
        aws.client("sagemaker").stop_pipeline_execution(
            PipelineExecutionArn=state.arn, ClientRequestToken=uuid.uuid4().hex
        )
    _tell(state, "Stopping", options)


@with_aws_options
def retry(
    pipeline: Pipeline,
    execution: ExecutionId = None,
    *,
    wait: _Wait = False,
    options: AwsOptions,
) -> None:
    """Retry an execution that failed or was stopped.

    By default the newest. Runs the steps that did not succeed, with the same definition and
    parameters. One that a Fail step has ended, such as VerificationFailed, is not retried: start
    another one.

    Examples:
        release retry returns-risk --wait
        release retry returns-risk EXECUTION --local
    """
    aws = options.aws()
    state = read_state(aws, pipeline, execution)
    _refuse_unless(state, _RETRIED, "retried")
    _refuse_after_fail_step(aws, state)
    if aws.is_embedded:
        retry_locally(aws, state, as_json=options.as_json)
    with calls(f"Cannot retry {state.arn}"):
        aws.client("sagemaker").retry_pipeline_execution(
            PipelineExecutionArn=state.arn, ClientRequestToken=uuid.uuid4().hex
        )
    if not wait:
        _tell(state, "Retrying", options)
        return
    end_when_ended(aws, read_state(aws, state.pipeline, state.arn), as_json=options.as_json)


def _refuse_unless(state: ExecutionState, statuses: frozenset[str], what: str) -> None:
    if state.status not in statuses:
        allowed = " or ".join(sorted(statuses))
        raise WrongStatusError(
            f"The execution {state.id} is {state.status}: only one that is {allowed} can be {what}."
        )


def _refuse_after_fail_step(aws: Aws, state: ExecutionState) -> None:
    """Refuse what SageMaker refuses.

    Source: RetryPipelineExecution in the Amazon SageMaker API Reference, and "Fail step" in the
    developer guide: it ends an execution for good.
    """
    step = fail_step_of(aws, state)
    if step is not None:
        raise WrongStatusError(
            f"The Fail step {step.name} has ended the execution {state.id}, and AWS does not retry"
            f" such an execution. Its reason: {step.reason} Correct that, and start another one:"
            f" release start {state.pipeline} --model MODEL."
        )


def _tell(state: ExecutionState, what: str, options: AwsOptions) -> None:
    if options.as_json:
        print_json({"pipeline": state.pipeline, "id": state.id, "arn": state.arn})
        return
    typer.echo(f"{what} {state.arn}")
    typer.echo(f"Follow it: release status {state.pipeline} {state.id} --watch{options.again()}")
