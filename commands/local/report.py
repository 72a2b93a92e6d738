"""``report``: the page about a local execution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from commands.terminal import places
from commands.terminal.options import Json, print_json
from constructs_lib.terminal.paths import shown_path

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
            f"{shown_path(folder)} holds no record of an execution ({_RECORD}). Give one of"
            f" the folders that run and demo leave in {shown_path(places.STATE)}, such as"
            f" {shown_path(places.STATE)}/executions/EXECUTION."
        )
    try:
        page = shown_path(write_report(folder))
    except OSError as error:
        raise places.OutputError(
            f"Cannot write the report of {shown_path(folder)}: {error.strerror}."
        ) from error
    if as_json:
        print_json({"report": str(page)})
    else:
        typer.echo(f"Wrote {page}")
