"""What a call needs: an action on a resource, under conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.emulator.authorization.evaluator import ContextValue


@dataclass(frozen=True)
class Use:
    """An action on a resource, with what only this use says to conditions.

    ``via`` is the service that uses the resource for the caller: Amazon S3 a key, for example.
    """

    action: str
    resource: str
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    via: str | None = None

    @property
    def service(self) -> str:
        """The prefix of the action."""
        return self.action.partition(":")[0]
