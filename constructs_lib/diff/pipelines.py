"""Compares two compiled pipelines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from constructs_lib.diff.caching import Side, cache_verdict
from constructs_lib.diff.changes import Change, PipelineDiff, StepDiff
from constructs_lib.diff.leaves import differences
from constructs_lib.diff.steps import FlatStep, flat_steps, renames, with_renamed_steps
from constructs_lib.diff.words import changes_of
from constructs_lib.durations import ReleaseTime, release_time
from constructs_lib.graph import GraphError
from constructs_lib.language.caching import is_cached
from constructs_lib.language.canonical import canonical
from constructs_lib.language.variables import variables_in

_KEY_VARIABLE: Final = re.compile(r"(?P<words>\w+)Key")
_WORD: Final = re.compile(r"[A-Z][a-z]*")
_DIGITS_SHOWN: Final = 12
_MODEL_GB: Final = 1
"""The size that the times of releases are told for: nothing knows that of the next model."""


@dataclass(frozen=True, kw_only=True)
class ComparedPipeline:
    """One side of a comparison."""

    name: str
    definition: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    """What each ``${Name}`` of the definition stands for: a text, such as the key of an asset, or
    the CloudFormation expression that gives it. One that is absent is not compared."""


def compare_pipelines(
    old: Mapping[str, ComparedPipeline], new: Mapping[str, ComparedPipeline]
) -> list[PipelineDiff]:
    """Compare pipelines by their key, which outlives a change of their names."""
    keys = [*new, *(key for key in old if key not in new)]
    return [compare(old.get(key), new.get(key)) for key in keys]


def compare(old: ComparedPipeline | None, new: ComparedPipeline | None) -> PipelineDiff:
    """Tell everything that differs between two definitions.

    Args:
        old: ``None`` when the pipeline is new.
        new: ``None`` when it is gone.

    Raises:
        ValueError: Both are ``None``.
    """
    if new is None:
        if old is None:
            raise ValueError("a comparison needs at least one pipeline")
        return PipelineDiff(name=old.name, status="removed")
    if old is None:
        return PipelineDiff(name=new.name, status="added")
    return _Comparison(old, new).result()


class _Comparison:
    """Two pipelines, their steps flat and matched."""

    def __init__(self, old: ComparedPipeline, new: ComparedPipeline) -> None:
        self.old, self.new = old, new
        self.after = flat_steps(new.definition)
        original = flat_steps(old.definition)
        self.names = renames(original, self.after)
        renamed = with_renamed_steps(old.definition, self.names)
        self.before = {
            self.names.get(name, name): step for name, step in flat_steps(renamed).items()
        }
        self.sides = (
            Side(self.before, _defaults(old.definition), old.values),
            Side(self.after, _defaults(new.definition), new.values),
        )

    def result(self) -> PipelineDiff:
        """Put the parts together."""
        changes, steps = tuple(self._outside()), tuple(self._steps())
        changed = bool(changes) or any(step.status != "unchanged" for step in steps)
        renamed = self.old.name != self.new.name
        return PipelineDiff(
            name=self.new.name,
            status="changed" if changed else "unchanged",
            changes=changes,
            steps=steps,
            replaced=(
                f"the name changes from {self.old.name} to {self.new.name}: CloudFormation creates"
                " a new pipeline and deletes the old one with its executions"
            )
            if renamed
            else None,
            release=_release_changes(self.old.definition, self.new.definition) if changed else (),
        )

    def _outside(self) -> Iterator[Change]:
        if self.old.name != self.new.name:
            yield Change(
                path="PipelineName", what="name", before=self.old.name, after=self.new.name
            )
        old, new = (
            {key: value for key, value in side.definition.items() if key != "Steps"}
            for side in (self.old, self.new)
        )
        for leaf in differences(old, new):
            yield from changes_of(leaf, old, new)
        yield from self._value_changes(canonical(new))
        order = [[name for name in names if name in self.before and name in self.after]
                 for names in (self.before, self.after)]  # fmt: skip
        if order[0] != order[1]:
            yield Change(
                path="Steps",
                what="order in which steps are listed (they run by their dependencies)",
                before=", ".join(order[0]),
                after=", ".join(order[1]),
            )

    def _steps(self) -> Iterator[StepDiff]:
        for name, step in self.after.items():
            diff = self._step(self.before.get(name), step)
            if diff.matters:
                yield diff
        for name, step in self.before.items():
            if name not in self.after:
                yield StepDiff(name=name, type=step.type, status="removed")

    def _step(self, before: FlatStep | None, after: FlatStep) -> StepDiff:
        cache = self._cache(before, after)
        if before is None:
            return StepDiff(name=after.name, type=after.type, status="added", cache=cache)
        changes = tuple(self._step_changes(before, after))
        renamed = before.name != after.name
        return StepDiff(
            name=after.name,
            type=after.type,
            status="changed" if changes or renamed else "unchanged",
            renamed_from=before.name if renamed else None,
            changes=changes,
            cache=cache,
        )

    def _cache(self, before: FlatStep | None, after: FlatStep) -> str | None:
        is_kept = before is not None and is_cached(before.content) and is_cached(after.content)
        if is_kept and self.old.name != self.new.name:
            return "runs anew once: results are kept by pipeline"
        return cache_verdict(*self.sides, before, after)

    def _step_changes(self, before: FlatStep, after: FlatStep) -> Iterator[Change]:
        if before.place != after.place:
            yield Change(
                path="", what="when it runs",
                before=before.place or "always", after=after.place or "always",
            )  # fmt: skip
        for leaf in differences(before.content, after.content):
            yield from changes_of(leaf, before.content, after.content)
        yield from self._value_changes(canonical(after.content))

    def _value_changes(self, text: str) -> Iterator[Change]:
        """Tell which deploy-time values in a text are other ones."""
        for name in sorted(set(variables_in(text))):
            if name in self.old.values and name in self.new.values:
                values = self.old.values[name], self.new.values[name]
                if canonical(values[0]) != canonical(values[1]):
                    yield _value_change(name, *values)


def _release_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Tell what a release takes and costs, if that changes."""
    before, after = _release_time(old), _release_time(new)
    if before is None or after is None:
        return ()
    told = {
        f"a release of {_MODEL_GB} GB takes": (before.minutes, after.minutes),
        f"a release of {_MODEL_GB} GB costs": (before.dollars, after.dollars),
    }
    return tuple(
        Change(path="", what=what, before=was, after=is_now)
        for what, (was, is_now) in told.items()
        if was != is_now
    )


def _release_time(definition: Mapping[str, Any]) -> ReleaseTime | None:
    """Calculate it where the definition has a graph: the linter tells of one that has none."""
    try:
        return release_time(definition, _MODEL_GB)
    except GraphError:
        return None


def _value_change(name: str, before: Any, after: Any) -> Change:
    match = _KEY_VARIABLE.fullmatch(name)
    if match and isinstance(before, str) and isinstance(after, str):
        words = " ".join(_WORD.findall(match["words"])).lower()
        return Change(
            path=f"${{{name}}}",
            what=f"{words} (content)",
            before=before[:_DIGITS_SHOWN],
            after=after[:_DIGITS_SHOWN],
        )
    old, new = (value if isinstance(value, str) else canonical(value) for value in (before, after))
    return Change(path=f"${{{name}}}", what=f"deploy-time value {name}", before=old, after=new)


def _defaults(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {
        parameter["Name"]: parameter.get("DefaultValue")
        for parameter in definition.get("Parameters") or []
    }


def as_deployed(
    new: ComparedPipeline, name: str, definition: Any, values: Mapping[str, str]
) -> ComparedPipeline:
    """Return the deployed side of a comparison.

    A value that the new side knows only as a CloudFormation expression cannot be compared with a
    text, and is taken to be the same.

    Args:
        new: The compiled side.
        name: The name of the deployed pipeline.
        definition: The deployed definition in its terms.
        values: The value of each ``${Name}`` there.
    """
    known = {
        name: values.get(name, value) if isinstance(value, str) else value
        for name, value in new.values.items()
    }
    return replace(new, name=name, definition=definition, values=known)
