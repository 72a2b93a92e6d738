"""Draws the steps and what they wait for as SVG, with their states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from local.report.formats import duration
from local.report.html import Html, element, join
from local.report.states import css_class, sign, state_of, word
from local.runner.records import StepExecution

_HEIGHT: Final = 50
_GAP: Final = 12
"""Between steps side by side."""
_RUN: Final = 36
"""Between a layer and the next."""
_MARGIN: Final = 3
_CHARACTER_WIDTH: Final = 8.2


@dataclass(frozen=True)
class _Layout:
    """A direction, and what it leaves room for; ``scale`` is that of the picture as shown."""

    downwards: bool
    width: float
    scale: float

    @property
    def max_name_characters(self) -> int:
        return int(self.width / _CHARACTER_WIDTH)


_SIDEWAYS: Final = _Layout(downwards=False, width=152, scale=1)
# Three steps side by side fit on a phone.
_DOWNWARDS: Final = _Layout(downwards=True, width=132, scale=0.745)


@dataclass(frozen=True)
class _Box:
    x: float
    y: float


def draw_graph(steps: Sequence[StepExecution]) -> Html:
    """Draw the graph from left to right, and again downwards for narrow screens.

    The style sheet shows one of the two. The picture is for the eye: steps and states are in the
    timeline's table too.
    """
    drawings = [
        element(
            "div",
            _drawing(steps, layout),
            class_=f"graph {name}",
            role="region",
            aria_label=f"Graph of the steps, {name}",
            tabindex="0",
        )
        for name, layout in {"sideways": _SIDEWAYS, "downwards": _DOWNWARDS}.items()
    ]
    return join(drawings)


def _drawing(steps: Sequence[StepExecution], layout: _Layout) -> Html:
    edges = _edges(steps)
    layers = _layers(steps)
    boxes = _boxes(layers, layout)
    width = max(box.x for box in boxes.values()) + layout.width + _MARGIN
    height = max(box.y for box in boxes.values()) + _HEIGHT + _MARGIN
    lines = [
        _line(boxes[source], boxes[target], layout)
        for target, sources in edges.items()
        for source in sorted(sources)
    ]
    description = "; ".join(f"{step.name}: {word(state_of(step))}" for step in steps)
    return element(
        "svg",
        *lines,
        *(_node(step, boxes[step.name], layout) for step in steps),
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width * layout.scale:g}",
        height=f"{height * layout.scale:g}",
        role="img",
        aria_label=f"Steps and their states. {description}",
    )


def _edges(steps: Sequence[StepExecution]) -> dict[str, frozenset[str]]:
    """Return what each step waits for, but for what another of these waits for."""
    known = {step.name for step in steps}
    direct = {step.name: frozenset(step.depends_on) & known for step in steps}
    ancestors = _ancestors(direct)
    return {
        name: frozenset(
            source for source in sources if not any(source in ancestors[other] for other in sources)
        )
        for name, sources in direct.items()
    }


def _ancestors(direct: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    ancestors = dict(direct)
    for _ in direct:
        ancestors = {
            name: sources.union(*(ancestors[source] for source in sources))
            for name, sources in ancestors.items()
        }
    return ancestors


def _layers(steps: Sequence[StepExecution]) -> list[list[str]]:
    """Return the steps by the length of the longest way to them."""
    ancestors = _ancestors(_edges(steps))
    depth: dict[str, int] = {}
    for name in sorted(ancestors, key=lambda name: len(ancestors[name])):
        depth[name] = 1 + max(
            (depth[each] for each in ancestors[name] if each in depth), default=-1
        )
    layers: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for step in steps:
        layers[depth[step.name]].append(step.name)
    return layers


def _boxes(layers: Sequence[Sequence[str]], layout: _Layout) -> dict[str, _Box]:
    along, across = (_HEIGHT, layout.width) if layout.downwards else (layout.width, _HEIGHT)
    widest = max(map(len, layers))
    boxes = {}
    for depth, layer in enumerate(layers):
        for place, name in enumerate(layer):
            side = _MARGIN + (place + (widest - len(layer)) / 2) * (across + _GAP)
            ahead = _MARGIN + depth * (along + _RUN)
            boxes[name] = _Box(side, ahead) if layout.downwards else _Box(ahead, side)
    return boxes


def _line(source: _Box, target: _Box, layout: _Layout) -> Html:
    if layout.downwards:
        x1, y1, x2, y2 = (
            source.x + layout.width / 2,
            source.y + _HEIGHT,
            target.x + layout.width / 2,
            target.y,
        )
        middle = (y1 + y2) / 2
        curve = f"M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2 - 6:g}"
        arrow = f"M{x2 - 4:g} {y2 - 7:g}L{x2:g} {y2:g}L{x2 + 4:g} {y2 - 7:g}Z"
    else:
        x1, y1, x2, y2 = (
            source.x + layout.width,
            source.y + _HEIGHT / 2,
            target.x,
            target.y + _HEIGHT / 2,
        )
        middle = (x1 + x2) / 2
        curve = f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2 - 6:g} {y2:g}"
        arrow = f"M{x2 - 7:g} {y2 - 4:g}L{x2:g} {y2:g}L{x2 - 7:g} {y2 + 4:g}Z"
    return join([element("path", d=curve, class_="edge"), element("path", d=arrow, class_="arrow")])


def _node(step: StepExecution, box: _Box, layout: _Layout) -> Html:
    state = state_of(step)
    shows_time = step.duration_seconds is not None and not layout.downwards
    took = f" · {duration(step.duration_seconds)}" if shows_time else ""
    name = step.name
    if len(name) > layout.max_name_characters:
        name = f"{name[: layout.max_name_characters - 1]}…"
    return element(
        "g",
        element("title", f"{step.name}: {word(state)}"),
        element("rect", width=layout.width, height=_HEIGHT, rx=8),
        element("text", name, x=10, y=21, class_="name"),
        element("text", f"{sign(state)} {word(state)}{took}", x=10, y=39),
        class_=f"node {css_class(state)}",
        transform=f"translate({box.x:g} {box.y:g})",
    )
