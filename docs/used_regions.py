"""Regions and name of an app, for what documents calculate: the example's, or this app's.

python -m docs.costs          writes the document, with the regions of the example
python -m docs.costs --app    prints the tables with the regions that this app uses
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from constructs_lib.configs import PipelineConfigs
from constructs_lib.configs.folder import load_pipelines
from constructs_lib.regions import RegionCode
from constructs_lib.settings import Settings, read_context
from docs.writing import ROOT
from tests.example_pipeline import CONFIG


@dataclass(frozen=True)
class UsedRegions:
    """Where an app has stacks."""

    home: RegionCode
    registered: tuple[RegionCode, ...]
    """Where models are registered, home among them or not; in the order of the stacks."""
    app_name: str
    """What the names of the app's stacks and resources begin with."""

    @property
    def others(self) -> tuple[RegionCode, ...]:
        """Where models are registered, but for home: they have a key and a bucket each."""
        return tuple(each for each in self.registered if each != self.home)

    @property
    def all(self) -> tuple[RegionCode, ...]:
        """Home, and the others."""
        return self.home, *self.others

    @classmethod
    def of(cls, settings: Settings, pipelines: Iterable[PipelineConfigs]) -> Self:
        """Return the regions that settings and configs name."""
        codes = [code for each in pipelines for code in each.registration.regions]
        registered = tuple(settings.region_names.ordered(codes))
        return cls(settings.home_code, registered, settings.app_name)

    @classmethod
    def of_this_app(cls) -> Self:
        """Return the regions that ``cdk.json`` and the pipelines' configs name.

        Raises:
            ReleaseError: One of them is wrong.
        """
        settings = Settings.from_context(read_context(ROOT / "cdk.json").get)
        folder = ROOT / settings.pipelines_dir
        return cls.of(settings, load_pipelines(folder, settings.region_names).values())


EXAMPLE: Final = UsedRegions.of(Settings(), [PipelineConfigs.load(CONFIG)])


def wants_this_app(description: str | None, arguments: Sequence[str] | None) -> bool:
    """Read the arguments of a program that writes a document.

    Args:
        description: What it does.
        arguments: Those given, by default those of the command line.

    Returns:
        Whether it is about this app, and not about the example.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--app", action="store_true", help="of this app: its regions and name")
    return bool(parser.parse_args(arguments).app)
