"""The page as a whole, and where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local.report.comparison import show_comparison
from local.report.document import ReportSection, compose_document, write_document
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
    return write_document(execution_folder / REPORT_NAME, page)


def compose_page(execution: Execution, observations: Observations) -> str:
    """Compose the page."""
    return compose_document(
        f"{execution.pipeline_name} {execution.id}: {execution.status}",
        _header(execution),
        _sections(execution, observations),
        "Run report of pytorch-model-release, from local records.",
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


def _sections(execution: Execution, observations: Observations) -> Iterator[ReportSection]:
    evaluation = find_evaluation(execution.steps)
    warnings = list(_warnings(execution, observations, evaluation and evaluation[1]))
    yield ReportSection("failed-logs", "Logs of failed steps", _failed_logs(execution))
    if any(step.depends_on for step in execution.steps):
        yield ReportSection("graph", "Graph", draw_graph(execution.steps))
    yield ReportSection("timeline", "Timeline", draw_timeline(execution))
    yield ReportSection("warnings", "Warnings", _list(warnings) if warnings else None)
    yield ReportSection(
        "verification",
        "Verification",
        _verification(execution, *evaluation)
        if evaluation
        else element("p", _WITHOUT_VERIFICATION),
    )
    yield ReportSection("packages", "Registered packages", show_packages(observations.packages))
    yield ReportSection("steps", "Steps", show_steps(execution, observations))
    yield ReportSection("parameters", "Parameters", _parameters(execution))
    yield ReportSection("environment", "Environment", _environment(observations, evaluation))


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
