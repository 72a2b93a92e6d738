"""The graph of a definition: its steps and what each waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from constructs_lib.errors import ReleaseError
from constructs_lib.language.dependencies import dependencies_of_step, find_cycle
from constructs_lib.language.steps import Branch, walk_steps


class GraphError(ReleaseError):
    """The definition has no graph: no steps, an unknown step, or steps that wait in a circle."""


@dataclass(frozen=True)
class GraphStep:
    """One step."""

    name: str
    type: str
    branch: Branch | None = None


@dataclass(frozen=True, order=True)
class Edge:
    """``target`` waits for ``source``; ``label`` is the outcome of a condition, else empty."""

    source: str
    target: str
    label: str = ""

    @property
    def kind(self) -> str:
        """``if`` or ``else`` for a condition's own edge, ``after`` for any other."""
        return {"true": "if", "false": "else"}.get(self.label, "after")


@dataclass(frozen=True)
class Dag:
    """Steps in the order of the definition, and edges between them."""

    steps: tuple[GraphStep, ...]
    edges: tuple[Edge, ...]

    def reduced(self) -> Dag:
        """Leave out each edge that a longer way already says.

        Of a condition's own edges only a way through the same branch says the same.
        """
        leaving: dict[str, list[Edge]] = {step.name: [] for step in self.steps}
        for edge in self.edges:
            leaving[edge.source].append(edge)
        reachable = _reachable(
            {name: {edge.target for edge in edges} for name, edges in leaving.items()}
        )
        kept = [
            edge
            for edge in self.edges
            if not any(
                edge.label in ("", other.label) and edge.target in reachable[other.target]
                for other in leaving[edge.source]
            )
        ]
        return Dag(self.steps, tuple(kept))

    def layers(self) -> list[list[str]]:
        """Return the names of the steps by the length of the longest way to them."""
        depth: dict[str, int] = {}
        before: dict[str, list[str]] = {step.name: [] for step in self.steps}
        for edge in self.edges:
            before[edge.target].append(edge.source)
        for name in TopologicalSorter(before).static_order():
            depth[name] = max((depth[source] + 1 for source in before[name]), default=0)
        layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
        for step in self.steps:
            layers[depth[step.name]].append(step.name)
        return layers


def read_dag(definition: Mapping[str, Any]) -> Dag:
    """Read the graph of a compiled or a deployed definition.

    Raises:
        GraphError: There are no steps, one waits for an unknown step, or they wait in a circle.
    """
    steps = list(walk_steps(definition))
    if not steps:
        raise GraphError("The definition has no steps, so there is nothing to draw.")
    sources = {step.name: dependencies_of_step(step) for step in steps}
    for name, needed in sources.items():
        for source in needed:
            if source not in sources:
                raise GraphError(
                    f"The step {name!r} waits for {source!r}, which is not a step. The steps"
                    f" are: {', '.join(sources)}."
                )
    if cycle := find_cycle(sources):
        raise GraphError(f"Steps wait for each other: {' -> '.join(cycle)}.")
    return Dag(
        tuple(GraphStep(step.name, step.type_name, step.branch) for step in steps),
        tuple(
            Edge(source, step.name, _label(step.branch, source))
            for step in steps
            for source in sources[step.name]
        ),
    )


def _label(branch: Branch | None, source: str) -> str:
    if branch is None or branch.outcome is None or branch.step != source:
        return ""
    return str(branch.outcome).lower()


def _reachable(following: Mapping[str, set[str]]) -> dict[str, set[str]]:
    reachable: dict[str, set[str]] = {}
    for name in TopologicalSorter(following).static_order():
        reachable[name] = following[name].union(*(reachable[next_] for next_ in following[name]))
    return reachable
