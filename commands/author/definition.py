"""``definition``: prints what a pipeline compiles to."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.terminal import places
from commands.terminal.options import Environment, Folder, NoCache, print_json

_AlwaysJson = Annotated[
    bool, typer.Option("--json", help="It is JSON in any case: for scripts that always say so.")
]


def definition(
    name: Folder,
    *,
    no_cache: NoCache = False,
    environment: Environment = None,  # noqa: ARG001  # its callback chooses the settings
    as_json: _AlwaysJson = False,  # noqa: ARG001  # there is no other form
) -> None:
    """Print a pipeline's compiled definition (JSON).

    What is known only when it is deployed stands in it as ${Name}.

    Examples:
        release definition returns_risk
    """
    settings = places.read_settings()
    configs = places.load_configs(settings, name)
    with places.compilation({name: configs}, settings, no_cache=no_cache) as compiled:
        print_json(compiled[name].pipeline.definition)
