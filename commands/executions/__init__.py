"""Reads executions, wherever they run."""

from __future__ import annotations

from commands.executions.local import (
    failed_fail_step,
    list_local_executions,
    local_statuses,
    read_local_state,
)
from commands.executions.real import (
    list_real_executions,
    read_real_state,
    real_fail_step,
    real_statuses,
)
from commands.executions.states import ExecutionState, ExecutionSummary, StepState
from commands.terminal.aws import Aws


def read_state(aws: Aws, pipeline: str, execution: str | None) -> ExecutionState:
    """Read an execution, by default the newest.

    The embedded AWS keeps no steps: those of local executions are read from the records that
    ``run`` and ``demo`` leave in ``.local``.

    Raises:
        UnknownNameError: There is no such pipeline or execution.
        AwsCallError: AWS refused.
    """
    if aws.is_embedded:
        return read_local_state(pipeline, execution and execution.rpartition("/")[2])
    return read_real_state(aws, pipeline, execution)


def list_executions(aws: Aws, pipeline: str, limit: int) -> list[ExecutionSummary]:
    """List executions of a pipeline, newest first.

    Raises:
        UnknownNameError: There is no such pipeline.
        AwsCallError: AWS refused.
    """
    if aws.is_embedded:
        return list_local_executions(pipeline, limit)
    return list_real_executions(aws, pipeline, limit)


def fail_step_of(aws: Aws, state: ExecutionState) -> StepState | None:
    """Return the Fail step that has ended an execution, if one has.

    Raises:
        AwsCallError: AWS refused.
    """
    return failed_fail_step(state.id) if aws.is_embedded else real_fail_step(aws, state.arn)


def read_statuses(aws: Aws, pipeline: str) -> dict[str, str]:
    """Return the status of each execution of a pipeline, by its id.

    Raises:
        UnknownNameError: There is no such pipeline.
        AwsCallError: AWS refused.
    """
    return local_statuses(pipeline) if aws.is_embedded else real_statuses(aws, pipeline)
