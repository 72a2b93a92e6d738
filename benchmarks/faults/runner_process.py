"""Executes a pipeline and dies by SIGKILL when a step gets a status.

python -m benchmarks.faults.runner_process PIPELINE MODEL STATE_FOLDER STEP STATUS

MODEL is ``-`` for a pipeline that takes none.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from local.runner import EmulatedAws, Execution, StepExecution, start_execution


def main(pipeline: str, model: str, state_dir: str, step_name: str, status: str) -> None:
    """Run until the step has the status."""

    def kill(_execution: Execution, step: StepExecution | None) -> None:
        if step is not None and (step.name, step.status) == (step_name, status):
            os.kill(os.getpid(), signal.SIGKILL)

    start_execution(
        pipeline,
        {} if model == "-" else {"ModelS3Uri": model},
        aws=EmulatedAws.connect(os.environ),
        state_dir=Path(state_dir),
        on_event=kill,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
