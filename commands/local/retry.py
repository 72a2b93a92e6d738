"""Retries an execution on the embedded AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from commands.local.run import end_with, next_commands
from commands.terminal import places
from commands.terminal.emulator_key import read_key

if TYPE_CHECKING:
    from commands.executions.states import ExecutionState
    from commands.terminal.aws import Aws


def retry_locally(aws: Aws, state: ExecutionState, *, as_json: bool) -> NoReturn:
    """Run the steps of an execution that did not succeed once more, and exit with the outcome.

    Raises:
        ReleaseError: It is not retried; says why.
    """
    from rich.console import Console

    from constructs_lib.aws.handle import AwsHandle
    from local.release import check_that_it_answers, collect, retry

    endpoint = aws.endpoint_url or ""
    handle = AwsHandle(aws.home_region, endpoint, read_key(endpoint))
    check_that_it_answers(handle)
    console = Console(stderr=as_json)
    execution = retry(state.arn, aws=handle, state_dir=places.STATE / "executions", console=console)
    made = collect(execution, handle, console, save_model_to=execution.folder / "model.tar.gz")
    end_with(made, as_json=as_json, todo=next_commands(made))
