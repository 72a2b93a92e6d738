"""Tables on the terminal, all of one look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

STYLES: Final = {
    "Succeeded": "green",
    "Failed": "bold red",
    "Stopped": "yellow",
    "Executing": "cyan",
    "NotExecuted": "dim",
    "waiting": "dim",
    "Approved": "green",
    "Rejected": "bold red",
    "Pending": "yellow",
    "InService": "green",
    "Creating": "cyan",
    "Updating": "cyan",
    "RollingBack": "yellow",
    "UpdateRollbackFailed": "bold red",
    "OutOfService": "bold red",
    "ok": "green",
    "warning": "yellow",
    "PROBLEM": "bold red",
    "not checked": "yellow",
}
"""How a state is written."""


def plain_table(*columns: str, numbers: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> Table:
    """Make a table without frames, two blanks between columns.

    Args:
        columns: Their titles.
        numbers: Titles of the columns to align at the right.
        whole: Titles of the columns that stay on one line; others get narrower for them.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in numbers else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name in whole)
    return table


def state_text(state: str) -> Text:
    """Write a state in its colour."""
    from rich.text import Text

    return Text(state, style=STYLES.get(state, ""), no_wrap=True)
