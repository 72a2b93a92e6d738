"""Who serves what, as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from commands.terminal.tables import plain_table, state_text
from constructs_lib.endpoints.state import ServedState

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

_NONE: Final = "-"


def show_states(states: Iterable[ServedState]) -> None:
    """Print the endpoints of pipelines, a table for each."""
    from rich.console import Console

    Console().print(endpoints_table(states))


def endpoints_table(states: Iterable[ServedState]) -> Group:
    """Draw the endpoints of pipelines, with a line below for each that a person has to look at."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for (pipeline, endpoint), found in groupby(states, lambda each: (each.pipeline, each.endpoint)):
        of_pipeline = list(found)
        table = plain_table("region", "", "status", "ver", "since", "instances", numbers=("ver",))
        for each in of_pipeline:
            table.add_row(
                each.region_code,
                each.aws_region if each.aws_region != each.region_code else "",
                state_text(each.status),
                _version(each),
                _since(each.since),
                _instances(each),
            )
        if parts:
            parts.append("")
        parts += [Text(f"{pipeline}: endpoint {endpoint}", style="bold"), table]
        parts += [Text(f"{name}: {config}") for config, name in _configurations(of_pipeline)]
        parts += [Text(text, style="yellow") for text in _remarks(pipeline, of_pipeline)]
    return Group(*parts)


def _configurations(states: list[ServedState]) -> Iterator[tuple[str, str]]:
    """Yield each configuration with the regions that have it: mostly one for all of them."""
    regions: defaultdict[str, list[str]] = defaultdict(list)
    for each in states:
        if each.endpoint_config_name:
            regions[each.endpoint_config_name].append(each.region_code)
    for config, names in regions.items():
        yield config, f"configuration of {', '.join(names)}"


def _version(state: ServedState) -> str:
    if state.version is None:
        return "?" if state.exists else _NONE
    return str(state.version)


def _since(moment: str | None) -> str:
    return moment[len("2026-") : 16].replace("T", " ") if moment else _NONE


def _instances(state: ServedState) -> str:
    if state.instance_type is None:
        return _NONE
    count, desired = state.instance_count, state.desired_count
    changing = f" of {desired}" if count != desired and desired is not None else ""
    return f"{count if count is not None else '?'}{changing} {state.instance_type}"


def _remarks(pipeline: str, states: list[ServedState]) -> Iterator[str]:
    """Say what a person has to look at, and what to do."""
    for each in states:
        if each.failure_reason:
            yield f"{each.region_code}: {each.failure_reason}"
        if each.changed_by_hand and each.exists:
            yield (
                f"{each.region_code}: not as it was deployed. The configuration was changed by"
                f" hand; to replace it: release deploy {pipeline} --overwrite"
            )
        if each.approval_status == "Rejected":
            yield (
                f"{each.region_code}: serves version {each.version}, which is rejected. To go back:"
                f" release rollback {pipeline}"
            )
    others = [each.region_code for each in states if each.differs]
    if others and any(each.exists for each in states):
        yield f"{', '.join(others)}: serves something else than the others, or nothing"
