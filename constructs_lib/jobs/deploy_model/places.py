"""The regions of a deployment as they are: what serves in each, and who wrote that down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .endpoints import EndpointState, endpoint_state, package_of
from .requests import configuration_request, model_request
from .versions import APPROVED, Version, described_version, versions
from .work import Work

NOTHING: Final = "none"
"""What metadata says where nothing served before."""


@dataclass(frozen=True)
class Place:
    """A region as it is: what serves there, and who wrote that down."""

    target: Mapping[str, Any]
    state: EndpointState | None
    live: Version | None
    """The version that serves, where the configuration is one of this app's."""
    kept: str | None = None
    """The configuration that a deployment which nobody saw the end of has replaced."""

    @property
    def is_unfinished(self) -> bool:
        """Whether a deployment began and was never recorded."""
        return self.state is not None and self.live is not None and self.kept is not None

    @property
    def is_known(self) -> bool:
        """Whether what serves is what was written down."""
        return self.state is None or (
            self.live is not None
            and (self.is_unfinished or self.live.is_recorded(self.state.configuration_name))
        )


def look_at(work: Work, target: Mapping[str, Any]) -> Place:
    """Look at a region: its endpoint, and the version that serves there."""
    state = endpoint_state(work, target)
    if state is None or not state.configuration_name:
        return Place(target, state, None)
    live = version_served_with(work, target, state.configuration_name)
    if live is None or not live.is_deploying(state.configuration_name):
        return Place(target, state, live)
    return Place(target, state, live, kept=live.metadata.get("deploying_after", NOTHING))


def version_served_with(
    work: Work, target: Mapping[str, Any], configuration_name: str
) -> Version | None:
    """Describe the version that a configuration serves; None where nobody can tell."""
    arn = package_of(work, target, configuration_name)
    return None if arn is None else described_version(work, target["aws_region"], arn)


def former_of(work: Work, place: Place, replaces: Version | None) -> dict[str, Any] | None:
    """Return what a failure returns to.

    Args:
        work: What to work with.
        place: The region.
        replaces: What is deployed, where an earlier deployment of it is unfinished somewhere: then
            a region that has it already returns to what served before, as the others do.
    """
    if place.state is None:
        return None
    name: str | None = place.state.configuration_name
    live = place.live
    if place.kept is not None:
        name = None if place.kept == NOTHING else place.kept
        arn = None if name is None else package_of(work, place.target, name)
    elif live is not None and replaces is not None and live.arn == replaces.arn:
        before = served_before(work, place)
        name = before.metadata["served_with"] if before else name
        arn = before.arn if before else live.arn
    else:
        arn = live.arn if live else None
    if name is None:
        return None
    number = None if arn is None else int(arn.rpartition("/")[2])
    return {"endpoint_config_name": name, "model_package_arn": arn, "version": number}


def served_before(work: Work, place: Place) -> Version | None:
    """Return the good version that served last before the one that serves; None without one."""
    region, group = place.target["aws_region"], place.target["model_package_group_name"]
    served = [
        each
        for each in versions(work, region, group, APPROVED)
        if {"served_until", "served_with"} <= each.metadata.keys()
        if "taken_back" not in each.metadata
        if place.live is None or each.arn != place.live.arn
    ]
    return max(served, key=lambda each: each.metadata["served_until"], default=None)


def serves_already(work: Work, place: Place, target: Mapping[str, Any]) -> bool:
    """Tell whether a region is as this execution would leave it."""
    live, state = place.live, place.state
    if live is None or state is None or live.arn != target["model_package_arn"]:
        return False
    wanted = target["endpoint_config_name"] or wanted_configuration(work, target)
    return state.serves(wanted) and live.is_recorded(wanted)


def wanted_configuration(work: Work, target: Mapping[str, Any]) -> str:
    """Return the name of the configuration that Prepare makes for a target."""
    placed = work.placed(target)
    model = model_request(work.settings, placed)["ModelName"]
    return str(configuration_request(work.settings, placed, model)["EndpointConfigName"])
