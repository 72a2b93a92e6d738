"""``definition``: prints what a pipeline compiles to."""

from __future__ import annotations

from commands import places
from commands.options import Folder, NoCache, print_json


def definition(name: Folder, *, no_cache: NoCache = False) -> None:
    """Print a pipeline's compiled definition (JSON), deploy-time values as ${Name}."""
    settings = places.read_settings()
    configs = places.load_configs(settings, name)
    with places.compilation({name: configs}, settings, no_cache=no_cache) as compiled:
        print_json(compiled[name].pipeline.definition)
