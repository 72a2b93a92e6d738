"""``status``: how an execution stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from commands.aws import Aws
from commands.executions import ExecutionState, read_state
from commands.exit_codes import ExitCode
from commands.options import ExecutionId, Json, Local, Pipeline, Profile, Region, print_json

if TYPE_CHECKING:
    from rich.console import Group

_STYLES: Final = {
    "Succeeded": "green",
    "Failed": "bold red",
    "Stopped": "yellow",
    "Executing": "cyan",
    "NotExecuted": "dim",
}
_POLL_SECONDS_EMBEDDED: Final = 0.5
_POLL_SECONDS: Final = 5.0


def status(
    pipeline: Pipeline,
    execution: ExecutionId = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay until the execution has ended.")
    ] = False,
    region: Region = None,
    local: Local = False,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Show an execution: its steps, their state, duration, reason and log.

    Exits with 1 when the execution failed or was stopped.
    """
    aws = Aws.chosen(local=local, profile=profile, region=region)
    state = read_state(aws, pipeline, execution)
    if watch:
        state = wait_for(aws, state, show=not as_json)
    if as_json:
        print_json(state.as_json())
    elif not watch:
        _print(state)
    raise typer.Exit(ExitCode.ERROR if state.status in {"Failed", "Stopped"} else ExitCode.DONE)


def wait_for(aws: Aws, state: ExecutionState, *, show: bool) -> ExecutionState:
    """Read an execution until it has ended; with ``show``, a live table on a terminal."""
    from rich.console import Console
    from rich.live import Live

    console = Console(quiet=not show)
    seconds = _POLL_SECONDS_EMBEDDED if aws.is_embedded else _POLL_SECONDS
    with Live(table(state), console=console, auto_refresh=False) as live:
        while not state.has_ended:
            time.sleep(seconds)
            state = read_state(aws, state.pipeline, state.id)
            live.update(table(state), refresh=console.is_terminal)
        live.update(table(state))
    return state


def _print(state: ExecutionState) -> None:
    from rich.console import Console

    Console().print(table(state))


def table(state: ExecutionState) -> Group:
    """Draw an execution."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = Text(f"Execution {state.id} of {state.pipeline}: {state.status}", style="bold")
    steps = Table("step", "state", "duration", "reason", box=box.SIMPLE_HEAD)
    for step in state.steps:
        duration = "" if step.duration_in_second is None else f"{step.duration_in_second:.1f} s"
        state_text = Text(step.status, style=_STYLES.get(step.status, ""))
        steps.add_row(step.name, state_text, duration, Text(step.reason or ""))
    logs = [
        Text(f"{step.name}: {step.log}", overflow="fold", no_wrap=False)
        for step in state.steps
        if step.log
    ]
    return Group(title, steps, *([Text("Logs", style="bold"), *logs] if logs else []))
