"""``status``: how an execution stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from commands.executions import read_state
from commands.executions.states import ExecutionState, StepState
from commands.terminal.aws import Aws
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.exit_codes import ExitCode
from commands.terminal.options import ExecutionId, Pipeline, print_json
from constructs_lib.terminal.lines import print_fitted

if TYPE_CHECKING:
    from rich.console import Console, Group

_POLL_SECONDS_EMBEDDED: Final = 0.5
_POLL_SECONDS: Final = 5.0
_LONGEST_WORD: Final = 24
"""That the column of reasons has room for at 80 columns."""
_BELOW: Final = "see below"
_NEWS: Final = frozenset({"Executing", "Failed"})
"""States of steps whose log is worth a look while the execution runs."""


@with_aws_options
def status(
    pipeline: Pipeline,
    execution: ExecutionId = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay until the execution has ended.")
    ] = False,
    options: AwsOptions,
) -> None:
    """Show an execution: steps, durations, reasons, logs.

    Exits with 1 when the execution failed or was stopped.

    Examples:
        release status returns-risk
        release status returns-risk --watch --local
    """
    aws = options.aws()
    state = read_state(aws, pipeline, execution)
    if watch and not state.has_ended:
        state = wait_for(aws, state, show=not options.as_json)
    elif not options.as_json:
        _print(state)
    if options.as_json:
        print_json(state.as_json())
    raise typer.Exit(ExitCode.ERROR if state.status in {"Failed", "Stopped"} else ExitCode.DONE)


def end_when_ended(aws: Aws, state: ExecutionState, *, as_json: bool) -> NoReturn:
    """Wait until an execution has ended, tell how, and exit with 1 unless it succeeded."""
    state = wait_for(aws, state, show=not as_json)
    if as_json:
        print_json(state.as_json())
    raise typer.Exit(ExitCode.DONE if state.status == "Succeeded" else ExitCode.ERROR)


def wait_for(aws: Aws, state: ExecutionState, *, show: bool) -> ExecutionState:
    """Read an execution until it has ended; with ``show``, a live table on a terminal."""
    from rich.console import Console
    from rich.live import Live

    console = Console(quiet=not show)
    seconds = _POLL_SECONDS_EMBEDDED if aws.is_embedded else _POLL_SECONDS
    with Live(table(state), console=console, auto_refresh=False) as live:
        while not state.has_ended:
            live.update(table(state), refresh=console.is_terminal)
            time.sleep(seconds)
            state = read_state(aws, state.pipeline, state.arn)
        live.update(table(state))
    _print_long(state, console)
    return state


def _print(state: ExecutionState) -> None:
    from rich.console import Console

    console = Console()
    console.print(table(state))
    _print_long(state, console)


def _print_long(state: ExecutionState, console: Console) -> None:
    """Print reasons with long words, and where logs are, each on a line of its own.

    A table would break a path in two, and a link would be none that can be clicked.
    """
    from rich.text import Text

    steps = state.steps
    reasons = {step.name: step.reason or "" for step in steps if not _fits(step.reason or "")}
    logs = {step.name: step.log for step in steps if step.log}
    for title, texts in {"Reasons": reasons, "Logs": logs}.items():
        if texts:
            console.print(f"\n{title}", style="bold")
        width = max(map(len, texts), default=0)
        for name, text in texts.items():
            print_fitted(console, Text(f"{name:{width}}  {text}"), hang=width + 2)


def table(state: ExecutionState) -> Group:
    """Draw an execution and its steps; while it runs, also where to look at what is running."""
    from rich.console import Group
    from rich.text import Text

    from commands.terminal.tables import STYLES, plain_table, state_text

    title = Text.assemble(
        (f"Execution {state.id} of {state.pipeline}: ", "bold"),
        (state.status, STYLES.get(state.status, "bold")),
        f", {shown_seconds(state.duration_in_second)}",
    )
    steps = plain_table("step", "state", "duration", "reason", numbers=("duration",))
    for step in state.steps:
        waits = step.status == "NotExecuted" and not step.reason and not state.has_ended
        steps.add_row(
            Text(step.name, style=_link(step)),
            state_text("waiting" if waits else step.status),
            shown_seconds(step.duration_in_second),
            Text(reason if _fits(reason := step.reason or "") else _BELOW),
        )
    running = [] if state.has_ended else [step for step in state.steps if step.status in _NEWS]
    logs = [Text(f"\n{step.name}: {step.log}", _link(step)) for step in running if step.log]
    return Group(title, "", steps, *logs)


def _fits(reason: str) -> bool:
    return max(map(len, reason.split()), default=0) <= _LONGEST_WORD


def _link(step: StepState) -> str:
    """Return a style that opens the log when it is clicked, in terminals that can."""
    is_url = step.log is not None and step.log.startswith("https://")
    return f"link {step.log}" if is_url else ""


def shown_seconds(seconds: float | None) -> str:
    """Write a duration: ``5.1 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
