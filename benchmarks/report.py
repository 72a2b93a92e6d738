"""Time the run report of pipelines with many steps.

Run it with ``make bench-report``, or directly::

    python -m benchmarks.report --steps 100 500

Each shape is drawn in a process' own time (CPU seconds), so that others on the machine do not
count:

chain     each step waits for the one before
fan       all wait for the first, and the last for all
layers    rows of ten, each step waits for three of the row before
tangled   each step waits for up to three of those before it, near or far
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from local.report.observations import Observations
from local.report.page import compose_page
from local.runner.records import Execution, ExecutionStatus, StepExecution, StepStatus

WANTED_SECONDS: Final = 5
_ROW: Final = 10
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ARN: Final = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/many-steps"


def _chain(step: int, _count: int) -> set[int]:
    return {step - 1} if step else set()


def _fan(step: int, count: int) -> set[int]:
    return set(range(1, step)) if step == count - 1 else {0} - {step}


def _layers(step: int, _count: int) -> set[int]:
    row = step // _ROW
    before = range((row - 1) * _ROW, row * _ROW)
    return set(random.Random(step).sample(before, 3)) if row else set()  # noqa: S311


def _tangled(step: int, _count: int) -> set[int]:
    choose = random.Random(step)  # noqa: S311
    return {choose.randrange(step) for _ in range(3)} if step else set()


SHAPES: Final[Mapping[str, Callable[[int, int], set[int]]]] = {
    "chain": _chain,
    "fan": _fan,
    "layers": _layers,
    "tangled": _tangled,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="*", default=[100, 500])
    parser.add_argument("--smallest", action="store_true", help="few steps, to see it run")
    options = parser.parse_args()
    counts = [30] if options.smallest else options.steps
    say(f"The run report, CPU seconds; wanted with 500 steps: below {WANTED_SECONDS}")
    say(f"{'':10}" + "".join(f"{f'{count} steps':>12}" for count in counts))
    for name, waits_for in SHAPES.items():
        cells = [f"{_seconds(_execution(waits_for, count)):12.2f}" for count in counts]
        say(f"{name:10}" + "".join(cells))


def _seconds(execution: Execution) -> float:
    started = time.process_time()
    compose_page(execution, Observations())
    return time.process_time() - started


def _execution(waits_for: Callable[[int, int], set[int]], count: int) -> Execution:
    steps = tuple(
        StepExecution(
            f"Step-{step}",
            "Processing",
            status=StepStatus.SUCCEEDED,
            start_time=_START + timedelta(seconds=step),
            end_time=_START + timedelta(seconds=step + 1),
            depends_on=tuple(f"Step-{each}" for each in sorted(waits_for(step, count))),
        )
        for step in range(count)
    )
    return Execution(
        arn=f"{_ARN}/execution/5fkszcpry4ck",
        pipeline_arn=_ARN,
        pipeline_creation_time=_START,
        parameters={},
        folder=Path(),
        start_time=_START,
        end_time=_START + timedelta(seconds=count),
        status=ExecutionStatus.SUCCEEDED,
        steps=steps,
    )


def say(line: str) -> None:
    """Print a line as soon as it is known."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
