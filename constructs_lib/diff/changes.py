"""The result of a comparison."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

Status: TypeAlias = Literal["added", "removed", "changed", "unchanged"]
ResourceStatus: TypeAlias = Literal["added", "removed", "replaced"]


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
    release: tuple[Change, ...] = ()
    """How much longer or shorter a release takes, and what it costs more or less."""

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


@dataclass(frozen=True, kw_only=True)
class ResourceDiff:
    """A resource that comes, goes or is replaced."""

    logical_id: str
    type: str
    """CloudFormation's, for example ``AWS::SageMaker::ModelPackageGroup``."""
    name: str | None
    """Its name in AWS, when the template gives it one; ``${...}`` for what it does not know."""
    status: ResourceStatus
    consequence: str | None = None
    """Why, and what becomes of the resource that is there."""


@dataclass(frozen=True, kw_only=True)
class StackDiff:
    """What comes, goes or is replaced in one stack; not what changes in place."""

    name: str
    status: Status
    count: int = 0
    """Resources of a stack that is new or gone."""
    resources: tuple[ResourceDiff, ...] = ()
    """Those of a stack that stays."""

    @property
    def summary(self) -> str:
        """One line."""
        if self.status == "added":
            return f"new, {counted(self.count, 'resource')}"
        if self.status == "removed":
            return (
                f"no longer in the app, {counted(self.count, 'resource')}: 'cdk deploy' leaves it"
                " as it is; delete it in CloudFormation when nothing needs it"
            )
        counts = Counter(resource.status for resource in self.resources)
        return ", ".join(
            f"{counted(counts[status], 'resource')} {status}"
            for status in get_args(ResourceStatus)
            if counts[status]
        )


@dataclass(frozen=True, kw_only=True)
class ServingDiff:
    """What changes for the endpoints of one pipeline."""

    name: str
    """Of the pipeline."""
    status: Status
    changes: tuple[Change, ...]

    @property
    def summary(self) -> str:
        """One line."""
        if self.status == "removed":
            return (
                "no longer deployed by the app; endpoints that are there go on, and cost: release"
                f" undeploy {self.name}, before the stack is deleted"
            )
        if self.status == "added":
            return "new; nothing runs before the first release deploy"
        return counted(len(self.changes), "change")


@dataclass(frozen=True, kw_only=True)
class AppDiff:
    """What changes for an app."""

    pipelines: tuple[PipelineDiff, ...]
    stacks: tuple[StackDiff, ...]
    """Those with something to tell."""
    serving: tuple[ServingDiff, ...] = ()
    """Those with something to tell."""

    @property
    def changed(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.stacks or self.serving) or any(
            each.status != "unchanged" for each in self.pipelines
        )

    def of_pipeline(self, name: str, stack_suffixes: tuple[str, ...]) -> AppDiff:
        """Return what changes for one pipeline and its stacks.

        Args:
            name: The pipeline, as it is called on the new side.
            stack_suffixes: What the names of its stacks end with.
        """
        return AppDiff(
            pipelines=tuple(each for each in self.pipelines if each.name == name),
            stacks=tuple(each for each in self.stacks if each.name.endswith(stack_suffixes)),
            serving=tuple(each for each in self.serving if each.name == name),
        )


def to_json(diff: AppDiff) -> dict[str, Any]:
    """Return the diff as JSON data."""
    return {
        "pipelines": [{**asdict(each), "summary": each.summary} for each in diff.pipelines],
        "stacks": [{**asdict(each), "summary": each.summary} for each in diff.stacks],
        "serving": [{**asdict(each), "summary": each.summary} for each in diff.serving],
    }


def counted(count: int, noun: str) -> str:
    """Write a number of things: ``1 step``, ``2 steps``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
