"""The graph of a definition: its steps and what each waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from constructs_lib.errors import ReleaseError

_BRANCHES: Final = (("IfSteps", True), ("ElseSteps", False))


class GraphError(ReleaseError):
    """The definition has no graph: no steps, an unknown step, or steps that wait in a circle."""


@dataclass(frozen=True)
class GraphBranch:
    """The branch of a condition in which a step stands."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class GraphStep:
    """One step."""

    name: str
    type: str
    branch: GraphBranch | None = None


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
        following: dict[str, set[str]] = {step.name: set() for step in self.steps}
        for edge in self.edges:
            following[edge.source].add(edge.target)
        reachable = _reachable(following)
        kept = [
            edge
            for edge in self.edges
            if not any(
                other.source == edge.source
                and edge.label in ("", other.label)
                and edge.target in reachable[other.target]
                for other in self.edges
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
    contents = list(_flat(definition.get("Steps") or [], None))
    if not contents:
        raise GraphError("The definition has no steps, so there is nothing to draw.")
    names = {step.name for step, _ in contents}
    edges = {}
    for step, content in contents:
        for source in _sources(step, content):
            if source not in names:
                raise GraphError(
                    f"The step {step.name!r} waits for {source!r}, which is not a step. The steps"
                    f" are: {', '.join(step.name for step, _ in contents)}."
                )
            edges[source, step.name] = _label(step, source)
    _refuse_circles(names, edges)
    return Dag(
        tuple(step for step, _ in contents),
        tuple(Edge(*ends, label) for ends, label in edges.items()),
    )


def _flat(
    steps: list[Mapping[str, Any]], branch: GraphBranch | None
) -> Iterator[tuple[GraphStep, Mapping[str, Any]]]:
    for content in steps:
        arguments = content.get("Arguments") or {}
        own = {
            **content,
            "Arguments": {
                key: value for key, value in arguments.items() if key not in dict(_BRANCHES)
            },
        }
        yield GraphStep(content["Name"], content["Type"], branch), own
        for key, outcome in _BRANCHES:
            yield from _flat(arguments.get(key) or [], GraphBranch(content["Name"], outcome))


def _sources(step: GraphStep, content: Mapping[str, Any]) -> list[str]:
    """Name what a step waits for, each once: conditions, DependsOn, references."""
    declared = [
        entry["Step"] if isinstance(entry, Mapping) else entry
        for entry in content.get("DependsOn") or []
    ]
    around = [step.branch.condition] if step.branch else []
    return list(dict.fromkeys([*around, *declared, *_references(content)]))


def _references(value: object) -> Iterator[str]:
    match value:
        case {"Get": str(text)} if text.startswith("Steps."):
            yield text.split(".")[1]
        case dict():
            for member in value.values():
                yield from _references(member)
        case list():
            for item in value:
                yield from _references(item)


def _label(step: GraphStep, source: str) -> str:
    if step.branch is None or step.branch.condition != source:
        return ""
    return "true" if step.branch.outcome else "false"


def _reachable(following: Mapping[str, set[str]]) -> dict[str, set[str]]:
    reachable: dict[str, set[str]] = {}
    for name in TopologicalSorter(following).static_order():
        reachable[name] = following[name].union(*(reachable[next_] for next_ in following[name]))
    return reachable


def _refuse_circles(names: set[str], edges: Mapping[tuple[str, str], str]) -> None:
    before: dict[str, set[str]] = {name: set() for name in names}
    for source, target in edges:
        before[target].add(source)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        raise GraphError(f"Steps wait for each other: {' -> '.join(error.args[1])}.") from error
