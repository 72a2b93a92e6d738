"""``payloads``: the sample payload that a pipeline ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.terminal import places
from commands.terminal.options import Folder, Json, print_json


def payloads(
    name: Folder,
    output: Annotated[
        Path | None, typer.Option(help="Write the archive (.tar.gz) that is shipped.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the sample requests that a pipeline ships.

    One for each content type, made from the declared variables.

    Examples:
        release payloads returns_risk
        release payloads returns_risk --output payload.tar.gz
    """
    from constructs_lib.release.payloads import payload_archive, sample_payloads

    config = places.load_configs(places.read_settings(), name).payload
    texts = {each: body.decode() for each, body in sample_payloads(config).items()}
    if output is not None:
        places.write_bytes(output, payload_archive(config))
    if as_json:
        print_json({"archive": output and str(output), "payloads": texts})
        return
    for member, text in texts.items():
        typer.echo(f"{member}\n  {text.strip()}")
    if output is not None:
        typer.echo(f"Wrote {output}")
