"""Takes parts of policies away, to see that each part is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.security.calls import Call
from tests.security.policies import AttachedPolicy, listed
from tests.security.proof import Proof


@dataclass(frozen=True)
class Removal:
    """A policy from which a part was taken away, and the calls that may then be refused."""

    name: str
    statement: dict[str, Any]
    """What was taken away, or what a part was taken from."""
    changed: AttachedPolicy
    calls: Sequence[Call]


@dataclass(frozen=True)
class Removals:
    """What can be taken away from the policies of a deployment."""

    proof: Proof

    def allowing_statements(self) -> list[Removal]:
        """Take each allowing statement away, of every policy."""
        return [
            Removal(
                _name(policy, index),
                statement,
                policy.without(index),
                self.proof.concerned(policy, statement),
            )
            for policy, index, statement in self._statements("Allow")
        ]

    def refusing_statements(self, forbidden: Sequence[Call]) -> list[Removal]:
        """Take each refusing statement away, of every policy."""
        return [
            Removal(
                _name(policy, index),
                statement,
                policy.without(index),
                [
                    call
                    for call in forbidden
                    if policy.key in [each.key for each in self.proof.deciding(call)]
                ],
            )
            for policy, index, statement in self._statements("Deny")
        ]

    def parts_of_roles(self) -> list[Removal]:
        """Take each action and each resource away, of every statement of a role."""
        return [
            Removal(
                f"{_name(policy, index)} without {part}",
                statement,
                policy.with_statement(index, {**statement, element: rest}),
                self.proof.concerned(
                    policy, {"Action": part} if element == "Action" else statement
                ),
            )
            for policy, index, statement in self._statements("Allow")
            if policy.kind == "role"
            for element in ("Action", "Resource")
            for part in listed(statement, element)
            if (rest := [each for each in listed(statement, element) if each != part])
        ]

    def _statements(self, effect: str) -> Iterator[tuple[AttachedPolicy, int, dict[str, Any]]]:
        for policy in self.proof.policies:
            for index, statement in enumerate(policy.statements):
                if statement["Effect"] == effect:
                    yield policy, index, statement

    def allowed_after(self, removal: Removal) -> Iterator[bool]:
        """Tell which calls are allowed after a removal, one after the other as they are asked."""
        for call in removal.calls:
            yield from self.proof.allowed([call], removal.changed)

    def needless(self, removals: Sequence[Removal]) -> list[str]:
        """Name what can be taken away without a needed call being refused."""
        return [each.name for each in removals if all(self.allowed_after(each))]

    def refusing_nothing(self, removals: Sequence[Removal]) -> list[str]:
        """Name what can be taken away without a forbidden call being allowed."""
        return [each.name for each in removals if not any(self.allowed_after(each))]


def _name(policy: AttachedPolicy, index: int) -> str:
    return f"{policy.name}: {policy.statements[index].get('Sid', index)}"
