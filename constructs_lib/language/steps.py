"""The steps of a compiled or deployed pipeline definition, those in branches too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.findings import Path

BRANCHES: Final[Mapping[str, bool | None]] = {
    "IfSteps": True,
    "ElseSteps": False,
    "ForEachBody": None,
}
"""The arguments that hold steps, and the outcome of the condition that leads there."""


@dataclass(frozen=True)
class Branch:
    """The branch of another step in which a step stands."""

    step: str
    """Name of the step that decides whether, or how often, the one in the branch runs."""
    outcome: bool | None
    """Of the condition that leads here; ``None`` in the body of a ForEach step."""


@dataclass(frozen=True)
class DefinitionStep:
    """An entry of ``Steps``, or of a branch, and where it stands."""

    path: Path
    content: Mapping[str, Any]
    branch: Branch | None

    @property
    def name(self) -> str:
        """The step's name, empty if it has none."""
        return _text(self.content.get("Name"))

    @property
    def type_name(self) -> str:
        """``Processing``, ``Model``, ..., empty if it has none."""
        return _text(self.content.get("Type"))

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The step's arguments, empty if they are no object."""
        arguments = self.content.get("Arguments")
        return arguments if isinstance(arguments, Mapping) else {}

    @property
    def own_content(self) -> Mapping[str, Any]:
        """The entry without the steps of its branches."""
        if BRANCHES.keys().isdisjoint(self.arguments):
            return self.content
        own = {key: value for key, value in self.arguments.items() if key not in BRANCHES}
        return {**self.content, "Arguments": own}


def walk_steps(definition: Mapping[str, Any]) -> Iterator[DefinitionStep]:
    """Yield every step and where it stands, those of a branch right after the step around it.

    What is no list of objects where steps should be holds none: whatever is wrong with a
    definition, the rest of it can be read.
    """
    yield from _walk(definition.get("Steps"), ("Steps",), None)


def steps_of(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the entry of every step, in the same order."""
    return (step.content for step in walk_steps(definition))


def _walk(entries: object, path: Path, branch: Branch | None) -> Iterator[DefinitionStep]:
    for index, entry in objects_of(entries):
        step = DefinitionStep((*path, index), entry, branch)
        yield step
        for member, outcome in BRANCHES.items():
            inner = (*step.path, "Arguments", member)
            yield from _walk(step.arguments.get(member), inner, Branch(step.name, outcome))


def objects_of(entries: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects of what should be a list of objects, with their indexes."""
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, Mapping):
            yield index, entry


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
