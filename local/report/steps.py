"""The section about the steps: reasons, retries, and what each consumed and produced."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from local.report.files import Item, consumed, produced
from local.report.formats import ABSENT, code_of, duration, size, time_of, value_of
from local.report.html import Html, element, join
from local.report.logs import embedded_log, link_to_log
from local.report.observations import Observations
from local.report.states import badge, css_class, state_of
from local.report.tables import named_values, table
from local.runner.records import Execution, StepExecution, StepStatus


def show_steps(execution: Execution, observations: Observations) -> Html:
    """Compose an article for each step."""
    return join(_step(execution, step, observations) for step in execution.steps)


def _step(execution: Execution, step: StepExecution, observations: Observations) -> Html:
    heading = element(
        "h3",
        value_of(step.name),
        " ",
        element("span", step.type, class_="kind"),
        " ",
        badge(state_of(step)),
    )
    return element(
        "article",
        heading,
        _facts(execution, step),
        _retries(step.retry_reasons),
        _items(f"{step.name} consumed", consumed(step), observations),
        _items(f"{step.name} produced", produced(step), observations),
        _arguments(step),
        embedded_log(execution, step),
        class_=f"step {css_class(state_of(step))}",
    )


def _facts(execution: Execution, step: StepExecution) -> Html:
    started = step.status is not StepStatus.NOT_EXECUTED
    why = "Not executed because" if not started else "Reason"
    return named_values(
        [
            (why, value_of(step.reason) if step.reason else None),
            ("Started", time_of(step.start_time) if started else None),
            ("Took", duration(step.duration_seconds) if started else None),
            ("Attempts", str(step.attempt_count) if step.attempt_count > 1 else None),
            ("Result reused from", code_of(step.cache_hit) if step.cache_hit else None),
            ("Waits for", value_of(", ".join(step.depends_on)) if step.depends_on else None),
            *_answers(step),
            ("Log", link_to_log(execution, step)),
        ]
    )


def _answers(step: StepExecution) -> Iterator[tuple[str, Html]]:
    """Yield what a function answered; the files that it names are under what it produced."""
    for name, value in step.properties.get("OutputParameters", {}).items():
        if value and not str(value).startswith("s3://"):
            yield name, value_of(str(value))


def _retries(reasons: Sequence[str]) -> Html | None:
    if not reasons:
        return None
    return join(
        [
            element("h4", "Retried after"),
            element("ol", *(element("li", value_of(reason)) for reason in reasons)),
        ]
    )


def _items(caption: str, items: Sequence[Item], observations: Observations) -> Html | None:
    if not items:
        return None
    return table(
        ["Name", "Where", "Size", "SHA-256"],
        [row for item in items for row in _rows(item, observations)],
        caption=caption,
        class_="items",
    )


def _rows(item: Item, observations: Observations) -> list[list[Html | str]]:
    name = value_of(item.name)
    files = observations.files.get(item.uri)
    if not files:
        absent = ABSENT if files is None else "nothing there"
        return [[name, code_of(item.uri), absent, ABSENT]]
    return [
        [name, code_of(file.uri), size(file.size_in_bytes), code_of(file.sha256)] for file in files
    ]


def _arguments(step: StepExecution) -> Html | None:
    if not step.arguments:
        return None
    text = json.dumps(step.arguments, indent=1, ensure_ascii=False)
    return element(
        "details",
        element("summary", f"Resolved arguments of {step.name}"),
        element("pre", value_of(text), tabindex="0"),
    )
