"""The page as a whole, and where it is written."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from local.report.comparison import show_comparison
from local.report.evaluation import Evaluation, find_evaluation, versions_told
from local.report.formats import code_of, duration, time_of, value_of
from local.report.graph import draw_graph
from local.report.html import Html, element, join
from local.report.logs import link_to_log, tail_of_log, warnings_in_log
from local.report.observations import Observations, read_observations
from local.report.packages import show_packages
from local.report.states import badge
from local.report.steps import show_steps
from local.report.tables import named_values, table
from local.report.timeline import draw_timeline
from local.report.verification import show_verification
from local.runner.records import Execution, ExecutionStatus, StepStatus, read_execution

REPORT_NAME: Final = "report.html"
_STYLE_PATH: Final = Path(__file__).with_name("style.css")


class _ReportSection(NamedTuple):
    id: str
    title: str
    content: Html | None


def write_report(execution_folder: Path) -> Path:
    """Write the report of an execution from its records, over an earlier one.

    Args:
        execution_folder: Holds ``execution.json``.

    Returns:
        The report's path.

    Raises:
        ExecutionRecordError: There is no record, or it is damaged.
    """
    execution = read_execution(execution_folder)
    page = compose_page(execution, read_observations(execution_folder))
    path = execution_folder / REPORT_NAME
    temporary = path.with_suffix(".tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
    return path


def compose_page(execution: Execution, observations: Observations) -> str:
    """Compose the page."""
    sections = [each for each in _sections(execution, observations) if each.content is not None]
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        _header(execution),
        element(
            "nav",
            *(element("a", each.title, href=f"#{each.id}") for each in sections),
            aria_label="Sections",
        ),
        element("main", *map(_section, sections), id="content", tabindex="-1"),
        element("footer", element("p", "Run report of pytorch-model-release, from local records.")),
    )
    return f"<!DOCTYPE html>\n{element('html', _head(execution), body, lang='en', dir='ltr')}\n"


def _head(execution: Execution) -> Html:
    style = _STYLE_PATH.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"{execution.pipeline_name} {execution.id}: {execution.status}"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Html(style)),
    )


def _header(execution: Execution) -> Html:
    end = execution.end_time
    took = (end - execution.start_time).total_seconds() if end else None
    return element(
        "header",
        element("p", "Run report", class_="kicker"),
        element("h1", value_of(execution.pipeline_name), " ", badge(execution.status)),
        _failure(execution),
        named_values(
            [
                ("Execution", code_of(execution.id)),
                ("Started", time_of(execution.start_time)),
                ("Took", duration(took)),
                ("ARN", code_of(execution.arn)),
            ]
        ),
    )


def _failure(execution: Execution) -> Html | None:
    step = execution.failed_step
    if step is None:
        if execution.status is not ExecutionStatus.STOPPED:
            return None
        return element("p", "The execution was stopped before its end.", class_="failure")
    log = link_to_log(execution, step)
    return element(
        "p",
        element("strong", "Step ", value_of(step.name), " failed: "),
        value_of(step.reason or "no reason was recorded"),
        join([element("br"), "Log: ", log]) if log else None,
        class_="failure",
    )


def _section(section: _ReportSection) -> Html:
    title_id = f"{section.id}-title"
    return element(
        "section",
        element("h2", section.title, id=title_id),
        section.content,
        id=section.id,
        aria_labelledby=title_id,
    )


def _sections(execution: Execution, observations: Observations) -> Iterator[_ReportSection]:
    evaluation = find_evaluation(execution.steps)
    warnings = list(_warnings(execution, observations, evaluation and evaluation[1]))
    yield _ReportSection("failed-logs", "Logs of failed steps", _failed_logs(execution))
    if any(step.depends_on for step in execution.steps):
        yield _ReportSection("graph", "Graph", draw_graph(execution.steps))
    yield _ReportSection("timeline", "Timeline", draw_timeline(execution))
    yield _ReportSection("warnings", "Warnings", _list(warnings) if warnings else None)
    yield _ReportSection(
        "verification",
        "Verification",
        _verification(execution, *evaluation)
        if evaluation
        else element("p", _WITHOUT_VERIFICATION),
    )
    yield _ReportSection("packages", "Registered packages", show_packages(observations.packages))
    yield _ReportSection("steps", "Steps", show_steps(execution, observations))
    yield _ReportSection("parameters", "Parameters", _parameters(execution))
    yield _ReportSection("environment", "Environment", _environment(observations, evaluation))


def _verification(execution: Execution, step: str, evaluation: Evaluation | str) -> Html:
    if isinstance(evaluation, str):
        return show_verification(step, evaluation)
    versions = versions_told(execution.step(step), evaluation)
    shown = show_verification(step, evaluation, versions)
    return join([shown, show_comparison(execution, evaluation)])


_WITHOUT_VERIFICATION: Final = (
    "No step of this execution left an evaluation: the pipeline does not verify its model, or did"
    " not come so far."
)


def _failed_logs(execution: Execution) -> Html | None:
    failed = [step for step in execution.steps if step.status is StepStatus.FAILED]
    tails = [(step, tail_of_log(execution, step)) for step in failed]
    shown = [
        join(
            [
                element("h3", value_of(step.name)),
                element("p", "The end of ", link_to_log(execution, step), ":"),
                element("pre", element("bdi", tail), class_="tail", tabindex="0"),
            ]
        )
        for step, tail in tails
        if tail
    ]
    return join(shown) if shown else None


def _warnings(
    execution: Execution, observations: Observations, evaluation: Evaluation | str | None
) -> Iterator[str]:
    yield from observations.problems
    for step in execution.steps:
        for reason in step.retry_reasons:
            yield f"{step.name} was retried after: {reason}"
    if isinstance(evaluation, Evaluation):
        for finding in evaluation.findings:
            if finding.severity == "warning":
                yield f"{finding.code}: {finding.message} {finding.fix}".rstrip()
    for step in execution.steps:
        for line in warnings_in_log(execution, step):
            yield f"{step.name}: {line}"


def _list(texts: list[str]) -> Html:
    return element("ul", *(element("li", value_of(text)) for text in texts))


def _parameters(execution: Execution) -> Html:
    if not execution.parameters:
        return element("p", "The pipeline has no parameters.")
    rows = [
        [
            code_of(name),
            code_of(value),
            "given" if name in execution.given_parameters else "default",
        ]
        for name, value in execution.parameters.items()
    ]
    return table(["Parameter", "Value", "From"], rows, caption="Values of this execution")


def _environment(
    observations: Observations, evaluation: tuple[str, Evaluation | str] | None
) -> Html:
    here = named_values((name, code_of(text)) for name, text in observations.versions.items())
    parts = [element("h3", "Ran the execution"), here if observations.versions else None]
    if not observations.versions:
        parts.append(element("p", "Not recorded."))
    if evaluation and isinstance(evaluation[1], Evaluation):
        ran = evaluation[1].environment
        versions = {"Python": ran.python, "platform": ran.platform, **ran.packages}
        parts += [
            element("h3", "Ran the verification"),
            named_values((name, code_of(text)) for name, text in versions.items() if text),
        ]
    return join(parts)
