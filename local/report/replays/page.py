"""The page about a replay, and the record that it is made of: what ``--json`` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.paths import shown_path
from local.report.document import ReportSection, compose_document, write_document
from local.report.formats import ABSENT, code_of, figure_of, number, time_of, value_of
from local.report.html import Html, element, join
from local.report.states import badge
from local.report.tables import count_bar, named_values, table

REPLAY_RECORD: Final = "replay.json"
_REPORT_NAME: Final = "report.html"
_QUANTILES: Final = {"p50": "Median", "p99": "p99", "max": "Slowest"}


class ReplayRecordError(ReleaseError):
    """The record of a replay is missing or damaged."""


def write_replay(folder: Path, document: Mapping[str, Any]) -> Path:
    """Record a replay, and write the page about it.

    Args:
        folder: Where to; made if it is missing.
        document: What ``release replay --json`` prints.

    Returns:
        The page's path.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_document(folder / REPLAY_RECORD, json.dumps(document, indent=1))
    return write_replay_report(folder)


def write_replay_report(folder: Path) -> Path:
    """Write the page about a replay from its record, over an earlier one.

    Raises:
        ReplayRecordError: There is no record, or it is damaged.
        OSError: The page cannot be written.
    """
    path = folder / REPLAY_RECORD
    try:
        page = compose_replay_page(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReplayRecordError(
            f"{shown_path(path)} is damaged, no record of a replay ({type(error).__name__}:"
            f" {error}). Delete the folder {shown_path(folder)}, and replay again."
        ) from error
    return write_document(folder / _REPORT_NAME, page)


def compose_replay_page(replay: Mapping[str, Any]) -> str:
    """Compose the page about a replay."""
    name = str(replay["pipeline"])
    before, after = replay["against"]["version"], replay["version"]["version"]
    end = "agree" if replay["agree"] else "differ"
    return compose_document(
        f"{name}: versions {before} and {after} {end}",
        _header(name, replay),
        _sections(replay),
        "Replay report of pytorch-model-release, from local records.",
    )


def _header(name: str, replay: Mapping[str, Any]) -> Html:
    before, after, requests = replay["against"], replay["version"], replay["requests"]
    return element(
        "header",
        element("p", "Replay report", class_="kicker"),
        element(
            "h1",
            value_of(name),
            " ",
            badge("agree" if replay["agree"] else "differ"),
        ),
        None if replay["agree"] else element("p", _failure(replay), class_="failure"),
        named_values(
            [
                ("Version", _version(after)),
                ("Against", _version(before)),
                ("Region", code_of(replay["region"])),
                ("Requests", value_of(f"{requests['sent']:,} sent, from {requests['from']}")),
                ("Agree", value_of(f"{requests['agreeing']:,}")),
                ("Differ", value_of(f"{requests['differing']:,}")),
                ("Replayed", time_of(datetime.fromisoformat(replay["time"]))),
                ("Replay", code_of(replay["id"])),
                ("Judged", value_of(replay["judged"])),
            ]
        ),
    )


def _failure(replay: Mapping[str, Any]) -> str:
    requests = replay["requests"]
    told = (
        f"Version {replay['version']['version']} answers {requests['differing']:,} of"
        f" {requests['sent']:,} requests otherwise than version {replay['against']['version']}."
    )
    if requests["not_sent"]:
        told += (
            f" {requests['not_sent']:,} requests were not sent: the last one before them was never"
            " answered."
        )
    return told


def _version(version: Mapping[str, Any]) -> Html:
    words = [str(version["version"]), version["approval_status"], version.get("why")]
    return value_of(", ".join(each for each in words if each))


def _sections(replay: Mapping[str, Any]) -> Iterator[ReportSection]:
    fields = replay["fields"]
    shown = join([_by_neither(replay["requests"]), _fields(fields)])
    yield ReportSection("fields", "Fields", shown)
    yield ReportSection("sizes", "Sizes", _sizes(fields))
    yield ReportSection("differences", "Differences", _differences(replay))
    yield ReportSection("latency", "Latency", _latency(replay))
    yield ReportSection("versions", "Versions", _versions(replay))
    yield ReportSection("tolerances", "Tolerances", _tolerances(replay["tolerances"]))


def _by_neither(requests: Mapping[str, Any]) -> Html | None:
    count = requests["failing_in_both"]
    if not count:
        return None
    told = f"Neither version answered {count:,} of the requests, such as: "
    return element("p", told, value_of(requests["first_failure"]))


def _fields(fields: Sequence[Mapping[str, Any]]) -> Html:
    if not fields:
        return element("p", "Nothing was compared.")
    rows = [
        [
            code_of(each["name"]),
            figure_of(f"{each['value_count']:,}"),
            figure_of(f"{each['differing_count']:,}"),
            _size(each["absolute_difference"], "p50"),
            _size(each["absolute_difference"], "p99"),
            _size(each["absolute_difference"], "max"),
            figure_of(_share(each["largest_relative_difference"])),
        ]
        for each in fields
    ]
    columns = ["Field", "Values", "Differ", "Median", "p99", "Largest", "Of the value"]
    caption = (
        "Values by field; how many differ by more than the tolerance, and absolute differences of"
        " all numbers"
    )
    return table(columns, rows, caption=caption)


def _size(sizes: Mapping[str, float] | None, name: str) -> Html:
    return figure_of(ABSENT if sizes is None else f"{sizes[name]:.3g}")


def _share(share: float | None) -> str:
    return ABSENT if share is None else f"{share:.2%}"


def _sizes(fields: Sequence[Mapping[str, Any]]) -> Html | None:
    """Show how large the differences are, a histogram for each field."""
    parts = []
    for each in fields:
        counts = each["relative_differences"]
        if not counts:
            continue
        most = max(bucket["count"] for bucket in counts)
        rows = [
            [
                _upper(bucket["up_to"]),
                count_bar(bucket["count"], most),
                f"{bucket['count']:,}",
                figure_of(f"{bucket['count'] / each['value_count']:.1%}"),
            ]
            for bucket in counts
        ]
        caption = "Values that differ, by how much of the value before"
        columns = ["Up to", "Values", "Count", "Of all"]
        parts += [
            element("h3", code_of(each["name"])),
            table(columns, rows, caption=caption, class_="histogram"),
        ]
    return join(parts) if parts else None


def _upper(bound: float | None) -> str:
    return "more" if bound is None else f"{bound * 100:g} %"


def _differences(replay: Mapping[str, Any]) -> Html | None:
    rows = [
        [
            code_of(each["path"]),
            _where(each),
            code_of(each["before"]),
            code_of(each["after"]),
            figure_of(ABSENT if each["size"] is None else f"{each['size']:.3g}"),
        ]
        for compared in replay["fields"]
        for each in compared["examples"]
    ]
    if not rows:
        return None
    before, after = replay["against"]["version"], replay["version"]["version"]
    columns = ["Field", "Request", f"Version {before}", f"Version {after}", "Difference"]
    return table(columns, rows, caption="The largest ones of each field, at most twenty")


def _where(difference: Mapping[str, Any]) -> Html:
    record = difference["record"]
    inside = "" if record is None else f", record {record}"
    return value_of(f"{difference['request']}{inside}")


def _latency(replay: Mapping[str, Any]) -> Html:
    latencies = replay["latency_in_millisecond"]
    before, after = latencies["against"], latencies["version"]
    if before is None or after is None:
        return element("p", "No request was answered by both versions.")
    rows = [
        [
            title,
            figure_of(number(before[name], "ms")),
            figure_of(number(after[name], "ms")),
            figure_of(_change(before[name], after[name])),
        ]
        for name, title in _QUANTILES.items()
    ]
    columns = [
        "Latency",
        *(f"Version {replay[each]['version']}" for each in ("against", "version")),
        "Change",
    ]
    caption = (
        "Of requests that both answered, one after the other on this machine; now one version was"
        " first and now the other"
    )
    return table(columns, rows, caption=caption)


def _change(before: float, after: float) -> str:
    return f"{(after - before) / before:+.0%}" if before else ABSENT


def _versions(replay: Mapping[str, Any]) -> Html:
    rows = [
        [
            str(each["version"]),
            value_of(each["approval_status"]),
            code_of(each["artifact_sha256"]),
            code_of(each["arn"]),
        ]
        for each in (replay["against"], replay["version"])
    ]
    columns = ["Version", "Approval", "SHA-256", "Model package"]
    return table(columns, rows, caption="What was asked; the artifacts are those registered")


def _tolerances(tolerances: Mapping[str, Mapping[str, float]]) -> Html:
    others = "all others" if len(tolerances) > 1 else "all"
    rows = [
        [
            code_of(name) if name != "default" else others,
            figure_of(f"{each['absolute']:g}"),
            figure_of(f"{each['relative']:g}"),
        ]
        for name, each in tolerances.items()
    ]
    caption = "A number agrees within absolute + relative x the value before"
    return table(["Field", "Absolute", "Relative"], rows, caption=caption)
