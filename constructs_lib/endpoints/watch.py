"""Follows a deployment: a line for each thing that happens, until it has ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from constructs_lib.endpoints.deployment import (
    DeploymentExecution,
    deployment_of,
    read_execution_history,
)
from constructs_lib.endpoints.news import News, news_of
from constructs_lib.terminal.lines import print_fitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

_STATE_WIDTH: Final = len("being removed")
_STYLES: Final = {
    "updating": "cyan",
    "serving": "green",
    "answering": "green",
    "going back": "yellow",
    "back": "yellow",
    "again": "yellow",
}
_ENDS: Final = {
    "deployed": "Deployed",
    "rolled_back": "Rolled back",
    "undeployed": "Undeployed",
    "unchanged": "Nothing to change",
    "superseded": "Superseded by a later deployment",
}


def follow(
    states: Any,
    arn: str,
    console: Console,
    *,
    poll_seconds: float,
    record: Callable[[dict[str, Any], list[dict[str, Any]]], None] | None = None,
) -> DeploymentExecution:
    """Read an execution until it has ended, and print what happens.

    Args:
        states: A client of Step Functions in the home region.
        arn: The execution's ARN.
        console: Where to print.
        poll_seconds: How long to wait before it is read again.
        record: Is given the description and the events when it has ended.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    told = 0
    events: list[dict[str, Any]] = []
    while True:
        description, events = read_execution_history(states, arn, events)
        deployment = deployment_of(description, events)
        width = max((len(code) for code in _codes(deployment)), default=0)
        for news in news_of(deployment)[told:]:
            _print(console, news, width)
            told += 1
        if deployment.has_ended:
            break
        time.sleep(poll_seconds)
    if record is not None:
        record(description, events)
    _print_end(console, deployment)
    return deployment


def ended_words(deployment: DeploymentExecution) -> str:
    """Say in words how a deployment has ended."""
    if not deployment.has_succeeded:
        return "Failed" if deployment.status == "FAILED" else deployment.status.capitalize()
    status = str((deployment.output or {}).get("status", ""))
    version = f": version {deployment.version}" if status in {"deployed", "rolled_back"} else ""
    return f"{_ENDS.get(status, status)}{version}"


def _codes(deployment: DeploymentExecution) -> list[str]:
    waves = deployment.settings.get("waves", [])
    return [str(each["region_code"]) for wave in waves for each in wave]


def _print(console: Console, news: News, width: int) -> None:
    from rich.text import Text

    time_text = (f"{news.time.astimezone():%H:%M:%S}  ", "dim")
    if not news.region:
        style = "bold red" if news.is_bad else "bold"
        print_fitted(console, Text.assemble(time_text, (news.text, style)), hang=10)
        return
    style = "bold red" if news.is_bad else _STYLES.get(news.state, "")
    name = f"{news.region:{width}}  "
    state = (f"{news.state:{_STATE_WIDTH}}  " if news.text else news.state, style)
    hang = 10 + len(name) + _STATE_WIDTH + 2
    print_fitted(console, Text.assemble(time_text, name, state, news.text), hang=hang)


def _print_end(console: Console, deployment: DeploymentExecution) -> None:
    from rich.text import Text

    end = deployment.end_time or deployment.start_time
    style = "bold green" if deployment.has_succeeded else "bold red"
    words = f"{ended_words(deployment)}, after {deployment.duration_in_second or 0:.1f} s"
    time_text = (f"{end.astimezone():%H:%M:%S}  ", "dim")
    print_fitted(console, Text.assemble(time_text, (words, style)), hang=10)
