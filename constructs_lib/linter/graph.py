"""Rules on how steps and parameters hang together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from constructs_lib.findings import Problem
from constructs_lib.language.dependencies import (
    declared_dependencies,
    dependencies_of_step,
    find_cycle,
)
from constructs_lib.language.expressions import find_references
from constructs_lib.linter.pipeline import DefinitionParts
from constructs_lib.linter.references import DanglingReferenceError, resolve


def graph_problems(definition: Mapping[str, Any], pipeline: DefinitionParts) -> Iterator[Problem]:
    """Check names, dependencies, references and parameters."""
    yield from _duplicate_names(pipeline)
    yield from _unknown_dependencies(pipeline)
    yield from _nested_conditions(pipeline)
    yield from _dangling_references(definition, pipeline)
    yield from _unused_parameters(definition, pipeline)
    yield from _cycles(definition, pipeline)


def _duplicate_names(pipeline: DefinitionParts) -> Iterator[Problem]:
    counts = Counter(step.name for step in pipeline.steps)
    for step in pipeline.steps:
        if counts[step.name] > 1 and pipeline.steps_by_name[step.name] is not step:
            message = f"another step has the name {step.name!r}; names are unique in a pipeline"
            yield Problem((*step.path, "Name"), message, step.name)


def _unknown_dependencies(pipeline: DefinitionParts) -> Iterator[Problem]:
    for step in pipeline.steps:
        for index, name in declared_dependencies(step):
            if name not in pipeline.steps_by_name:
                path, known = (*step.path, "DependsOn", index), ", ".join(pipeline.steps_by_name)
                yield Problem(path, f"unknown step {name!r}; there is {known}", name)


def _nested_conditions(pipeline: DefinitionParts) -> Iterator[Problem]:
    """No condition in a branch of another.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html,
    "Condition step".
    """
    for step in pipeline.steps:
        if step.type_name == "Condition" and step.branch is not None:
            around = step.branch.step
            message = f"is a condition in a branch of {around!r}; conditions cannot be nested"
            yield Problem((*step.path, "Type"), message, step.name)


def _dangling_references(
    definition: Mapping[str, Any], pipeline: DefinitionParts
) -> Iterator[Problem]:
    for reference in find_references(definition, ()):
        if reason := _why_dangling(reference.text, pipeline):
            yield Problem(reference.path, reason, reference.text)


def _why_dangling(reference: str, pipeline: DefinitionParts) -> str | None:
    try:
        resolve(reference, pipeline)
    except DanglingReferenceError as error:
        return str(error)
    return None


def _unused_parameters(
    definition: Mapping[str, Any], pipeline: DefinitionParts
) -> Iterator[Problem]:
    used = {reference.text for reference in find_references(definition, ())}
    for parameter in pipeline.parameters:
        if f"Parameters.{parameter.name}" not in used:
            message = f"nothing uses the parameter {parameter.name!r}: its value has no effect"
            yield Problem(parameter.path, message, parameter.name, "warning")


def _cycles(definition: Mapping[str, Any], pipeline: DefinitionParts) -> Iterator[Problem]:
    known = pipeline.steps_by_name
    # A reference that leads nowhere is a problem of its own.
    dangling = {
        reference.text
        for reference in find_references(definition, ())
        if _why_dangling(reference.text, pipeline)
    }
    cycle = find_cycle(
        {
            step.name: [
                name for name in dependencies_of_step(step, ignored=dangling) if name in known
            ]
            for step in pipeline.steps
        }
    )
    if cycle:
        step = known[cycle[0]]
        yield Problem(step.path, f"the steps wait for each other: {' -> '.join(cycle)}", step.name)
