"""Checks a compiled pipeline definition as SageMaker would, without calling it.

    for finding in lint(json.loads(pipeline_body)):
        print(finding)

What the service model that botocore ships knows is read from there: members, types, enumerations,
patterns, lengths and sizes of each step's API call, and the properties that steps offer to others.
What it does not know (the form of the definition itself, and rules that AWS gives in prose) is in
the other modules, each rule with its source.

Needs neither CDK nor the SageMaker SDK, no network and no credentials.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from constructs_lib.findings import Finding, Path, Problem, render_path
from constructs_lib.linter.arguments import ShapeChecker, argument_problems
from constructs_lib.linter.form import form_problems
from constructs_lib.linter.graph import graph_problems
from constructs_lib.linter.pipeline import DefinitionParts
from constructs_lib.linter.prose_rules import prose_rule_problems
from constructs_lib.linter.shapes import request_shape
from constructs_lib.service_model import max_length

__all__ = ["Finding", "lint", "lint_request"]


def lint(definition: Mapping[str, Any]) -> list[Finding]:
    """List what SageMaker would reject in a pipeline definition, or what is likely a mistake.

    Args:
        definition: A compiled definition, as parsed JSON. ``${Name}`` in a text is a value that
            only the deployment knows and is accepted as part of any text.

    Returns:
        The findings; none for a sound definition.
    """
    pipeline = DefinitionParts.parse(definition)
    return [
        _finding(problem, pipeline.step_names_by_path)
        for problem in _problems(definition, pipeline)
    ]


def lint_request(operation: str, arguments: Mapping[str, Any]) -> list[Finding]:
    """List what SageMaker would reject in a single API request.

    Args:
        operation: Name of the operation, for example ``CreateModelPackage``.
        arguments: Its arguments as botocore names them; ``${Name}`` as in :func:`lint`.
    """
    problems = ShapeChecker().problems(arguments, request_shape(operation), ())
    return [_finding(problem, {}) for problem in problems]


def _problems(definition: Mapping[str, Any], pipeline: DefinitionParts) -> Iterator[Problem]:
    yield from _size_problems(definition)
    yield from form_problems(definition, pipeline)
    yield from graph_problems(definition, pipeline)
    for step in pipeline.steps:
        yield from argument_problems(step, pipeline)
    yield from prose_rule_problems(pipeline)


def _size_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    length = len(json.dumps(definition, separators=(",", ":")))
    most = max_length("PipelineDefinition")
    if length > most:
        yield Problem((), f"has {length} characters; a definition has at most {most}", length)


def _finding(problem: Problem, names: Mapping[Path, str]) -> Finding:
    path = problem.path
    enclosing = (path[:length] for length in range(len(path), 0, -1))
    return Finding(
        severity=problem.severity,
        step=next((names[part] for part in enclosing if part in names), None),
        path=render_path(path),
        message=problem.message,
        value=problem.value,
    )
