"""Which steps run anew because what their cached results were made from has changed.

SageMaker reuses the result of an earlier run of a step whose attributes, with all references
resolved, are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from constructs_lib.diff.leaves import by_name, list_name
from constructs_lib.diff.steps import FlatStep
from constructs_lib.language.caching import KEY_ATTRIBUTES, is_cached
from constructs_lib.language.canonical import canonical
from constructs_lib.language.references import property_keys
from constructs_lib.language.variables import variables_in


@dataclass(frozen=True)
class Side:
    """What the cache keys of one definition depend on."""

    steps: Mapping[str, FlatStep]
    defaults: Mapping[str, Any]
    """Default of each parameter."""
    values: Mapping[str, Any]
    """Value of each ``${Name}``."""


def cache_verdict(old: Side, new: Side, before: FlatStep | None, after: FlatStep) -> str | None:
    """Tell what becomes of a step's cached results; ``None`` when nothing does.

    Args:
        old: The earlier definition, its renamed steps under their new names.
        new: The later definition.
        before: The step in the earlier one, under its earlier name.
        after: The step in the later one.
    """
    if not is_cached(after.content):
        return "no longer cached: runs every time" if before and is_cached(before.content) else None
    if before is None:
        return "cached from its first run on"
    if not is_cached(before.content):
        return "cached from now on"
    if before.name != after.name:
        return "runs anew once: results are kept by step name"
    keys = [_signature(step, side, ()) for step, side in ((before, old), (after, new))]
    changed = [name for name in keys[1] | keys[0] if keys[0].get(name) != keys[1].get(name)]
    if not changed:
        return None
    return f"runs anew once: {_reason(changed, before, after)}"


def _reason(changed: list[str], before: FlatStep, after: FlatStep) -> str:
    own = [
        name
        for name in changed
        if canonical(before.arguments.get(name)) != canonical(after.arguments.get(name))
    ]
    if own:
        return f"{', '.join(own)} changed"
    return f"what {', '.join(changed)} refers to changed"


def _signature(step: FlatStep, side: Side, seen: tuple[str, ...]) -> dict[str, str]:
    # Of other types all arguments are taken to decide.
    names = KEY_ATTRIBUTES.get(step.type, tuple(step.arguments))
    return {
        name: canonical(_resolved(step.arguments[name], side, (*seen, step.name)))
        for name in names
        if name in step.arguments
    }


def _resolved(value: Any, side: Side, seen: tuple[str, ...]) -> Any:
    """Replace each reference by something that changes when what it refers to changes."""
    match value:
        case {"Get": str(reference)} if len(value) == 1:
            return _target(reference, side, seen)
        case dict():
            return {key: _resolved(member, side, seen) for key, member in value.items()}
        case list():
            return [_resolved(item, side, seen) for item in value]
        case str() if names := variables_in(value):
            return [value, {name: side.values.get(name) for name in names}]
    return value


def _target(reference: str, side: Side, seen: tuple[str, ...]) -> Any:
    source, _, rest = reference.partition(".")
    if source == "Parameters":
        return [reference, _resolved(side.defaults.get(rest), side, seen)]
    name, _, path = rest.partition(".")
    if source != "Steps" or name not in side.steps or name in seen:
        return reference
    step = side.steps[name]
    if is_cached(step.content):
        # An unchanged cache key finds the same earlier result, and so the same properties.
        return [reference, _digest(_signature(step, side, seen))]
    requested = _requested(step.arguments, path)
    if requested is None:
        return [reference, _digest(_resolved(step.arguments, side, (*seen, name)))]
    return _resolved(requested, side, (*seen, name))


def _requested(arguments: Any, path: str) -> Any:
    """Find the argument that a property repeats: a Describe call answers what was requested."""
    value = arguments
    for key in property_keys(path):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list):
            value = (by_name(value, list_name(value)) or {}).get(str(key))
        else:
            return None
    return value


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
