"""The steps of a definition: flat, and matched between two definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.language.canonical import canonical
from constructs_lib.language.steps import Branch, walk_steps

_ALIKE: Final = 0.8
"""Share of equal values from which a removed and an added step are the same one, renamed."""


@dataclass(frozen=True)
class FlatStep:
    """A step without those in its branches."""

    name: str
    type: str
    content: Mapping[str, Any]
    """All members but the name and the branches."""
    place: str | None
    """In words, when the step is in a branch of a condition: ``only if Gate is true``."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The step's arguments."""
        arguments = self.content.get("Arguments")
        return arguments if isinstance(arguments, dict) else {}


def flat_steps(definition: Mapping[str, Any]) -> dict[str, FlatStep]:
    """Return the steps by their name, those in branches after their condition."""
    return {
        step.name: FlatStep(
            step.name,
            step.type_name,
            {key: value for key, value in step.own_content.items() if key != "Name"},
            _place(step.branch),
        )
        for step in walk_steps(definition)
    }


def _place(branch: Branch | None) -> str | None:
    if branch is None:
        return None
    if branch.outcome is None:
        return f"for each item of {branch.step}"
    return f"only if {branch.step} is {str(branch.outcome).lower()}"


def renames(old: Mapping[str, FlatStep], new: Mapping[str, FlatStep]) -> dict[str, str]:
    """Find steps that only got another name; returns the new name of each."""
    removed = [step for name, step in old.items() if name not in new]
    added = [step for name, step in new.items() if name not in old]
    pairs = sorted(
        ((_likeness(step, other), step.name, other.name) for step in removed for other in added),
        key=lambda pair: -pair[0],
    )
    found: dict[str, str] = {}
    for likeness, name, other in pairs:
        if likeness >= _ALIKE and name not in found and other not in found.values():
            found[name] = other
    return found


def _likeness(step: FlatStep, other: FlatStep) -> float:
    if step.type != other.type:
        return 0
    leaves = [set(_leaves(each.content)) for each in (step, other)]
    return len(leaves[0] & leaves[1]) / max(len(leaves[0] | leaves[1]), 1)


def _leaves(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}.{index}")
    else:
        yield f"{path}={canonical(value)}"


def with_renamed_steps(value: Any, names: Mapping[str, str]) -> Any:
    """Let what refers to a renamed step refer to its new name."""
    match value:
        case {"Get": str(text)} if text.startswith("Steps."):
            name, *rest = text.removeprefix("Steps.").split(".", 1)
            return {"Get": ".".join(["Steps", names.get(name, name), *rest])}
        case dict():
            renamed = {key: with_renamed_steps(member, names) for key, member in value.items()}
            if isinstance(renamed.get("DependsOn"), list):
                renamed["DependsOn"] = [
                    names.get(item, item) if isinstance(item, str) else item
                    for item in renamed["DependsOn"]
                ]
            return renamed
        case list():
            return [with_renamed_steps(item, names) for item in value]
    return value
