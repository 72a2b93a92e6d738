"""Drawing a graph takes work that grows with its edges, not with their square."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from benchmarks.report import SHAPES
from constructs_lib.graph.dag import Dag, Edge, GraphStep
from constructs_lib.graph.svg import svg


def graph(shape: str, count: int) -> Dag:
    return Dag(
        tuple(GraphStep(f"Step-{step}", "Processing") for step in range(count)),
        tuple(
            Edge(f"Step-{source}", f"Step-{step}")
            for step in range(count)
            for source in sorted(SHAPES[shape](step, count))
        ),
    )


def calls_to_draw(dag: Dag) -> int:
    """Count the calls of functions, each step of a generator included."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        svg(dag, title="many steps")
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("shape", ["fan", "layers"])
def test_twice_the_steps_are_little_more_than_twice_the_work(shape: str) -> None:
    few, many = (calls_to_draw(graph(shape, count)) for count in (60, 120))

    assert many < 2.5 * few
