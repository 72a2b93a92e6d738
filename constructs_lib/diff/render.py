"""Writes comparisons: for people, as Markdown for a pull request, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rich.text import Text

from constructs_lib.diff.changes import (
    AppDiff,
    Change,
    PipelineDiff,
    ResourceDiff,
    StackDiff,
    StepDiff,
    counted,
    to_json,
)

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~", "unchanged": " ", "replaced": "!"}
_LONG: Final = 120
"""Characters of a value that people are shown; JSON has all of them."""
_CONTEXT: Final = 30
"""Characters shown before the first one that differs."""
_DIGEST: Final = re.compile(r"(?<=/)[0-9a-f]{16}(?=/|$)")
"""How paths in S3 name their content."""
_STYLES: Final = {
    "added": "green",
    "removed": "red",
    "changed": "yellow",
    "unchanged": "dim",
    "replaced": "bold red",
}


def as_json(diff: AppDiff) -> str:
    """Write JSON: the pipelines, and the stacks with something to tell."""
    return json.dumps(to_json(diff), indent=2)


def as_text(diff: AppDiff) -> Text:
    """Write for people, with colours where the terminal has them."""
    text = Text()
    for pipeline in diff.pipelines:
        text.append(pipeline.name, "bold").append(f": {pipeline.summary}\n")
        if pipeline.replaced:
            text.append(f"  ! replaced: {pipeline.replaced}\n", "bold red")
        for change in _told(pipeline.changes):
            text.append(f"  {_line(change)}\n", _style(change))
        for step in pipeline.steps:
            _append_step(text, step)
        for change in pipeline.release:
            text.append(f"  {_line(change)}\n", "bold")
    for served in diff.serving:
        text.append(f"{served.name}, served", "bold").append(f": {served.summary}\n")
        for change in served.changes:
            text.append(f"  {_line(change)}\n", _style(change))
    for stack in diff.stacks:
        text.append(f"stack {stack.name}", "bold").append(f": {stack.summary}\n")
        for resource in stack.resources:
            line = f"  {_SIGNS[resource.status]} {_resource(resource)}\n"
            text.append(line, _STYLES[resource.status])
    text.append(f"{summary(diff)}\n", "bold")
    return text


def summary(diff: AppDiff) -> str:
    """One line for all."""
    if not diff.changed:
        return "Nothing changes."
    changed = sum(each.status != "unchanged" for each in diff.pipelines)
    anew = sum(
        bool(step.cache and step.cache.startswith("runs anew"))
        for each in diff.pipelines
        for step in each.steps
    )
    return (
        f"{changed} of {counted(len(diff.pipelines), 'pipeline')} changed;"
        f" {counted(anew, 'cached step')} to run anew; {_replaced(diff)}."
    )


def _replaced(diff: AppDiff) -> str:
    pipelines = sum(each.replaced is not None for each in diff.pipelines)
    resources = [resource for stack in diff.stacks for resource in stack.resources]
    others = sum(resource.status == "replaced" for resource in resources)
    told = [
        *([counted(pipelines, "pipeline")] if pipelines else []),
        *([counted(others, "other resource")] if others else []),
    ]
    return f"{' and '.join(told)} replaced" if told else "nothing is replaced"


def _resource(resource: ResourceDiff) -> str:
    kind = resource.type.removeprefix("AWS::").replace("::", " ")
    what = f"{kind} {resource.name or resource.logical_id}"
    how = "replaced: " if resource.status == "replaced" else ""
    return f"{what}: {how}{resource.consequence}" if resource.consequence else what


def _append_step(text: Text, step: StepDiff) -> None:
    text.append(f"  {_SIGNS[step.status]} {step.name}", _STYLES[step.status])
    text.append(f"  {step.type}{_renamed(step)}\n", "dim")
    for change in _told(step.changes):
        text.append(f"      {_line(change)}\n", _style(change))
    if step.cache:
        text.append(f"      cache: {step.cache}\n", "cyan")


def _renamed(step: StepDiff) -> str:
    return f", renamed from {step.renamed_from}" if step.renamed_from else ""


def _style(change: Change) -> str:
    if change.before is None:
        return "green"
    return "red" if change.after is None else ""


def _told(changes: Sequence[Change]) -> list[Change]:
    """Merge changes into one where the texts differ in the same digest only."""
    told: list[Change] = []
    moved: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        digests = _moved_digest(change)
        if digests is None:
            told.append(change)
        else:
            moved.setdefault(digests, []).append(change)
    for (before, after), alike in moved.items():
        places = ", ".join(change.what for change in alike)
        what = f"content digest in {places}"
        told.append(Change(path=alike[0].path, what=what, before=before, after=after))
    return told


def _moved_digest(change: Change) -> tuple[str, str] | None:
    old, new = (_DIGEST.findall(text or "") for text in (change.before, change.after))
    if len(old) != 1 or len(new) != 1 or old == new or change.before is None:
        return None
    return (old[0], new[0]) if change.before.replace(old[0], new[0]) == change.after else None


def _shortened(change: Change) -> Change:
    """Keep what differs of long values."""
    before, after = change.before, change.after
    pairs = enumerate(zip(before or "", after or "", strict=False))
    shared = next((index for index, (old, new) in pairs if old != new), 0)
    start = max(0, shared - _CONTEXT)
    return replace(change, before=_cut(before, start), after=_cut(after, start))


def _cut(text: str | None, start: int) -> str | None:
    if text is None or len(text) <= _LONG:
        return text
    end = start + _LONG
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _line(change: Change) -> str:
    change = _shortened(change)
    if change.before is None:
        return f"+ {change.what}: {change.after}"
    if change.after is None:
        return f"- {change.what}: {change.before}"
    return f"  {change.what}: {change.before} → {change.after}"


def as_markdown(diff: AppDiff) -> str:
    """Write Markdown for a comment on a pull request."""
    lines = [f"**{summary(diff)}**"]
    lines += [line for pipeline in diff.pipelines for line in _markdown(pipeline)]
    for served in diff.serving:
        lines += ["", f"### `{served.name}`, served: {_escaped(served.summary)}", ""]
        lines += ["| what | before | after |", "|---|---|---|"]
        lines += [_row("", change).removeprefix("|  ") for change in served.changes]
    if diff.stacks:
        lines += ["", "### Stacks", ""]
        lines += [line for stack in diff.stacks for line in _stack_markdown(stack)]
    return "\n".join(lines)


def _stack_markdown(stack: StackDiff) -> Iterator[str]:
    yield f"- `{stack.name}`: {_escaped(stack.summary)}"
    for resource in stack.resources:
        mark = "**replaced** " if resource.status == "replaced" else f"{resource.status} "
        name = _code(resource.name or resource.logical_id)
        consequence = f": {_escaped(resource.consequence)}" if resource.consequence else ""
        yield f"  - {mark}{resource.type.removeprefix('AWS::')} {name}{consequence}"


def _markdown(diff: PipelineDiff) -> Iterator[str]:
    if diff.status == "unchanged":
        return
    yield from ("", f"### `{diff.name}`: {diff.summary}", "")
    if diff.replaced:
        yield from (f"> **Replaced:** {diff.replaced}", "")
    if not diff.changes and not diff.steps:
        return
    yield from ("| step | what | before | after |", "|---|---|---|---|")
    for change in _told(diff.changes):
        yield _row("", change)
    for step in diff.steps:
        yield from _step_markdown(step)
    for change in diff.release:
        yield _row("", change)


def _step_markdown(step: StepDiff) -> Iterator[str]:
    name = f"**{step.name}**"
    if step.status in ("added", "removed"):
        yield f"| {name} | {step.status} {step.type} step | | |"
    if step.renamed_from:
        yield f"| {name} | renamed | {_code(step.renamed_from)} | {_code(step.name)} |"
    for change in _told(step.changes):
        yield _row(name, change)
    if step.cache:
        yield f"| {name} | cache: {_escaped(step.cache)} | | |"


def _row(step: str, change: Change) -> str:
    change = _shortened(change)
    return f"| {step} | {_escaped(change.what)} | {_code(change.before)} | {_code(change.after)} |"


def _escaped(text: str) -> str:
    """Keep what a table or HTML would take for its own from doing harm."""
    for character in "\\`*_<>|[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", " ")


def _code(text: str | None) -> str:
    if text is None:
        return ""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    # A bar ends a table's cell even inside of code; a line break ends the table.
    return f"{fence}{pad}{text.replace('|', chr(92) + '|').replace(chr(10), ' ')}{pad}{fence}"
