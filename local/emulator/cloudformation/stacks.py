"""What CloudFormation knows: stacks with their resources and history, and change sets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from local.emulator.cloudformation.resources import Place, Resource
from local.emulator.cloudformation.templates import Template

STACK_TYPE: Final = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str | None
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Output:
    """One resolved output of a stack."""

    key: str
    value: str
    description: str | None
    export_name: str | None


@dataclass
class Stack:
    """The state of one stack; ``provisioning`` changes it."""

    name: str
    stack_id: str
    place: Place
    status: str = "REVIEW_IN_PROGRESS"
    status_reason: str | None = None
    template: Template = field(default_factory=Template.empty)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    role_arn: str | None = None
    is_protected: bool = False
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    imports: frozenset[str] = frozenset()
    """The names of the exports of other stacks that this stack uses."""
    events: list[Event] = field(default_factory=list)

    @property
    def exports(self) -> dict[str, str]:
        """The stack's exported values by export name."""
        return {o.export_name: o.value for o in self.outputs if o.export_name is not None}

    def set_status(self, status: str, reason: str | None = None) -> None:
        """Move the stack to ``status`` and record it as an event."""
        self.status, self.status_reason = status, reason
        self.events.append(Event(self.name, self.stack_id, STACK_TYPE, status, reason))

    def record(self, resource: Resource, status: str, reason: str | None = None) -> None:
        """Record an event of one of the stack's resources."""
        self.events.append(
            Event(resource.logical_id, resource.physical_id, resource.type, status, reason)
        )


@dataclass
class ChangeSet:
    """A proposed deployment of one stack."""

    name: str
    arn: str
    stack: Stack
    template: Template
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    description: str | None
    role_arn: str | None
    changes: tuple[dict[str, Any], ...]
    """What it would change, as the API describes it."""
    status: str = "CREATE_COMPLETE"
    status_reason: str | None = None
    execution_status: str = "AVAILABLE"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Region:
    """The stacks and change sets of one account and region."""

    stacks: dict[str, Stack] = field(default_factory=dict)
    """By stack id; deleted stacks stay, to be found by id only."""
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    """By change set ARN."""

    def existing(self) -> Iterator[Stack]:
        """Yield the stacks that are not deleted."""
        return (stack for stack in self.stacks.values() if stack.deleted is None)

    def find(self, name_or_id: str) -> Stack | None:
        """Return a stack by id, deleted or not, or an existing one by name."""
        if name_or_id in self.stacks:
            return self.stacks[name_or_id]
        return next((stack for stack in self.existing() if stack.name == name_or_id), None)

    def exports_of_others(self, stack: Stack) -> dict[str, str]:
        """Return what ``stack`` may import."""
        others = [other for other in self.existing() if other is not stack]
        return {name: value for other in others for name, value in other.exports.items()}

    def exports_in_use(self, stack: Stack) -> dict[str, str]:
        """Return the exports of ``stack`` that others import, each with one importer's name."""
        return {
            name: other.name
            for other in self.existing()
            for name in other.imports & stack.exports.keys()
        }
