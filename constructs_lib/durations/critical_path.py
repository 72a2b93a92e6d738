"""The longest way through the steps of a definition, which a release waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Any, Final

from constructs_lib.durations.steps import StepTime, region_of_images, step_time
from constructs_lib.graph import Dag, read_dag
from constructs_lib.language.steps import walk_steps

_MINUTE: Final = 60


@dataclass(frozen=True, kw_only=True)
class ReleaseTime:
    """How long a release takes that goes well, and what it costs."""

    steps: tuple[StepTime, ...]
    """All of them, in the order of the definition, without those of a failure."""
    path: tuple[StepTime, ...]
    """Those that each begin when the one before ends, and of which the last one ends last."""

    @property
    def seconds(self) -> float:
        """From the start of the execution to the end of its last step."""
        return sum(step.seconds for step in self.path)

    @property
    def job_starts(self) -> int:
        """How many jobs of the longest way wait for instances."""
        return sum(step.is_job for step in self.path)

    @property
    def usd(self) -> Decimal | None:
        """What all steps cost; ``None`` where the price of an instance type is not known."""
        prices = [step.usd for step in self.steps if step.usd is not None]
        return sum(prices, Decimal(0)) if len(prices) == len(self.steps) else None

    @property
    def unknown_work(self) -> tuple[str, ...]:
        """The steps of the longest way whose own work is not counted."""
        return tuple(step.name for step in self.path if not step.is_known)

    @property
    def minutes(self) -> str:
        """In words: ``7.4 min, 2 job starts, without the work of Train``."""
        starts = f"{self.job_starts} job start{'' if self.job_starts == 1 else 's'}"
        without = f", without the work of {', '.join(self.unknown_work)}"
        return f"{self.seconds / _MINUTE:.1f} min, {starts}{without if self.unknown_work else ''}"

    @property
    def dollars(self) -> str:
        """In words: ``0.021 USD``."""
        return (
            "an instance type's price is not known" if self.usd is None else f"{self.usd:.3f} USD"
        )


def release_time(definition: Mapping[str, Any], model_gb: float) -> ReleaseTime:
    """Calculate how long a release takes.

    What SageMaker needs between two steps is not counted, nor what is tried again: nothing is
    published about the first.

    Args:
        definition: Compiled or deployed.
        model_gb: Size of the packed model, GB.

    Raises:
        GraphError: The definition has no graph.
    """
    dag = read_dag(definition)
    walked = list(walk_steps(definition))
    home = region_of_images(walked)
    times = {
        step.name: step_time(step, model_gb, home)
        for step in walked
        if step.branch is None or step.branch.outcome is not False
    }
    return ReleaseTime(steps=tuple(times.values()), path=_longest(dag, times))


def _longest(dag: Dag, times: Mapping[str, StepTime]) -> tuple[StepTime, ...]:
    before: dict[str, list[str]] = {name: [] for name in times}
    for edge in dag.edges:
        if edge.target in before and edge.source in times:
            before[edge.target].append(edge.source)
    ends: dict[str, float] = {}
    ways: dict[str, tuple[StepTime, ...]] = {}
    for name in TopologicalSorter(before).static_order():
        # Of ways alike, the first step's in the definition is told.
        last = max(before[name], key=ends.__getitem__, default=None)
        ends[name] = times[name].seconds + (0 if last is None else ends[last])
        ways[name] = (*(() if last is None else ways[last]), times[name])
    return ways[max(times, key=ends.__getitem__)]
