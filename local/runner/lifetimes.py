"""Tells the embedded AWS when executions end, also those whose runner was killed.

The service knows that an execution has ended, whatever happens. This runner may be killed: each
running execution has a file that its process holds locked, and the next runner ends, in the
embedded AWS, those that nobody holds.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local.runner.aws import EmulatedAws
from local.runner.records import Execution, ExecutionStatus

_FILE_NAME: Final = "running"


@contextmanager
def running(execution: Execution) -> Iterator[Path]:
    """Mark the execution as running, as long as this process lives."""
    path = execution.folder / _FILE_NAME
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(execution.arn)
        file.flush()
        yield path


def end_in_aws(path: Path, arn: str, status: ExecutionStatus, aws: EmulatedAws) -> None:
    """Tell the embedded AWS how an execution ended; the next runner does if it does not answer."""
    if aws.end_execution(arn, status):
        path.unlink(missing_ok=True)


def end_abandoned(state_dir: Path, aws: EmulatedAws) -> None:
    """End, in the embedded AWS, the executions whose runners are gone."""
    for path in state_dir.glob(f"*/{_FILE_NAME}"):
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            end_in_aws(path, file.read(), ExecutionStatus.STOPPED, aws)
