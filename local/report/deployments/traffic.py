"""Traffic per version over time, its latency against the limit, and when an alarm ended it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from constructs_lib.endpoints.deployment import DeploymentExecution
from local.report.deployments.colours import colour_of, mark_of
from local.report.deployments.over_time import Kind, ServedSpan
from local.report.formats import code_of, duration, number, value_of
from local.report.html import Child, Html, element, join
from local.report.tables import table
from local.report.timeline import TimeScale

_COLUMNS: Final = 100
"""At most, of the picture."""
_MICROSECONDS: Final = 1000.0
"""In a millisecond."""
_STACKED: Final[tuple[Kind, ...]] = ("former", "new")
"""From below."""
_REQUESTS_HEIGHT: Final = 72.0
_LATENCY_TOP: Final = 92.0
_LATENCY_HEIGHT: Final = 80.0
_HEIGHT: Final = _LATENCY_TOP + _LATENCY_HEIGHT + 4
_ROOM_ABOVE: Final = 1.15
_DOT: Final = 3.0

Points = list[tuple[float, float]]
"""Seconds after the deployment's begin, and a value."""


@dataclass(frozen=True)
class _Fleet:
    """What was measured of a version in a region."""

    kind: Kind
    name: str
    requests: Points
    errors: Points
    latency: Points
    """Milliseconds."""

    @property
    def total(self) -> float:
        return sum(value for _, value in self.requests)

    @property
    def slowest(self) -> float | None:
        return max((value for _, value in self.latency), default=None)


def traffic_of(
    deployment: DeploymentExecution,
    measured: Mapping[str, Any],
    spans: Mapping[str, Sequence[ServedSpan]],
    scale: TimeScale,
) -> Html | None:
    """Draw each region's traffic, and tell it in words; None where nothing was measured.

    Args:
        deployment: That has ended.
        measured: By region, see ``measuring``.
        spans: What each region served when.
        scale: The time of the deployment.
    """
    if not measured:
        return None
    return join(
        [
            _legend(deployment, measured),
            *(
                _region(deployment, code, each, spans.get(code, ()), scale)
                for code, each in measured.items()
            ),
            _alarm_table(scale, measured),
        ]
    )


def _region(
    deployment: DeploymentExecution,
    code: str,
    measured: Mapping[str, Any],
    spans: Sequence[ServedSpan],
    scale: TimeScale,
) -> Html:
    heading = element("h3", value_of(code))
    if "problem" in measured:
        return join([heading, element("p", "Not measured: ", value_of(measured["problem"]))])
    fleets = [_fleet(scale, each) for each in measured["fleets"]]
    if not any(fleet.requests for fleet in fleets):
        return join([heading, element("p", "Nobody asked.", class_="absent")])
    alarms = [_seconds(scale, trips[0]["time"]) for trips in _by_name(measured["alarms"])]
    again, limit = _again(scale, spans), _limit(deployment)
    return element(
        "figure",
        heading,
        element("figcaption", *_in_words(fleets, limit)),
        _picture(scale, fleets, limit, alarms, again),
        _axis(deployment, alarms, again),
        class_="traffic",
    )


def _fleet(scale: TimeScale, given: Mapping[str, Any]) -> _Fleet:
    version = given.get("version")
    latency = _points(scale, given.get("latency", []))
    return _Fleet(
        given["kind"],
        "another configuration" if version is None else f"version {version}",
        _points(scale, given.get("requests", [])),
        _points(scale, given.get("errors", [])),
        [(time, value / _MICROSECONDS) for time, value in latency],
    )


def _points(scale: TimeScale, given: Sequence[Sequence[Any]]) -> Points:
    return [(max(_seconds(scale, time), 0.0), float(value)) for time, value in given]


def _seconds(scale: TimeScale, time: str) -> float:
    return scale.after(datetime.fromisoformat(time))


def _limit(deployment: DeploymentExecution) -> float | None:
    limit: float | None = (deployment.settings.get("alarms") or {}).get("latency_milliseconds")
    return limit


def _again(scale: TimeScale, spans: Sequence[ServedSpan]) -> float | None:
    """Return when a region served its former version again, if it went back."""
    if len(spans) < 2 or spans[-1].kind != "former":
        return None
    return scale.after(spans[-1].start)


def _in_words(fleets: Sequence[_Fleet], limit: float | None) -> Iterator[Html]:
    for fleet in fleets:
        errors = sum(value for _, value in fleet.errors)
        told = f"{fleet.total:,.0f} requests"
        if errors:
            told += f", {errors:,.0f} failed"
        if fleet.slowest is not None:
            told += f", p99 latency {number(fleet.slowest, 'ms')} in its slowest minute"
        yield element(
            "span", mark_of(fleet.kind), value_of(f"{fleet.name}: {told}"), class_="fleet"
        )
    if limit is not None:
        yield element("span", f"limit: {number(limit, 'ms')}", class_="fleet")


def _legend(deployment: DeploymentExecution, measured: Mapping[str, Any]) -> Html:
    parts = ["Above: requests by the version that answered. Below: latency of the slowest 1 %"]
    if _limit(deployment) is not None:
        parts.append("the dashed line is the alarm's limit")
    if any(each.get("alarms") for each in measured.values()):
        parts.append("the red line is when an alarm tripped first")
    return element("p", f"{'; '.join(parts)}. Only requests that reached an endpoint count.")


def _picture(
    scale: TimeScale,
    fleets: Sequence[_Fleet],
    limit: float | None,
    alarms: Sequence[float],
    again: float | None,
) -> Html:
    parts = [
        element("rect", y=0, width="100%", height=_REQUESTS_HEIGHT, class_="track"),
        element("rect", y=_LATENCY_TOP, width="100%", height=_LATENCY_HEIGHT, class_="track"),
        *_requests(fleets, scale),
        *_latencies(fleets, limit, scale),
        *(_line(time, scale, "tripped") for time in alarms),
    ]
    if again is not None:
        parts.append(_line(again, scale, "again"))
    return element("svg", *parts, width="100%", height=_HEIGHT, aria_hidden="true")


def _requests(fleets: Sequence[_Fleet], scale: TimeScale) -> Iterator[Html]:
    columns: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for fleet in fleets:
        for time, value in fleet.requests:
            columns[_column(time, scale)][fleet.kind] += value
    most = max((sum(each.values()) for each in columns.values()), default=0) or 1
    for column, counts in sorted(columns.items()):
        bottom = _REQUESTS_HEIGHT
        for kind in _STACKED:
            height = counts.get(kind, 0) / most / _ROOM_ABOVE * _REQUESTS_HEIGHT
            if height:
                bottom -= height
                yield element(
                    "rect",
                    x=f"{100 * column / _COLUMNS:.2f}%",
                    width=f"{100 / _COLUMNS:.2f}%",
                    y=f"{bottom:.1f}",
                    height=f"{height:.1f}",
                    class_=colour_of(kind),
                )


def _latencies(fleets: Sequence[_Fleet], limit: float | None, scale: TimeScale) -> Iterator[Html]:
    most = max([*(fleet.slowest or 0 for fleet in fleets), limit or 0]) * _ROOM_ABOVE or 1

    def height_of(value: float) -> str:
        return f"{_LATENCY_TOP + _LATENCY_HEIGHT * (1 - value / most):.1f}"

    if limit is not None:
        y = height_of(limit)
        yield element("line", x1=0, x2="100%", y1=y, y2=y, class_="limit")
    for fleet in fleets:
        for time, value in fleet.latency:
            yield element(
                "circle",
                cx=f"{scale.percent(time):.2f}%",
                cy=height_of(value),
                r=_DOT,
                class_=colour_of(fleet.kind),
            )


def _line(time: float, scale: TimeScale, kind: str) -> Html:
    x = f"{scale.percent(time):.2f}%"
    return element("line", x1=x, x2=x, y1=0, y2=_HEIGHT, class_=kind)


def _column(time: float, scale: TimeScale) -> int:
    return min(int(time / scale.seconds * _COLUMNS), _COLUMNS - 1)


def _axis(deployment: DeploymentExecution, alarms: Sequence[float], again: float | None) -> Html:
    words: list[Child] = [element("span", "0 s")]
    words += [element("span", f"alarm after {duration(time)}", class_="tripped") for time in alarms]
    if again is not None:
        words.append(element("span", f"back after {duration(again)}", class_="again"))
    words.append(element("span", duration(deployment.duration_in_second)))
    return element("p", *words, class_="axis")


def _alarm_table(scale: TimeScale, measured: Mapping[str, Any]) -> Html | None:
    rows = [
        [
            value_of(code),
            code_of(trips[0]["name"]),
            f"after {duration(_seconds(scale, trips[0]['time']))}",
            value_of(_compared(trips[0])),
            f"{len(trips)} times" if len(trips) > 1 else "once",
        ]
        for code, each in measured.items()
        for trips in _by_name(each.get("alarms", ()))
    ]
    if not rows:
        return None
    columns = ["Region", "Alarm", "First", "What it saw", "Tripped"]
    return table(columns, rows, caption="Alarms that tripped, with what took them there")


def _by_name(alarms: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return what each alarm was tripped by, in the order of time."""
    trips: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for alarm in alarms:
        trips[alarm["name"]].append(alarm)
    return list(trips.values())


def _compared(alarm: Mapping[str, Any]) -> str:
    """Return an alarm's value against its limit, in the unit that its name tells."""
    values, threshold = alarm.get("values") or [], alarm.get("threshold")
    if not values or threshold is None:
        return str(alarm.get("reason", ""))
    worst = max(values)
    if alarm["name"].endswith("-latency"):
        worst, threshold, unit = worst / _MICROSECONDS, threshold / _MICROSECONDS, "ms"
    elif alarm["name"].endswith("-errors"):
        worst, threshold, unit = 100 * worst, 100 * threshold, "%"
    else:
        unit = ""
    return f"{number(worst, unit)}, limit {number(threshold, unit)}"
