"""``report``: the page about a local execution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands import places


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a local execution's records.")],
) -> None:
    """Write a local execution's report again: one HTML page that needs nothing else."""
    from local.report import write_report

    typer.echo(f"Wrote {places.shown(write_report(folder))}")
