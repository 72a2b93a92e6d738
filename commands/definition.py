"""``definition``: prints what a pipeline compiles to."""

from __future__ import annotations

from commands import places
from commands.options import Folder, NoCache, print_json


def definition(name: Folder, *, no_cache: NoCache = False) -> None:
    """Print a pipeline's compiled definition (JSON), deploy-time values as ${Name}."""
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.pipelines_folder import config_path

    settings = places.read_settings()
    configs = PipelineConfigs.load(config_path(places.pipelines_folder(settings), name))
    with places.compilation({name: configs}, settings, no_cache=no_cache) as compiled:
        print_json(compiled[name].pipeline.definition)
