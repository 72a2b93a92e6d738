"""``payloads``: the sample payload that a pipeline ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from commands.terminal import places
from commands.terminal.messages import say
from commands.terminal.options import Folder, Json, print_json
from constructs_lib.terminal.paths import shown_path

_MOST_LINES: Final = 10
_MOST_CHARACTERS: Final = 1_000
"""Of a line."""


def payloads(
    name: Folder,
    output: Annotated[
        Path | None, typer.Option(help="Write the archive (.tar.gz) that is shipped.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the sample requests that a pipeline ships.

    One for each content type, made from the declared variables; more where NUMERIC inputs have
    several values. Those in sample_requests_dir follow.

    Examples:
        release payloads returns_risk
        release payloads returns_risk --output payload.tar.gz
    """
    from constructs_lib.release.payloads import shipped_payload, shipped_requests

    configs = places.load_configs(places.read_settings(), name)
    requests = shipped_requests(configs)
    texts = {each: body.decode("utf-8", "backslashreplace") for each, body in requests.items()}
    if output is not None:
        places.write_bytes(output, shipped_payload(configs))
    if as_json:
        print_json({"archive": output and str(output), "payloads": texts})
        return
    for member, text in texts.items():
        typer.echo(f"{member}\n{_shown(text)}")
    if output is not None:
        say(f"Wrote {shown_path(output)}")


def _shown(text: str) -> str:
    """Indent the beginning of a request, without what would control the terminal."""
    from constructs_lib.jobs.common.texts import printable

    lines = text.strip().split("\n")
    shown = [f"  {printable(line[:_MOST_CHARACTERS].rstrip())}" for line in lines[:_MOST_LINES]]
    is_cut = len(lines) > _MOST_LINES or any(len(line) > _MOST_CHARACTERS for line in lines)
    return "\n".join([*shown, *(["  ... (--output writes all of it)"] if is_cut else [])])
