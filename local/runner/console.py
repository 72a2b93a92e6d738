"""Prints an execution's steps as they run: a line per change, on terminals and elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.text import Text

from constructs_lib.terminal.lines import print_fitted
from local.runner.records import Execution, ExecutionStatus, StepExecution, StepStatus, now

_STYLES: Final = {
    StepStatus.NOT_EXECUTED: "dim",
    StepStatus.EXECUTING: "cyan",
    StepStatus.SUCCEEDED: "green",
    StepStatus.FAILED: "bold red",
    StepStatus.STOPPED: "yellow",
}
_STATUS_WIDTH: Final = max(map(len, StepStatus))


@dataclass(frozen=True)
class ConsoleReporter:
    """An ``on_event`` of start_execution.

    Example:
        start_execution(name, {}, aws=aws, state_dir=folder, on_event=ConsoleReporter(Console()))
    """

    console: Console
    _shown: dict[str, tuple[StepStatus, str | None]] = field(default_factory=dict)

    def __call__(self, execution: Execution, step: StepExecution | None) -> None:
        """Print the change."""
        if step is None:
            self._print(_execution_line(execution), 0)
        elif step.status is not StepStatus.STARTING and self._shows(step):
            self._print(_step_line(execution, step), len(step.reason or ""))

    def _shows(self, step: StepExecution) -> bool:
        """Whether status or reason changed: other changes of a step are not printed."""
        before, shown = self._shown.get(step.name), (step.status, step.reason)
        self._shown[step.name] = shown
        return shown != before

    def _print(self, line: Text, reason_length: int) -> None:
        """Print a line; what does not fit goes on below its reason, or further left if long."""
        time = Text(f"{now().astimezone():%H:%M:%S}  ", style="dim")
        reason_at = len(time) + len(line) - reason_length
        is_short = reason_length <= 2 * (self.console.width - reason_at)
        print_fitted(self.console, time + line, hang=reason_at if is_short else len(time) + 2)


def _execution_line(execution: Execution) -> Text:
    text = f"Execution {execution.id} of {execution.pipeline_name}: {execution.status}"
    if execution.status is ExecutionStatus.EXECUTING:
        return Text(f"{text}, {len(execution.steps)} steps", style="bold")
    seconds = ((execution.end_time or now()) - execution.start_time).total_seconds()
    return Text(f"{text} after {seconds:.1f} s", style="bold")


def _step_line(execution: Execution, step: StepExecution) -> Text:
    width = max(len(other.name) for other in execution.steps)
    details = [
        "" if step.duration_seconds is None else f"{step.duration_seconds:.1f} s",
        "reused from " + step.cache_hit.rpartition("/")[2] if step.cache_hit else "",
        step.reason or "",
    ]
    return Text.assemble(
        f"{step.name:{width}}  ",
        (f"{step.status:{_STATUS_WIDTH}}", _STYLES[step.status]),
        "".join(f"  {detail}" for detail in details if detail),
    )
