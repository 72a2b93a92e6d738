"""The steps over time: a table with a bar in each row."""

from __future__ import annotations

from local.report.formats import duration, value_of
from local.report.html import Html, element, join
from local.report.states import badge, css_class, state_of
from local.report.tables import table
from local.runner.records import Execution, StepExecution

_LEAST_PERCENT = 0.6


def draw_timeline(execution: Execution) -> Html:
    """Draw the timeline."""
    return table(
        ["Step", "State", "When", "Took"],
        [
            [value_of(step.name), badge(state_of(step)), _bar(execution, step), _took(step)]
            for step in execution.steps
        ],
        caption="When each step ran, from the start of the execution to its end",
        class_="timeline",
    )


def _took(step: StepExecution) -> Html:
    retries = f", {step.attempt_count} attempts" if step.attempt_count > 1 else ""
    return element("span", f"{duration(step.duration_seconds)}{retries}", class_="number")


def _bar(execution: Execution, step: StepExecution) -> Html:
    """Draw a bar for the eye; the table tells its length in the next column."""
    if step.start_time is None:
        return element("span", "did not start", class_="absent")
    end = max((each.end_time for each in execution.steps if each.end_time), default=step.start_time)
    end = max(end, execution.end_time or end)
    total = max((end - execution.start_time).total_seconds(), 0.001)
    offset = (step.start_time - execution.start_time).total_seconds()
    left = min(max(100 * offset / total, 0), 100 - _LEAST_PERCENT)
    share = 100 * ((step.end_time or end) - step.start_time).total_seconds() / total
    width = min(max(share, _LEAST_PERCENT), 100 - left)
    label = element("span", f"starts after {duration(max(offset, 0))}", class_="spoken")
    bar = element(
        "svg",
        element("rect", width="100%", height="100%", rx=3, class_="track"),
        element("rect", x=f"{left:.2f}%", width=f"{width:.2f}%", height="100%", rx=3),
        class_=f"bar {css_class(state_of(step))}",
        aria_hidden="true",
    )
    return join([bar, label])
