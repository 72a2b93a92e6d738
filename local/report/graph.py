"""Draws the steps and what they wait for as SVG, with their states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from constructs_lib.graph.dag import Dag, Edge, GraphStep
from constructs_lib.graph.layout import Layout, lay_out
from constructs_lib.language.dependencies import find_cycle
from local.report.formats import duration
from local.report.html import Html, element, join
from local.report.states import css_class, sign, state_of, word
from local.runner.records import StepExecution

_HEIGHT: Final = 50
_GAP: Final = 12
"""Between steps side by side."""
_RUN: Final = 36
"""Between a row and the next."""
_MARGIN: Final = 3
_CHARACTER_WIDTH: Final = 8.2
_TIP: Final = 6
"""Of an arrow, where its line ends."""


@dataclass(frozen=True)
class _View:
    """A direction, and what it leaves room for."""

    downwards: bool
    width: float
    scale: float
    """Of the picture as it is shown."""
    smallest_scale: float
    room: float
    """Pixels that a picture should not be wider than, if it need not be smaller for that."""

    def scale_of(self, width: float) -> float:
        """Return how to show a picture that wide."""
        return max(min(self.scale, self.room / width), self.smallest_scale)

    @property
    def max_name_characters(self) -> int:
        return int(self.width / _CHARACTER_WIDTH)

    @property
    def along(self) -> float:
        """Size of a step in the direction."""
        return _HEIGHT if self.downwards else self.width

    @property
    def across(self) -> float:
        """Size of a step in the other direction."""
        return self.width if self.downwards else _HEIGHT

    def place(self, ahead: float, aside: float) -> tuple[float, float]:
        """Return x and y of a place so far in the direction and to its side."""
        return (aside, ahead) if self.downwards else (ahead, aside)


_SIDEWAYS: Final = _View(downwards=False, width=152, scale=1, smallest_scale=1, room=1)
# Three steps side by side fit on a phone, and a fourth by letting all be smaller.
_DOWNWARDS: Final = _View(downwards=True, width=132, scale=0.745, smallest_scale=0.55, room=315)


def draw_graph(steps: Sequence[StepExecution]) -> Html:
    """Draw the graph from left to right, and again downwards for narrow screens.

    The style sheet shows one of the two. The picture is for the eye: steps and states are in the
    timeline's table too.
    """
    dag = _dag(steps)
    drawings = [
        element(
            "div",
            _drawing(steps, dag, view),
            class_=f"graph {name}",
            role="region",
            aria_label=f"Graph of the steps, {name}",
            tabindex="0",
        )
        for name, view in {"sideways": _SIDEWAYS, "downwards": _DOWNWARDS}.items()
    ]
    return join(drawings)


def _dag(steps: Sequence[StepExecution]) -> Dag:
    """Return what waits for what, without what others imply and what a damaged record adds."""
    known = {step.name for step in steps}
    sources = {step.name: sorted(known.intersection(step.depends_on)) for step in steps}
    while cycle := find_cycle(sources):
        sources[cycle[0]].remove(cycle[1])
    return Dag(
        tuple(GraphStep(step.name, step.type) for step in steps),
        tuple(Edge(source, name) for name in sources for source in sources[name]),
    ).reduced()


def _drawing(steps: Sequence[StepExecution], dag: Dag, view: _View) -> Html:
    layout = lay_out(dag, width=view.across, gap=_GAP)
    length = len(layout.rows) * (view.along + _RUN) - _RUN
    width, height = view.place(length + 2 * _MARGIN, layout.width + 2 * _MARGIN)
    scale = view.scale_of(width)
    description = "; ".join(f"{step.name}: {word(state_of(step))}" for step in steps)
    return element(
        "svg",
        *(_line(layout.ways[edge], layout, view) for edge in dag.edges),
        *(_node(step, _start(step.name, layout, view), view) for step in steps),
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width * scale:.5g}",
        height=f"{height * scale:.5g}",
        role="img",
        aria_label=f"Steps and their states. {description}",
    )


def _start(name: str, layout: Layout, view: _View) -> tuple[float, float]:
    """Return the corner from which a step is drawn."""
    ahead, aside = _begin(name, layout, view)
    return view.place(ahead, aside - view.across / 2)


def _begin(name: str, layout: Layout, view: _View) -> tuple[float, float]:
    """Return where a row begins in the direction, and the middle of the one there."""
    return _MARGIN + layout.row_of[name] * (view.along + _RUN), _MARGIN + layout.centres[name]


def _line(way: Sequence[str], layout: Layout, view: _View) -> Html:
    places = [_begin(name, layout, view) for name in way]
    curve = f"M{_point(places[0][0] + view.along, places[0][1], view)}"
    for (before, aside), (ahead, next_aside) in pairwise(places):
        start, end = before + view.along, ahead - (_TIP if ahead == places[-1][0] else 0)
        middle = (start + end) / 2
        curve += (
            f"C{_point(middle, aside, view)} {_point(middle, next_aside, view)}"
            f" {_point(end, next_aside, view)}"
        )
        if ahead != places[-1][0]:
            curve += f"L{_point(ahead + view.along, next_aside, view)}"
    ahead, aside = places[-1]
    arrow = (
        f"M{_point(ahead - _TIP - 1, aside - 4, view)}L{_point(ahead, aside, view)}"
        f"L{_point(ahead - _TIP - 1, aside + 4, view)}Z"
    )
    return join([element("path", d=curve, class_="edge"), element("path", d=arrow, class_="arrow")])


def _point(ahead: float, aside: float, view: _View) -> str:
    x, y = view.place(ahead, aside)
    return f"{x:.5g} {y:.5g}"


def _node(step: StepExecution, start: tuple[float, float], view: _View) -> Html:
    state = state_of(step)
    shows_time = step.duration_seconds is not None and not view.downwards
    took = f" · {duration(step.duration_seconds)}" if shows_time else ""
    name = step.name
    if len(name) > view.max_name_characters:
        name = f"{name[: view.max_name_characters - 1]}…"
    return element(
        "g",
        element("title", f"{step.name}: {word(state)}"),
        element("rect", width=view.width, height=_HEIGHT, rx=8),
        element("text", name, x=10, y=21, class_="name"),
        element("text", f"{sign(state)} {word(state)}{took}", x=10, y=39),
        class_=f"node {css_class(state)}",
        transform=f"translate({start[0]:.5g} {start[1]:.5g})",
    )
