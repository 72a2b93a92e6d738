"""A definition's parameters and steps, found whatever else may be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from constructs_lib.findings import Path

_BRANCHES: Final = ("IfSteps", "ElseSteps", "ForEachBody")


@dataclass(frozen=True)
class DefinitionParameter:
    """An entry of ``Parameters``."""

    path: Path
    content: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The parameter's name, empty if it has none."""
        return _text(self.content.get("Name"))

    @property
    def type_name(self) -> str:
        """``String``, ``Integer``, ``Float`` or ``Boolean``."""
        return _text(self.content.get("Type", "String"))


@dataclass(frozen=True)
class DefinitionStep:
    """An entry of ``Steps``, or of a branch of a condition."""

    path: Path
    content: Mapping[str, Any]
    parent: str | None
    """Name of the condition that decides whether the step runs."""

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
    def conditions(self) -> tuple[Mapping[str, Any], ...]:
        """The conditions of a condition step that are objects."""
        return tuple(entry for _, entry in _objects(self.arguments.get("Conditions")))

    @property
    def own_content(self) -> Mapping[str, Any]:
        """The entry without the steps of its branches."""
        own = {key: value for key, value in self.arguments.items() if key not in _BRANCHES}
        return {**self.content, "Arguments": own}


@dataclass(frozen=True)
class DefinitionParts:
    """The parts of a definition that rules look up."""

    parameters: tuple[DefinitionParameter, ...]
    steps: tuple[DefinitionStep, ...]
    """All steps, those of branches after their condition."""

    @classmethod
    def parse(cls, definition: Mapping[str, Any]) -> DefinitionParts:
        """Collect what can be found; anything out of form is left to the form rules."""
        return cls(
            parameters=tuple(
                DefinitionParameter(("Parameters", index), entry)
                for index, entry in _objects(definition.get("Parameters"))
            ),
            steps=tuple(_find_steps(definition.get("Steps"), ("Steps",), None)),
        )

    @cached_property
    def parameter_types(self) -> Mapping[str, str]:
        """``String``, ``Integer``, ... by parameter name."""
        return {parameter.name: parameter.type_name for parameter in self.parameters}

    @cached_property
    def steps_by_name(self) -> Mapping[str, DefinitionStep]:
        """The steps by name; of several with one name the first."""
        return {step.name: step for step in reversed(self.steps)}

    @cached_property
    def step_names_by_path(self) -> Mapping[Path, str]:
        """The name of each step, by the path of its entry."""
        return {step.path: step.name for step in self.steps}


def entries_by_name(entries: object, name_member: str) -> dict[str, Mapping[str, Any]]:
    """Index a list of objects, such as ``OutputParameters``, by the member that names each."""
    return {_text(entry.get(name_member)): entry for _, entry in _objects(entries)}


def _find_steps(entries: object, path: Path, parent: str | None) -> Iterator[DefinitionStep]:
    for index, entry in _objects(entries):
        step = DefinitionStep((*path, index), entry, parent)
        yield step
        for branch in _BRANCHES:
            branch_path = (*step.path, "Arguments", branch)
            yield from _find_steps(step.arguments.get(branch), branch_path, step.name)


def _objects(entries: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Find the objects of what should be a list of objects, with their indexes."""
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, Mapping):
            yield index, entry


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
