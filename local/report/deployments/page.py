"""The page about a deployment, and the record that it is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from constructs_lib.endpoints.deployment import DeploymentExecution, deployment_of
from constructs_lib.endpoints.news import News, news_of
from constructs_lib.endpoints.watch import ended_words
from constructs_lib.endpoints.workflow import AwsClients
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.paths import shown_path
from local.report.deployments.colours import colour_of, mark_of
from local.report.deployments.measuring import measure
from local.report.deployments.over_time import ServedSpan, spans_of
from local.report.deployments.traffic import traffic_of
from local.report.document import ReportSection, compose_document, write_document
from local.report.formats import code_of, duration, figure_of, number, time_of, value_of
from local.report.html import Html, element, join
from local.report.states import badge
from local.report.tables import named_values, table
from local.report.timeline import TimeScale

DEPLOYMENT_RECORD: Final = "deployment.json"
_REPORT_NAME: Final = "report.html"
_BADGES: Final = {"SUCCEEDED": "Succeeded", "RUNNING": "Executing", "ABORTED": "Stopped"}


class DeploymentRecordError(ReleaseError):
    """The record of a local deployment is missing or damaged."""


def write_deployment(
    folder: Path,
    description: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    clients: AwsClients | None = None,
) -> Path:
    """Record a deployment, and write the page about it.

    Args:
        folder: Where to; made if it is missing.
        description: Of the execution, as Step Functions gives it.
        events: Of the execution's history.
        clients: Of the AWS that it ran in, for what was measured there meanwhile.

    Returns:
        The page's path.

    Raises:
        OSError: It cannot be written.
    """
    known = {name: value for name, value in description.items() if name != "ResponseMetadata"}
    document: dict[str, Any] = {"execution": known, "events": events}
    if clients is not None:
        document["measured"] = measure(clients, deployment_of(description, events))
    record = json.dumps(document, indent=1, default=_text)
    folder.mkdir(parents=True, exist_ok=True)
    write_document(folder / DEPLOYMENT_RECORD, record)
    return write_deployment_report(folder)


def write_deployment_report(folder: Path) -> Path:
    """Write the page about a deployment from its record, over an earlier one.

    Raises:
        DeploymentRecordError: There is no record, or it is damaged.
        OSError: The page cannot be written.
    """
    path = folder / DEPLOYMENT_RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        deployment = deployment_of(
            _with_times(record["execution"], ("startDate", "stopDate")),
            [_with_times(event, ("timestamp",)) for event in record["events"]],
        )
        page = compose_deployment_page(deployment, record.get("measured", {}))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DeploymentRecordError(
            f"{shown_path(path)} is damaged, no record of a deployment ({type(error).__name__}:"
            f" {error}). Delete the folder {shown_path(folder)}; release endpoints tells who serves"
            " what."
        ) from error
    return write_document(folder / _REPORT_NAME, page)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _with_times(document: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    times = {name: datetime.fromisoformat(document[name]) for name in names if name in document}
    return {**document, **times}


def compose_deployment_page(deployment: DeploymentExecution, measured: Mapping[str, Any]) -> str:
    """Compose the page about a deployment, and about what was measured meanwhile."""
    name = str(deployment.settings.get("pipeline_name", ""))
    return compose_document(
        f"{name} {deployment.id}: {ended_words(deployment)}",
        _header(name, deployment),
        _sections(deployment, measured),
        "Deployment report of pytorch-model-release, from local records.",
    )


def _header(name: str, deployment: DeploymentExecution) -> Html:
    state = _BADGES.get(deployment.status, "Failed")
    version = deployment.version
    content = ((deployment.plan or {}).get("version") or {}).get("content")
    return element(
        "header",
        element("p", "Deployment report", class_="kicker"),
        element("h1", value_of(name), " ", badge(state)),
        deployment.failure and element("p", value_of(deployment.failure), class_="failure"),
        named_values(
            [
                ("Deployment", code_of(deployment.id)),
                ("Asked for", _asked_for(deployment)),
                ("Ended", value_of(ended_words(deployment))),
                ("Version", None if version is None else value_of(str(version))),
                ("Content", content and code_of(content)),
                ("By", code_of(deployment.request.get("requested_by", "not recorded"))),
                ("Started", time_of(deployment.start_time)),
                ("Took", duration(deployment.duration_in_second)),
            ]
        ),
    )


def _asked_for(deployment: DeploymentExecution) -> Html:
    version = deployment.request.get("version")
    return value_of(deployment.action if version is None else f"{deployment.action} {version}")


def _sections(
    deployment: DeploymentExecution, measured: Mapping[str, Any]
) -> Iterator[ReportSection]:
    waves = deployment.waves
    spans = {each["region_code"]: spans_of(deployment, each) for wave in waves for each in wave}
    scale = TimeScale(deployment.start_time, deployment.end_time)
    yield ReportSection("over-time", "Versions over time", _over_time(scale, spans))
    yield ReportSection("traffic", "Traffic", traffic_of(deployment, measured, spans, scale))
    yield ReportSection("waves", "Waves", _waves(waves, spans))
    yield ReportSection("answers", "Answers", _answers(deployment))
    yield ReportSection("events", "What happened", _events(deployment))
    yield ReportSection("settings", "Settings", _settings(deployment.settings))


def _over_time(scale: TimeScale, spans: Mapping[str, list[ServedSpan]]) -> Html:
    if not spans:
        return element("p", "No region was to be changed.")
    rows = [
        [value_of(code), _bar(scale, found), _in_words(scale, found)]
        for code, found in spans.items()
    ]
    return table(
        ["Region", "When", "What it served"],
        rows,
        caption="What each region served, from the begin of the deployment to its end",
        class_="served",
    )


def _bar(scale: TimeScale, spans: Sequence[ServedSpan]) -> Html:
    """Draw a bar for the eye; the next column tells the same in words."""
    parts = [element("rect", width="100%", height="100%", rx=3, class_="track")]
    parts += [
        scale.rect(each.start, each.end, class_=colour_of(each.kind))
        for each in spans
        if each.kind != "absent"
    ]
    return element("svg", *parts, class_="bar", aria_hidden="true")


def _in_words(scale: TimeScale, spans: Sequence[ServedSpan]) -> Html:
    lines = []
    for each in spans:
        after = duration(scale.after(each.start))
        told = (f"after {after}: ", value_of(each.words))
        lines.append(element("li", mark_of(each.kind), *told))
    return element("ol", *lines, class_="spans")


def _waves(
    waves: Sequence[Sequence[Mapping[str, Any]]], spans: Mapping[str, list[ServedSpan]]
) -> Html | None:
    if not waves:
        return None
    rows = [
        [
            f"{wave}",
            value_of(f"{each['region_code']} ({each['aws_region']})"),
            value_of(_version(each.get("former"))),
            value_of(spans[each["region_code"]][-1].words),
            code_of(each.get("model_package_arn") or "none"),
        ]
        for wave, targets in enumerate(waves, 1)
        for each in targets
    ]
    columns = ["Wave", "Region", "Before", "In the end", "Model package"]
    return table(columns, rows, caption="Regions by wave: those of one wave change side by side")


def _version(former: Mapping[str, Any] | None) -> str:
    version = (former or {}).get("version")
    return "no endpoint" if version is None else f"version {version}"


def _answers(deployment: DeploymentExecution) -> Html | None:
    tried = [each for each in deployment.tasks if each.action == "try" and each.end_time]
    if not tried:
        return None
    parts = []
    for task in tried:
        parts.append(element("h3", value_of(task.region)))
        if task.failure is not None:
            parts.append(element("p", value_of(task.failure), class_="failure"))
        answers = (task.outcome or {}).get("answers", [])
        if answers:
            parts.append(_answers_of(answers, str(task.region)))
    return join(parts)


def _answers_of(answers: Sequence[Mapping[str, Any]], region: str) -> Html:
    rows = [
        [
            code_of(each.get("payload", "")),
            value_of(str(each.get("status", ""))),
            figure_of(number(each.get("milliseconds"), "ms")),
            code_of(each.get("excerpt", "")),
        ]
        for each in answers
    ]
    columns = ["Sample request", "Answer", "Took", "What it answered"]
    return table(columns, rows, caption=f"The version's own sample requests, in {region}")


def _events(deployment: DeploymentExecution) -> Html:
    rows = [
        [
            figure_of(f"{each.time:%H:%M:%S}"),
            value_of(each.region or "all"),
            _what(each),
        ]
        for each in news_of(deployment)
    ]
    return table(["Time", "Region", "What"], rows, caption="In order, times as recorded")


def _what(news: News) -> Html:
    state = news.state and element("strong", value_of(news.state), " ")
    return join([state, value_of(news.text)])


def _settings(settings: Mapping[str, Any]) -> Html | None:
    if not settings:
        return None
    shown = {name: value for name, value in settings.items() if name not in {"waves"}}
    return named_values((name, code_of(value)) for name, value in shown.items())
