"""Writes comparisons: for people, as Markdown for a pull request, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rich.text import Text

from constructs_lib.diff.changes import Change, PipelineDiff, StepDiff, to_json

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~", "unchanged": " "}
_LONG: Final = 120
"""Characters of a value that people are shown; JSON has all of them."""
_CONTEXT: Final = 30
"""Characters shown before the first one that differs."""
_STYLES: Final = {"added": "green", "removed": "red", "changed": "yellow", "unchanged": "dim"}


def as_json(diffs: Sequence[PipelineDiff]) -> str:
    """Write JSON: a list of pipelines."""
    return json.dumps([to_json(diff) for diff in diffs], indent=2)


def as_text(diffs: Sequence[PipelineDiff]) -> Text:
    """Write for people, with colours where the terminal has them."""
    text = Text()
    for diff in diffs:
        text.append(diff.name, "bold").append(f": {diff.summary}\n")
        if diff.replaced:
            text.append(f"  ! replaced: {diff.replaced}\n", "bold red")
        for change in diff.changes:
            text.append(f"  {_line(change)}\n", _style(change))
        for step in diff.steps:
            _append_step(text, step)
    text.append(f"{summary(diffs)}\n", "bold")
    return text


def summary(diffs: Sequence[PipelineDiff]) -> str:
    """One line for all pipelines."""
    changed = [diff for diff in diffs if diff.status != "unchanged"]
    if not changed:
        return "Nothing changes."
    anew = sum(
        bool(step.cache and step.cache.startswith("runs anew"))
        for diff in diffs
        for step in diff.steps
    )
    replaced = sum(diff.replaced is not None for diff in diffs)
    return (
        f"{len(changed)} of {_counted(len(diffs), 'pipeline')} changed;"
        f" {_counted(anew, 'cached step')} to run anew; {_counted(replaced, 'pipeline')} replaced."
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _append_step(text: Text, step: StepDiff) -> None:
    text.append(f"  {_SIGNS[step.status]} {step.name}", _STYLES[step.status])
    text.append(f"  {step.type}{_renamed(step)}\n", "dim")
    for change in step.changes:
        text.append(f"      {_line(change)}\n", _style(change))
    if step.cache:
        text.append(f"      cache: {step.cache}\n", "cyan")


def _renamed(step: StepDiff) -> str:
    return f", renamed from {step.renamed_from}" if step.renamed_from else ""


def _style(change: Change) -> str:
    if change.before is None:
        return "green"
    return "red" if change.after is None else ""


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


def as_markdown(diffs: Sequence[PipelineDiff]) -> str:
    """Write Markdown for a comment on a pull request."""
    return "\n".join([f"**{summary(diffs)}**", *(line for d in diffs for line in _markdown(d))])


def _markdown(diff: PipelineDiff) -> Iterator[str]:
    if diff.status == "unchanged":
        return
    yield from ("", f"### `{diff.name}`: {diff.summary}", "")
    if diff.replaced:
        yield from (f"> **Replaced:** {diff.replaced}", "")
    if not diff.changes and not diff.steps:
        return
    yield from ("| step | what | before | after |", "|---|---|---|---|")
    for change in diff.changes:
        yield _row("", change)
    for step in diff.steps:
        name = f"**{step.name}**"
        if step.status in ("added", "removed"):
            yield f"| {name} | {step.status} {step.type} step | | |"
        if step.renamed_from:
            yield f"| {name} | renamed | {_code(step.renamed_from)} | {_code(step.name)} |"
        for change in step.changes:
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
