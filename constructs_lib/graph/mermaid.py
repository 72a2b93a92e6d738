"""Writes a graph as Mermaid, which GitHub and many editors draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from constructs_lib.graph.dag import Dag

_FRAMES: Final = {"Condition": ("{{", "}}"), "Fail": ("([", "])")}
"""Other shapes for steps that decide or end the pipeline."""


def mermaid(dag: Dag) -> str:
    """Write a flowchart from top to bottom; edges that others imply are left out."""
    return "\n".join(["flowchart TD", *_lines(dag.reduced())])


def _lines(dag: Dag) -> Iterator[str]:
    # Names may be words that Mermaid knows, such as "end": the ids are numbers.
    ids = {step.name: f"s{index}" for index, step in enumerate(dag.steps)}
    for step in dag.steps:
        opening, closing = _FRAMES.get(step.type, ("[", "]"))
        yield f'    {ids[step.name]}{opening}"{step.name}<br><small>{step.type}</small>"{closing}'
    for edge in dag.edges:
        label = f"|{edge.label}|" if edge.label else ""
        yield f"    {ids[edge.source]} -->{label} {ids[edge.target]}"
