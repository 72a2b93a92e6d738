"""Draws a graph as SVG: no other program, light and dark, readable by screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import Final

from constructs_lib.graph.dag import Dag, Edge, GraphStep
from constructs_lib.graph.layout import Layout, lay_out

_MARGIN: Final = 24
_NODE_HEIGHT: Final = 52
_ROW_HEIGHT: Final = 108
_ARROW: Final = 7

_COLOURS: Final = {
    "Condition": ("#b45309", "#fbbf24"),
    "Fail": ("#b91c1c", "#f87171"),
    "Lambda": ("#c2410c", "#fb923c"),
    "Model": ("#0f766e", "#2dd4bf"),
    "Processing": ("#1d4ed8", "#60a5fa"),
    "RegisterModel": ("#15803d", "#4ade80"),
    "Training": ("#7e22ce", "#c084fc"),
}
"""Of a step type's mark, on light and on dark; the type is also written."""

_LIGHT: Final = """
.pipeline-graph .paper{fill:#fff}
.pipeline-graph .box{fill:#f8fafc;stroke:#94a3b8;stroke-width:1.25}
.pipeline-graph .name{fill:#0f172a;font:600 14px system-ui,'Segoe UI',Helvetica,Arial,sans-serif}
.pipeline-graph .type{fill:#475569;font:12px system-ui,'Segoe UI',Helvetica,Arial,sans-serif}
.pipeline-graph .edge{fill:none;stroke:#64748b;stroke-width:1.5}
.pipeline-graph .head{fill:#64748b}
.pipeline-graph .outcome{fill:#475569;font:600 12px system-ui,'Segoe UI',Arial,sans-serif;\
stroke:#fff;stroke-width:5px;paint-order:stroke}
"""
_DARK: Final = """
.pipeline-graph .paper{fill:#0d1117}
.pipeline-graph .box{fill:#1e293b;stroke:#64748b}
.pipeline-graph .name{fill:#f1f5f9}
.pipeline-graph .type{fill:#cbd5e1}
.pipeline-graph .edge{stroke:#94a3b8}
.pipeline-graph .head{fill:#94a3b8}
.pipeline-graph .outcome{fill:#cbd5e1;stroke:#0d1117}
"""


def svg(dag: Dag, *, title: str, id_prefix: str = "graph") -> str:
    """Draw a graph from top to bottom; edges that others imply are left out.

    Args:
        dag: What to draw.
        title: Name of the picture, usually the pipeline's.
        id_prefix: Begins the ids in the SVG, so that several fit into one HTML page.

    Returns:
        An ``<svg>`` element, the same for the same graph.
    """
    reduced = dag.reduced()
    layout = lay_out(reduced)
    width = round(layout.width + 2 * _MARGIN)
    height = (len(layout.rows) - 1) * _ROW_HEIGHT + _NODE_HEIGHT + 2 * _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="pipeline-graph" width="{width}"'
            f' height="{height}" viewBox="0 0 {width} {height}" role="img"'
            f' aria-labelledby="{id_prefix}-title {id_prefix}-desc">',
            f'<title id="{id_prefix}-title">{escape(title)}</title>',
            f'<desc id="{id_prefix}-desc">{escape(_description(reduced))}</desc>',
            f"<style>{_style()}</style>",
            f'<rect class="paper" width="{width}" height="{height}" rx="10"/>',
            *(line for edge in reduced.edges for line in _edge(edge, layout)),
            *(line for step in reduced.steps for line in _step(step, layout)),
            "</svg>\n",
        ]
    )


def _description(dag: Dag) -> str:
    """Say what the picture shows, for those who do not see it."""
    waits: dict[str, list[str]] = {step.name: [] for step in dag.steps}
    for edge in dag.edges:
        waits[edge.target].append(f"{edge.source}{f' ({edge.label})' if edge.label else ''}")
    return " ".join(
        f"{step.name}, {step.type},"
        f" {'after ' + ' and '.join(waits[step.name]) if waits[step.name] else 'starts'}."
        for step in dag.steps
    )


def _style() -> str:
    marks = [
        "".join(
            f".pipeline-graph .{kind}{{fill:{colours[theme]}}}\n"
            for kind, colours in _COLOURS.items()
        )
        for theme in (0, 1)
    ]
    dark = f"@media (prefers-color-scheme:dark){{{_DARK}{marks[1]}}}"
    return f"{_LIGHT}.pipeline-graph .mark{{fill:#64748b}}\n{marks[0]}{dark}\n"


def _step(step: GraphStep, layout: Layout) -> Iterator[str]:
    centre, top = _position(step.name, layout)
    width = layout.widths[step.name]
    left = centre - width / 2
    yield f'<g class="step" data-step="{escape(step.name)}">'
    yield f"<title>{escape(f'{step.name}: {step.type}')}</title>"
    yield _rectangle("box", left, top, width, 26 if step.type == "Condition" else 8)
    mark = f"mark {escape(step.type)}"
    yield f'<circle class="{mark}" cx="{left + 16:.1f}" cy="{top + 20:.1f}" r="4.5"/>'
    yield f'<text class="name" x="{left + 28:.1f}" y="{top + 25:.1f}">{escape(step.name)}</text>'
    yield f'<text class="type" x="{left + 28:.1f}" y="{top + 41:.1f}">{escape(step.type)}</text>'
    yield "</g>"


def _rectangle(kind: str, left: float, top: float, width: float, radius: int) -> str:
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}"'
        f' height="{_NODE_HEIGHT}" rx="{radius}"/>'
    )


def _position(name: str, layout: Layout) -> tuple[float, float]:
    return layout.centres[name] + _MARGIN, _MARGIN + layout.row_of[name] * _ROW_HEIGHT


def _edge(edge: Edge, layout: Layout) -> Iterator[str]:
    places = [_position(name, layout) for name in layout.ways[edge]]
    path = f"M{places[0][0]:.1f} {places[0][1] + _NODE_HEIGHT}"
    for index, ((x, top), (next_x, next_top)) in enumerate(pairwise(places)):
        start = top + _NODE_HEIGHT
        last = index == len(places) - 2
        end = next_top - (_ARROW if last else 0)
        middle = (start + end) / 2
        path += f" C{x:.1f} {middle:.1f} {next_x:.1f} {middle:.1f} {next_x:.1f} {end:.1f}"
        if not last:
            path += f" V{next_top + _NODE_HEIGHT}"
    x, y = places[-1]
    yield f'<path class="edge" d="{path}"/>'
    yield f'<path class="head" d="M{x:.1f} {y} l-5 -9 h10z"/>'
    if edge.label:
        # Near the target: close to their condition, the labels of its edges would overlap.
        (from_x, _), (to_x, to_top) = places[-2], places[-1]
        label_x = from_x + (to_x - from_x) * 0.8
        yield (
            f'<text class="outcome" text-anchor="middle" x="{label_x:.1f}"'
            f' y="{to_top - 16}">{edge.label}</text>'
        )
