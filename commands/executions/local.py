"""Executions on the embedded AWS: the records that ``run`` and ``demo`` leave in ``.local``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commands.executions.states import (
    ExecutionState,
    ExecutionSummary,
    StepState,
    reason_of_reuse,
    seconds_between,
)
from commands.terminal import places
from commands.terminal.aws import UnknownNameError
from commands.terminal.messages import tell
from commands.terminal.names import is_known
from constructs_lib.errors import ReleaseError
from constructs_lib.suggestions import suggestion
from constructs_lib.terminal.paths import shown_path

if TYPE_CHECKING:
    from local.runner import Execution


def read_local_state(pipeline: str, execution: str | None) -> ExecutionState:
    """Read an execution, by default the newest.

    Raises:
        UnknownNameError: No record is of such a pipeline or execution.
    """
    folders = _folders()
    wanted = [folders[execution]] if execution in folders else folders.values()
    records = [record for record in map(_record, wanted) if record]
    found = [record for record in records if record.pipeline_name == pipeline]
    if not found or execution not in (None, *folders):
        raise _unknown_local_execution(pipeline, execution, records)
    return of_record(max(found, key=lambda each: each.start_time))


def list_local_executions(pipeline: str, limit: int) -> list[ExecutionSummary]:
    """List recorded executions, newest first.

    Raises:
        UnknownNameError: No record is of such a pipeline.
    """
    records = [record for record in map(_record, _folders().values()) if record]
    found = [record for record in records if record.pipeline_name == pipeline]
    if not found:
        raise _unknown_local_execution(pipeline, None, records)
    newest = sorted(found, key=lambda each: each.start_time, reverse=True)[:limit]
    return [
        ExecutionSummary(
            id=each.id,
            arn=each.arn,
            status=str(each.status),
            start_time=each.start_time,
            end_time=each.end_time,
        )
        for each in newest
    ]


def failed_fail_step(execution: str) -> StepState | None:
    """Return the Fail step that has ended an execution, if one has."""
    record = _record(_folders()[execution])
    if record is None:
        return None
    state = of_record(record)
    ended_by = [step.name for step in record.steps if step.type == "Fail" and step.reason]
    failed = [state.step(name) for name in ended_by if state.step(name).status == "Failed"]
    return failed[0] if failed else None


def local_statuses(pipeline: str) -> dict[str, str]:
    """Return the status of each recorded execution, by its id."""
    records = filter(None, map(_record, _folders().values()))
    return {each.id: str(each.status) for each in records if each.pipeline_name == pipeline}


def _folders() -> dict[str, Path]:
    return {
        path.parent.name: path.parent
        for state in (places.STATE / "demo" / "executions", places.STATE / "executions")
        for path in state.glob("*/execution.json")
    }


def _record(folder: Path) -> Execution | None:
    """Read a record; a damaged one hides no other."""
    from local.runner import read_execution

    try:
        return read_execution(folder)
    except ReleaseError as error:
        tell("warning", error)
        return None


def _unknown_local_execution(
    pipeline: str, execution: str | None, records: list[Execution]
) -> UnknownNameError:
    known = [record.id for record in records if record.pipeline_name == pipeline]
    if execution and known:
        return UnknownNameError(
            f"{pipeline} has no local execution {execution!r}.{suggestion(execution, known)}"
        )
    others = {record.pipeline_name for record in records}
    named = pipeline if is_known(pipeline) else "PIPELINE"
    return UnknownNameError(
        f"No local execution of {pipeline!r} is recorded in {shown_path(places.STATE)}."
        f"{suggestion(pipeline, others) if others else ''}"
        f" Start one: release run {named} --model FILE."
    )


def of_record(record: Execution) -> ExecutionState:
    """Put the record of a local execution in the words of a real one."""
    return ExecutionState(
        pipeline=record.pipeline_name,
        id=record.id,
        arn=record.arn,
        status=str(record.status),
        start_time=record.start_time,
        end_time=record.end_time,
        failure_reason=record.failure_reason,
        steps=tuple(
            StepState(
                name=step.name,
                status=str(step.status),
                duration_in_second=seconds_between(step.start_time, step.end_time),
                reason=step.reason or reason_of_reuse(step.cache_hit),
                log=_shown_log(step.log_path),
                start_time=step.start_time,
                end_time=step.end_time,
            )
            for step in record.steps
        ),
    )


def _shown_log(path: Path | None) -> str | None:
    return str(shown_path(path)) if path and path.exists() else None
