"""Where the steps of a graph stand: in rows, crossings few, neighbours near."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from constructs_lib.graph.dag import Dag, Edge

_SWEEPS: Final = 60
_WIDTH_PER_CHARACTER: Final = 8.8
"""Of the names' font, in pixels: wide enough for most letters."""
_PADDING: Final = 42
_LEAST_WIDTH: Final = 132
_GAP: Final = 28
_WAYPOINT_WIDTH: Final = 12


@dataclass(frozen=True)
class Layout:
    """Centres in pixels, from the left; rows from the top.

    Turned by a quarter, it is one from left to right: rows are columns, and widths are heights.
    """

    rows: tuple[tuple[str, ...], ...]
    """Names of steps, and of the points by which long edges pass a row."""
    centres: Mapping[str, float]
    widths: Mapping[str, float]
    ways: Mapping[Edge, tuple[str, ...]]
    """The step or waypoint of each row that an edge passes, from its source to its target."""

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The index of the row in which each step or waypoint stands."""
        return {name: index for index, row in enumerate(self.rows) for name in row}

    @property
    def width(self) -> float:
        """Of the whole picture, without margins."""
        return max(self.centres[name] + self.widths[name] / 2 for name in self.centres)


def lay_out(dag: Dag, *, width: float | None = None, gap: float = _GAP) -> Layout:
    """Place the steps of a reduced graph. The same graph always gives the same layout.

    Args:
        dag: What to place.
        width: Of every step, in pixels; by default as wide as its name.
        gap: Between steps side by side, in pixels.
    """
    rows = dag.layers()
    depth = {name: index for index, row in enumerate(rows) for name in row}
    ways = {edge: _way(edge, depth, rows) for edge in dag.edges}
    links = [link for way in ways.values() for link in pairwise(way)]
    names = {step.name for step in dag.steps}
    widths = {
        name: (width or _width_of(name)) if name in names else _WAYPOINT_WIDTH
        for row in rows
        for name in row
    }
    ordered = _ordered(rows, links)
    centres = _centres(ordered, links, widths, gap)
    return Layout(tuple(map(tuple, ordered)), centres, widths, ways)


def _width_of(name: str) -> float:
    return max(_LEAST_WIDTH, len(name) * _WIDTH_PER_CHARACTER + _PADDING)


def _way(edge: Edge, depth: Mapping[str, int], rows: list[list[str]]) -> tuple[str, ...]:
    """Add a waypoint to each row that the edge passes."""
    passed = range(depth[edge.source] + 1, depth[edge.target])
    # "/" is in no step's name, so that no step has the waypoint's.
    points = [f"{edge.source}/{edge.target}/{index}" for index in passed]
    for index, point in zip(passed, points, strict=True):
        rows[index].append(point)
    return (edge.source, *points, edge.target)


def _ordered(rows: Sequence[Sequence[str]], links: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Order each row by where its neighbours stand, downwards and upwards; keep the best."""
    best = current = [list(row) for row in rows]
    fewest = _crossings(best, links)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        current = _swept(current, links, downwards=sweep % 2 == 0)
        crossings = _crossings(current, links)
        if crossings < fewest:
            best, fewest = current, crossings
    return best


def _swept(
    rows: Sequence[Sequence[str]], links: Sequence[tuple[str, str]], *, downwards: bool
) -> list[list[str]]:
    neighbours: dict[str, list[str]] = {}
    for upper, lower in links:
        near, far = (upper, lower) if downwards else (lower, upper)
        neighbours.setdefault(far, []).append(near)
    result = [list(row) for row in rows]
    order = range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1)
    for index in order:
        fixed = result[index - 1 if downwards else index + 1]
        place = {name: position for position, name in enumerate(fixed)}
        known = {
            name: [place[other] for other in neighbours.get(name, [])] for name in result[index]
        }
        own = {name: position for position, name in enumerate(result[index])}
        result[index].sort(
            key=lambda name: sum(known[name]) / len(known[name]) if known[name] else own[name]
        )
    return result


def _crossings(rows: Sequence[Sequence[str]], links: Sequence[tuple[str, str]]) -> int:
    place = {name: (row, position) for row, names in enumerate(rows)
             for position, name in enumerate(names)}  # fmt: skip
    ends: list[list[tuple[int, int]]] = [[] for _ in rows]
    for upper, lower in links:
        row, position = place[upper]
        ends[row].append((position, place[lower][1]))
    return sum(map(_inversions, ends))


def _inversions(ends: Sequence[tuple[int, int]]) -> int:
    """Count the links between two rows that cross: pairs whose lower ends stand the other way.

    Pair by pair, a few thousand links would take a minute.
    """
    passed: list[int] = []
    count = 0
    for _, lower in sorted(ends):
        count += len(passed) - bisect_right(passed, lower)
        insort(passed, lower)
    return count


def _centres(
    rows: Sequence[Sequence[str]],
    links: Sequence[tuple[str, str]],
    widths: Mapping[str, float],
    gap: float,
) -> dict[str, float]:
    """Move each step towards the middle of its neighbours, as far as the row's order allows."""
    below: dict[str, list[str]] = {}
    around: dict[str, list[str]] = {}
    for upper, lower in links:
        below.setdefault(upper, []).append(lower)
        around.setdefault(upper, []).append(lower)
        around.setdefault(lower, []).append(upper)
    centres = {name: 0.0 for row in rows for name in row}
    for row in rows:
        centres |= _spread(row, centres, widths, gap)
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            centres |= _spread(row, _middles(row, around, centres), widths, gap)
    for row in reversed(rows):  # straightens chains of steps below their last branch
        centres |= _spread(row, _middles(row, below, centres), widths, gap)
    left = min(centres[name] - widths[name] / 2 for name in centres)
    return {name: centre - left for name, centre in centres.items()}


def _middles(
    row: Sequence[str], neighbours: Mapping[str, Sequence[str]], centres: Mapping[str, float]
) -> dict[str, float]:
    """Find the middle of each one's neighbours; where it is for one that has none."""
    return {
        name: sum(centres[other] for other in near) / len(near)
        if (near := neighbours.get(name))
        else centres[name]
        for name in row
    }


def _spread(
    row: Sequence[str], wanted: Mapping[str, float], widths: Mapping[str, float], gap: float
) -> dict[str, float]:
    """Come as near as possible to the wanted centres (least squares) without overlaps."""
    offsets, offset = [], 0.0
    for index, name in enumerate(row):
        if index:
            offset += (widths[row[index - 1]] + widths[name]) / 2 + gap
        offsets.append(offset)
    # Less its offset, each position has to be at least the one before it. This is isotonic
    # regression, solved by pooling neighbours that violate the order into their average.
    pools: list[tuple[float, int]] = []
    for name, offset in zip(row, offsets, strict=True):
        pools.append((wanted[name] - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (first, count), (second, more) = pools.pop(-2), pools.pop()
            pools.append(((first * count + second * more) / (count + more), count + more))
    starts = [start for start, count in pools for _ in range(count)]
    return {name: start + offset for name, start, offset in zip(row, starts, offsets, strict=True)}
