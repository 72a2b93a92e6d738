"""The steps over time: a table with a bar in each row, and what such bars are measured by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.report.formats import duration, figure_of, value_of
from local.report.html import Html, element, join
from local.report.states import badge, css_class, state_of
from local.report.tables import table
from local.runner.records import Execution, StepExecution

_LEAST_PERCENT: Final = 0.6
"""Of the width: what is drawn of a time that is next to none."""
_LEAST_SECONDS: Final = 0.001


@dataclass(frozen=True)
class TimeScale:
    """A time that takes the whole width of a picture."""

    start: datetime
    end: datetime | None
    """None for one that has no length yet."""

    @property
    def seconds(self) -> float:
        """Its length; never zero."""
        return max(self.after(self.end or self.start), _LEAST_SECONDS)

    def after(self, moment: datetime) -> float:
        """Return how many seconds after its start a moment is."""
        return (moment - self.start).total_seconds()

    def percent(self, seconds: float) -> float:
        """Return where a moment is, by its seconds after the start."""
        return min(max(100 * seconds / self.seconds, 0), 100)

    def rect(self, start: datetime, end: datetime, **attributes: Any) -> Html:
        """Draw a part of the time."""
        left = min(self.percent(self.after(start)), 100 - _LEAST_PERCENT)
        width = max(100 * (end - start).total_seconds() / self.seconds, _LEAST_PERCENT)
        return element(
            "rect",
            x=f"{left:.2f}%",
            width=f"{min(width, 100 - left):.2f}%",
            height="100%",
            **attributes,
        )


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
    return figure_of(f"{duration(step.duration_seconds)}{retries}")


def _bar(execution: Execution, step: StepExecution) -> Html:
    """Draw a bar for the eye; the table tells its length in the next column."""
    if step.start_time is None:
        return element("span", "did not start", class_="absent")
    end = max((each.end_time for each in execution.steps if each.end_time), default=step.start_time)
    end = max(end, execution.end_time or end)
    scale = TimeScale(execution.start_time, end)
    after = duration(max(scale.after(step.start_time), 0))
    label = element("span", f"starts after {after}", class_="spoken")
    bar = element(
        "svg",
        element("rect", width="100%", height="100%", rx=3, class_="track"),
        scale.rect(step.start_time, step.end_time or end, rx=3),
        class_=f"bar {css_class(state_of(step))}",
        aria_hidden="true",
    )
    return join([bar, label])
