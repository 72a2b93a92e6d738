"""``report``: the page about a local execution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from commands.terminal import places
from commands.terminal.options import Json, print_json

_RECORD: Final = "execution.json"


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a local execution's records.")],
    *,
    as_json: Json = False,
) -> None:
    """Write the page about a local execution again.

    One HTML file that needs nothing else. The commands run and demo write it, too.

    Examples:
        release report .local/demo/executions/EXECUTION
    """
    from local.report import write_report

    if not (folder / _RECORD).is_file():
        raise places.OutputError(
            f"{folder} holds no record of an execution ({_RECORD}). Give one of the folders that"
            f" run and demo leave in {places.shown(places.STATE)}, such as"
            f" {places.shown(places.STATE)}/executions/EXECUTION."
        )
    try:
        page = places.shown(write_report(folder))
    except OSError as error:
        raise places.OutputError(
            f"Cannot write the report of {folder}: {error.strerror}."
        ) from error
    if as_json:
        print_json({"report": str(page)})
    else:
        typer.echo(f"Wrote {page}")
