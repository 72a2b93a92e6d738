"""``report``: the page about a local execution, a deployment or a replay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from commands.terminal import places
from commands.terminal.options import Json, print_json
from constructs_lib.terminal.paths import shown_path

_RECORD: Final = "execution.json"


def report(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder with the records of an execution, deployment or replay."),
    ],
    *,
    as_json: Json = False,
) -> None:
    """Write the page of a run, deployment or replay anew.

    One HTML file that needs nothing else. The commands run, demo, deploy and replay write it, too.

    Examples:
        release report .local/demo/executions/EXECUTION
    """
    from local.report import (
        DEPLOYMENT_RECORD,
        REPLAY_RECORD,
        write_deployment_report,
        write_replay_report,
        write_report,
    )

    writers = {
        _RECORD: write_report,
        DEPLOYMENT_RECORD: write_deployment_report,
        REPLAY_RECORD: write_replay_report,
    }
    write = next((each for name, each in writers.items() if (folder / name).is_file()), None)
    if write is None:
        raise places.OutputError(
            f"{shown_path(folder)} holds no record of an execution ({_RECORD}), of a deployment"
            f" ({DEPLOYMENT_RECORD}) or of a replay ({REPLAY_RECORD}). Give one of the folders that"
            f" run, demo, deploy and replay leave in {shown_path(places.STATE)}, such as"
            f" {shown_path(places.STATE)}/executions/EXECUTION."
        )
    try:
        page = shown_path(write(folder))
    except OSError as error:
        raise places.OutputError(
            f"Cannot write the report of {shown_path(folder)}: {error.strerror}."
        ) from error
    if as_json:
        print_json({"report": str(page)})
    else:
        typer.echo(f"Wrote {page}")
