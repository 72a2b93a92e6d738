"""A definition's parameters and steps, found whatever else may be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from constructs_lib.findings import Path
from constructs_lib.language.steps import DefinitionStep, objects_of, walk_steps


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
                for index, entry in objects_of(definition.get("Parameters"))
            ),
            steps=tuple(walk_steps(definition)),
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
    return {_text(entry.get(name_member)): entry for _, entry in objects_of(entries)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
