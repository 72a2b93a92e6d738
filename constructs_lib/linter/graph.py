"""Rules on how steps and parameters hang together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from constructs_lib.findings import Path, Problem
from constructs_lib.linter.expressions import find_references
from constructs_lib.linter.pipeline import DefinitionParts, DefinitionStep
from constructs_lib.linter.references import DanglingReferenceError, resolve


def graph_problems(definition: Mapping[str, Any], pipeline: DefinitionParts) -> Iterator[Problem]:
    """Check names, dependencies, references and parameters."""
    yield from _duplicate_names(pipeline)
    yield from _unknown_dependencies(pipeline)
    yield from _nested_conditions(pipeline)
    yield from _dangling_references(definition, pipeline)
    yield from _unused_parameters(definition, pipeline)
    yield from _cycles(pipeline)


def _duplicate_names(pipeline: DefinitionParts) -> Iterator[Problem]:
    counts = Counter(step.name for step in pipeline.steps)
    for step in pipeline.steps:
        if counts[step.name] > 1 and pipeline.steps_by_name[step.name] is not step:
            message = f"another step has the name {step.name!r}; names are unique in a pipeline"
            yield Problem((*step.path, "Name"), message, step.name)


def _unknown_dependencies(pipeline: DefinitionParts) -> Iterator[Problem]:
    for step in pipeline.steps:
        for path, name in _declared_dependencies(step):
            if name not in pipeline.steps_by_name:
                known = ", ".join(pipeline.steps_by_name)
                yield Problem(path, f"unknown step {name!r}; there is {known}", name)


def _declared_dependencies(step: DefinitionStep) -> Iterator[tuple[Path, str]]:
    """Find the names in ``DependsOn``, written as text or as ``{"Step": ..., "Trigger": ...}``."""
    entries = step.content.get("DependsOn")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("Step") if isinstance(entry, Mapping) else entry
        if isinstance(name, str):
            yield (*step.path, "DependsOn", index), name


def _nested_conditions(pipeline: DefinitionParts) -> Iterator[Problem]:
    """No condition in a branch of another.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html,
    "Condition step".
    """
    for step in pipeline.steps:
        if step.type_name == "Condition" and step.parent is not None:
            message = f"is a condition in a branch of {step.parent!r}; conditions cannot be nested"
            yield Problem((*step.path, "Type"), message, step.name)


def _dangling_references(
    definition: Mapping[str, Any], pipeline: DefinitionParts
) -> Iterator[Problem]:
    for reference in find_references(definition, ()):
        try:
            resolve(reference.text, pipeline)
        except DanglingReferenceError as error:
            yield Problem(reference.path, str(error), reference.text)


def _unused_parameters(
    definition: Mapping[str, Any], pipeline: DefinitionParts
) -> Iterator[Problem]:
    used = {reference.text for reference in find_references(definition, ())}
    for parameter in pipeline.parameters:
        if f"Parameters.{parameter.name}" not in used:
            message = f"nothing uses the parameter {parameter.name!r}: its value has no effect"
            yield Problem(parameter.path, message, parameter.name, "warning")


def _cycles(pipeline: DefinitionParts) -> Iterator[Problem]:
    try:
        TopologicalSorter(
            {step.name: _dependencies(step, pipeline) for step in pipeline.steps}
        ).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        step = pipeline.steps_by_name[cycle[0]]
        yield Problem(step.path, f"the steps wait for each other: {' -> '.join(cycle)}", step.name)


def _dependencies(step: DefinitionStep, pipeline: DefinitionParts) -> set[str]:
    names = {name for _, name in _declared_dependencies(step)}
    for reference in find_references(step.own_content, step.path):
        try:
            names.add(resolve(reference.text, pipeline).step or "")
        except DanglingReferenceError:
            continue
    if step.parent is not None:
        names.add(step.parent)
    return names & set(pipeline.steps_by_name)
