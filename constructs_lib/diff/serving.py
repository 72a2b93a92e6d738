"""What changes for the endpoints of pipelines: which instances serve where, and what they cost.

A deployed workflow holds the settings of its pipeline's deployments, which are read out of the
templates on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from constructs_lib.diff.changes import Change, ServingDiff
from constructs_lib.endpoints.costs import EndpointCost
from constructs_lib.language.canonical import canonical

Template: TypeAlias = Mapping[str, Any]
Settings: TypeAlias = Mapping[str, Any]

_STATE_MACHINE: Final = "AWS::StepFunctions::StateMachine"
_UNKNOWN: Final = "(known when deployed)"
_TOLD_APART: Final = frozenset(
    {"waves", "instance_type", "instance_count", "autoscaling", "pipeline_name", "schema_version"}
)
"""Told as instances, waves and cost, or by the name of the pipeline."""


def compare_serving(old: Mapping[str, Template], new: Mapping[str, Template]) -> list[ServingDiff]:
    """Compare the serving of each pipeline that has or had endpoints.

    Args:
        old: The earlier templates, by the name of their stack.
        new: The later ones.

    Returns:
        Those with something to tell.
    """
    before, after = _served(old), _served(new)
    names = [*after, *(name for name in before if name not in after)]
    diffs = (_compare(name, before.get(name), after.get(name)) for name in names)
    return [diff for diff in diffs if diff.changes]


def _served(templates: Mapping[str, Template]) -> dict[str, Settings]:
    """Find the settings of each served pipeline, by its name."""
    found = [
        settings
        for template in templates.values()
        for resource in (template.get("Resources") or {}).values()
        if resource["Type"] == _STATE_MACHINE
        and (settings := _settings(resource["Properties"].get("DefinitionString"))) is not None
    ]
    return {str(settings["pipeline_name"]): settings for settings in found}


def _settings(definition: Any) -> Settings | None:
    """Read the settings in a definition, of which CloudFormation fills in some texts."""
    if isinstance(definition, Mapping) and "Fn::Join" in definition:
        parts = definition["Fn::Join"][1]
        definition = "".join(each if isinstance(each, str) else _UNKNOWN for each in parts)
    if not isinstance(definition, str):
        return None
    document = json.loads(definition)
    first = document["States"][document["StartAt"]]
    settings: Settings | None = first.get("Parameters", {}).get("settings")
    return settings


def _compare(name: str, old: Settings | None, new: Settings | None) -> ServingDiff:
    if new is None:
        gone = Change(path="", what="endpoints", before=_instances(old))
        return ServingDiff(name=name, status="removed", changes=(gone, *_cost(old, None)))
    if old is None:
        come = Change(path="", what="endpoints", after=_instances(new))
        waves = Change(path="waves", what="waves", after=_waves(new))
        return ServingDiff(name=name, status="added", changes=(come, waves, *_cost(None, new)))
    changes = (*_differences(old, new), *_cost(old, new))
    return ServingDiff(name=name, status="changed", changes=changes)


def _differences(old: Settings, new: Settings) -> Iterator[Change]:
    for what, words in {"endpoints": _instances, "waves": _waves}.items():
        if words(old) != words(new):
            yield Change(path=what, what=what, before=words(old), after=words(new))
    for key in dict.fromkeys([*new, *old]):
        before, after = (_shown(side.get(key)) for side in (old, new))
        if key not in _TOLD_APART and before != after:
            yield Change(path=key, what=key.replace("_", " "), before=before, after=after)


def _shown(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else canonical(value)


def _instances(settings: Settings | None) -> str | None:
    return None if settings is None else EndpointCost.of(settings).instances


def _waves(settings: Settings) -> str:
    waves = ([str(each["region_code"]) for each in wave] for wave in settings["waves"])
    return ", then ".join(" with ".join(wave) for wave in waves)


def _cost(old: Settings | None, new: Settings | None) -> Iterator[Change]:
    costs = [None if side is None else EndpointCost.of(side) for side in (old, new)]
    told = {
        "endpoints, a month": [None if each is None else each.monthly for each in costs],
        "a deployment": [None if each is None else each.per_deployment for each in costs],
    }
    for what, (before, after) in told.items():
        if before != after:
            yield Change(path="", what=what, before=before, after=after)
