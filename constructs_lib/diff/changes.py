"""The result of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["added", "removed", "changed", "unchanged"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that differs."""

    path: str
    """Where it is, from the step (or the definition): ``Arguments.Environment.LEVEL``."""
    what: str
    """The same in words: ``environment variable LEVEL``."""
    before: str | None = None
    """As people read it; ``None`` when there was nothing."""
    after: str | None = None
    """As people read it; ``None`` when there is nothing any more."""


@dataclass(frozen=True, kw_only=True)
class StepDiff:
    """What changes for one step."""

    name: str
    type: str
    status: Status
    renamed_from: str | None = None
    changes: tuple[Change, ...] = ()
    cache: str | None = None
    """What becomes of the step's cached results, for a step that has or had a cache."""

    @property
    def matters(self) -> bool:
        """Whether there is anything to tell: a step may run anew because another changed."""
        return self.status != "unchanged" or self.cache is not None


@dataclass(frozen=True, kw_only=True)
class PipelineDiff:
    """What changes for one pipeline."""

    name: str
    status: Status
    changes: tuple[Change, ...] = ()
    """Outside of steps: parameters, metadata, the name."""
    steps: tuple[StepDiff, ...] = ()
    """Those with something to tell, in the order of the new definition, removed ones last."""
    replaced: str | None = None
    """Why CloudFormation replaces the pipeline, when it does."""

    @property
    def summary(self) -> str:
        """One line."""
        if self.status == "unchanged":
            return "no changes"
        if self.status != "changed":
            return f"{self.status} pipeline"
        counts = [
            (len(self.changes), "change outside of steps", "changes outside of steps"),
            *(
                (
                    sum(step.status == status for step in self.steps),
                    f"step {status}",
                    f"steps {status}",
                )
                for status in ("added", "removed", "changed")
            ),
        ]
        told = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
        return ", ".join([*told, *(["replaced"] if self.replaced else [])])


def to_json(diff: PipelineDiff) -> dict[str, Any]:
    """Return the diff as JSON data."""
    return {
        "name": diff.name,
        "status": diff.status,
        "summary": diff.summary,
        "replaced": diff.replaced,
        "changes": [vars(change) for change in diff.changes],
        "steps": [
            {**vars(step), "changes": [vars(change) for change in step.changes]}
            for step in diff.steps
        ],
    }
