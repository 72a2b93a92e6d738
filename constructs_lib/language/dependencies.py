"""What the steps of a definition wait for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from constructs_lib.language.expressions import find_references
from constructs_lib.language.references import referenced_step
from constructs_lib.language.steps import DefinitionStep


def declared_dependencies(step: DefinitionStep) -> Iterator[tuple[int, str]]:
    """Yield the names in ``DependsOn``, with their indexes.

    An entry is a name, or ``{"Step": ..., "Trigger": ...}``; anything else names no step.
    """
    entries = step.content.get("DependsOn")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("Step") if isinstance(entry, Mapping) else entry
        if isinstance(name, str):
            yield index, name


def dependencies_of_step(step: DefinitionStep, *, ignored: Collection[str] = ()) -> list[str]:
    """Name the steps that a step waits for, each once.

    The step around it comes first, then ``DependsOn``, then those whose properties it uses.

    Args:
        step: Where it stands in the definition matters, too.
        ignored: References that do not count.
    """
    around = [step.branch.step] if step.branch else []
    declared = (name for _, name in declared_dependencies(step))
    referenced = (
        name
        for reference in find_references(step.own_content, step.path)
        if reference.text not in ignored and (name := referenced_step(reference.text)) is not None
    )
    return list(dict.fromkeys([*around, *declared, *referenced]))


def find_cycle(dependencies: Mapping[str, Collection[str]]) -> list[str]:
    """Find steps that wait for each other.

    Args:
        dependencies: The names of what each step waits for.

    Returns:
        Names of which each waits for the next, the first one again at the end; none if no steps
        wait for each other.
    """
    try:
        TopologicalSorter({name: sorted(dependencies[name]) for name in dependencies}).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1][:0:-1]
        start = cycle.index(min(cycle))
        return [*cycle[start:], *cycle[:start], cycle[start]]
    return []
