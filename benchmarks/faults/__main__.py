"""Injects faults into releases on the embedded AWS, and prints what came of them.

Run it with ``make faults``, or directly::

    python -m benchmarks.faults --every-call

A scenario releases a new model under faults, and then once more without. After both, every model
package of every region is looked at. The exit code is 1 when an invariant is broken.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

from benchmarks.faults import deployed, scenarios, sequences
from benchmarks.faults.deadlines import deadline
from benchmarks.faults.deployed import RUNNER_FAULTS, Deployed, Run, RunnerFault
from benchmarks.faults.scenarios import Scenario, ScenarioResult
from benchmarks.faults.world import World

_WORLDS = 2
_PROGRESS_SCENARIOS = 50
_LEGEND = """
scenarios     releases under faults, each of another model
faults        how many were injected
succeeded     executions that succeeded in spite of them, by retries
completed     executions that failed, said which region and why unless they were killed, and were
              completed by a rerun
broken        scenarios after which an invariant did not hold:
              - a content is registered once in a region, whatever was repeated
              - every model package's artifact is there, with the digest that the package names
              - its evaluation is of that artifact, and passed
              - what is released is what the jobs wrote
              - what was replaced between two steps is not registered
              - no region lacks the model without a failed step that names it
              - after a rerun without faults, every region has the content, once, and its lineage
                says what it was made of
              of a deployment (succeeded: a region that fails takes all others back):
              - no region serves a version that is not approved
              - every region serves the new or the former version, all of them the same one, unless
                a person was told otherwise
              - the configuration that a rollback needs is there
              - a rerun without faults deploys it everywhere"""


@dataclass(frozen=True)
class Row:
    """The scenarios of one kind."""

    name: str
    results: tuple[ScenarioResult, ...]

    @property
    def broken(self) -> list[ScenarioResult]:
        """The results with broken invariants."""
        return [result for result in self.results if result.violations]

    def cells(self) -> tuple[str | int, ...]:
        """Return the cells of the table."""
        survived = sum(result.survived for result in self.results)
        return (
            self.name,
            len(self.results),
            sum(result.faults for result in self.results),
            survived,
            len(self.results) - survived - sum(not result.survived for result in self.broken),
            len(self.broken),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument(
        "--every-call",
        action="store_true",
        help="single faults at every call, not only at the first and last of each kind in a step",
    )
    parser.add_argument("--smallest", action="store_true", help="one scenario of each kind")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    rows = _rows(_results(every_call=options.every_call, smallest=options.smallest))
    sys.stdout.write("\n".join(_table(rows)) + "\n" + _LEGEND + "\n")
    for result in (result for row in rows for result in row.broken):
        sys.stdout.write(f"\nBROKEN: {result.scenario}\n  " + "\n  ".join(result.violations) + "\n")
    sys.stdout.write(f"\n{time.monotonic() - started:.0f} s\n")
    return int(any(row.broken for row in rows))


def _results(*, every_call: bool, smallest: bool) -> Iterator[tuple[str, ScenarioResult]]:
    with World() as world:
        plan = scenarios.call_plan(world)
    kinds = (
        scenarios.lasting_faults(plan),
        scenarios.kills(plan),
        scenarios.single_faults(plan, every_call=every_call),
        scenarios.slow_connections(plan),
    )
    of_each = 1 if smallest else None
    todo: queue.SimpleQueue[Scenario] = queue.SimpleQueue()
    for scenario in chain.from_iterable(islice(kind, of_each) for kind in kinds):
        todo.put(scenario)
    work: list[Callable[[], list[tuple[str, ScenarioResult]]]] = [
        lambda: _run_deployments(every_call=every_call, most=of_each),
        lambda: _run_deployed(RUNNER_FAULTS[:of_each]),
        lambda: _run_sequences(of_each),
        *(lambda: _run_function(todo) for _ in range(_WORLDS)),
    ]
    sys.stderr.write(f"{todo.qsize()} scenarios of the function ...\n")
    with ThreadPoolExecutor(len(work)) as pool:
        for future in as_completed([pool.submit(each) for each in work]):
            yield from future.result()


def _run_function(todo: queue.SimpleQueue[Scenario]) -> list[tuple[str, ScenarioResult]]:
    results: list[tuple[str, ScenarioResult]] = []
    with World() as world:
        while True:
            try:
                scenario = todo.get_nowait()
            except queue.Empty:
                return results
            with deadline(scenario.label):
                results.append((scenario.row, scenarios.run(world, scenario)))
            if (left := todo.qsize()) % _PROGRESS_SCENARIOS == 0:
                sys.stderr.write(f"{left} scenarios of the function left\n")


def _run_deployments(*, every_call: bool, most: int | None) -> list[tuple[str, ScenarioResult]]:
    """Run the scenarios of deployments, in a process of their own."""
    options = [
        *(["--every-call"] if every_call else []),
        *(["--most", str(most)] if most is not None else []),
    ]
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults.serving", *options],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    return [(line["row"], _read(line["result"])) for line in lines]


def _read(result: dict[str, Any]) -> ScenarioResult:
    texts = {name: tuple(result[name]) for name in ("violations", "reasons")}
    return ScenarioResult(**{**result, **texts})


def _run_deployed(faults: Iterable[RunnerFault]) -> list[tuple[str, ScenarioResult]]:
    with Deployed() as pipeline:
        under_faults: list[tuple[str, str, Run]] = [
            (fault.row, fault.label, partial(deployed.run, fault=fault)) for fault in faults
        ]
        every = (*under_faults, *deployed.MORE)
        return [_ended(row, label, run, pipeline) for row, label, run in every]


def _run_sequences(of_each: int | None) -> list[tuple[str, ScenarioResult]]:
    with Deployed() as pipeline:
        return [
            _ended(row, label, run, pipeline)
            for row, label, run in islice(sequences.SEQUENCES, of_each)
        ]


def _ended(row: str, label: str, run: Run, pipeline: Deployed) -> tuple[str, ScenarioResult]:
    with deadline(f"{row}: {label}"):
        return row, run(pipeline)


def _rows(results: Iterable[tuple[str, ScenarioResult]]) -> list[Row]:
    by_row: dict[str, list[ScenarioResult]] = {}
    for name, result in results:
        by_row.setdefault(name, []).append(result)
    return [Row(name, tuple(found)) for name, found in sorted(by_row.items())]


def _table(rows: Sequence[Row]) -> Iterator[str]:
    head = ("fault", "scenarios", "faults", "succeeded", "completed", "broken")
    width = max(len(row.name) for row in rows)
    yield f"{head[0]:{width}}" + "".join(f"{name:>11}" for name in head[1:])
    for row in rows:
        name, *numbers = row.cells()
        yield f"{name:{width}}" + "".join(f"{number:>11}" for number in numbers)
    totals = [sum(int(row.cells()[column]) for row in rows) for column in range(1, len(head))]
    yield f"{'all':{width}}" + "".join(f"{total:>11}" for total in totals)


if __name__ == "__main__":
    sys.exit(main())
