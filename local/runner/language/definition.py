"""Reads a pipeline definition (schema version 2020-12-01) into typed, flat steps.

The steps inside the branches of a Condition step stand beside all others, each with the branch
it belongs to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from constructs_lib.language.steps import BRANCHES, Branch, DefinitionStep, walk_steps
from local.runner.language.durations import parse_duration
from local.runner.language.errors import DefinitionError, UnsupportedStepError
from local.runner.language.parameters import Parameter, ParameterType
from local.runner.language.retries import EXCEPTION_TYPES, RetryPolicy

_NAME: Final = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_MAX_DEPTH: Final = 100
"""Far beyond what a step needs; Python itself gives up at about a thousand."""
_TOO_DEEP: Final = (
    f"The pipeline definition is nested deeper than {_MAX_DEPTH} levels: flatten its steps' "
    "arguments."
)


class StepType(StrEnum):
    """The step types that the local runner runs."""

    CONDITION = "Condition"
    FAIL = "Fail"
    LAMBDA = "Lambda"
    MODEL = "Model"
    PROCESSING = "Processing"
    REGISTER_MODEL = "RegisterModel"
    TRAINING = "Training"


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file in a processing job's output that ``Std:JsonGet`` can read."""

    name: str
    output_name: str
    file_path: str


@dataclass(frozen=True)
class OutputParameter:
    """A value that a Lambda step takes from its function's response."""

    name: str
    type: ParameterType


@dataclass(frozen=True)
class Step:
    """One step; ``arguments`` still holds references.

    ``cache_expires_after`` is None unless caching is enabled.
    """

    name: str
    type: StepType
    arguments: Mapping[str, Any]
    depends_on: tuple[str, ...] = ()
    branch: Branch | None = None
    cache_expires_after: timedelta | None = None
    retry_policies: tuple[RetryPolicy, ...] = ()
    property_files: tuple[PropertyFile, ...] = ()
    function_arn: str = ""
    output_parameters: tuple[OutputParameter, ...] = ()


@dataclass(frozen=True)
class PipelineDefinition:
    """The parameters and steps of a pipeline, in the definition's order."""

    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]


def parse_definition(text: str) -> PipelineDefinition:
    """Read a definition as DescribePipeline returns it.

    Raises:
        DefinitionError: it is not JSON, or has members that the service would refuse.
        UnsupportedStepError: it has a step that the service would run and the runner does not.
    """
    document = _parse_json(text)
    try:
        steps = tuple(_parse_steps(document))
        parameters = tuple(_parse_parameter(item) for item in document.get("Parameters") or ())
    except (AttributeError, TypeError, ValueError) as error:
        raise DefinitionError(
            f"The pipeline definition is not of the service's form: {error}. "
            "Compare it with what `release definition` prints."
        ) from error
    _refuse_duplicates([step.name for step in steps])
    return PipelineDefinition(parameters=parameters, steps=steps)


def _parse_json(text: str) -> Any:
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise DefinitionError(_TOO_DEEP) from error
    except ValueError as error:
        raise DefinitionError(f"The pipeline definition is not JSON: {error}.") from error
    level = [document]
    for _ in range(_MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
    if level:
        raise DefinitionError(_TOO_DEEP)
    return document


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _member(value: Any, name: str, owner: str) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise DefinitionError(f"{owner} has no '{name}'.")
    return value[name]


def _refuse_duplicates(names: Sequence[str]) -> None:
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise DefinitionError(
            f"Several steps are called '{duplicates[0]}'. Step names are unique in a pipeline, "
            "in both branches of Condition steps too."
        )


def _parse_parameter(item: Mapping[str, Any]) -> Parameter:
    name = _member(item, "Name", "A parameter")
    return Parameter(
        name=name,
        type=_parameter_type(item.get("Type", "String"), f"Parameter '{name}'"),
        default=item.get("DefaultValue"),
        enum_values=tuple(item.get("EnumValues") or ()),
    )


def _parameter_type(text: str, owner: str) -> ParameterType:
    try:
        return ParameterType(text)
    except ValueError as error:
        raise DefinitionError(
            f"{owner} is of type '{text}'. Allowed: {', '.join(ParameterType)}."
        ) from error


def _parse_steps(document: Any) -> Iterator[Step]:
    _refuse_no_steps(_member(document, "Steps", "The pipeline definition"), "'Steps'")
    for found in walk_steps(document):
        step = _parse_step(found.content, found.branch)
        if step.type is StepType.CONDITION:
            _check_branches(found, step)
        yield step


def _check_branches(found: DefinitionStep, step: Step) -> None:
    if step.branch is not None:
        raise DefinitionError(
            f"Condition step '{step.name}' stands in a branch of Condition step "
            f"'{step.branch.step}': SageMaker Pipelines does not nest Condition steps."
        )
    for member in BRANCHES:
        _refuse_no_steps(found.arguments.get(member) or [], f"{member} of step '{step.name}'")


def _refuse_no_steps(value: object, owner: str) -> None:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DefinitionError(f"{owner} is not a list of steps, each an object.")


def _parse_step(item: Mapping[str, Any], branch: Branch | None) -> Step:
    name = _member(item, "Name", "A step")
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"Step name '{name}' is not allowed: 1 to 64 letters, digits, hyphens, underscores."
        )
    step_type = _step_type(_member(item, "Type", f"Step '{name}'"), name)
    return Step(
        name=name,
        type=step_type,
        arguments=_arguments(item, step_type, name),
        depends_on=_depends_on(item, name),
        branch=branch,
        cache_expires_after=_cache_expiry(item.get("CacheConfig") or {}, name),
        retry_policies=tuple(_retry_policy(p, name) for p in item.get("RetryPolicies") or ()),
        property_files=tuple(_property_file(p) for p in item.get("PropertyFiles") or ()),
        function_arn=item.get("FunctionArn", ""),
        output_parameters=tuple(
            _output_parameter(parameter, name) for parameter in item.get("OutputParameters") or ()
        ),
    )


def _step_type(text: str, name: str) -> StepType:
    try:
        return StepType(text)
    except ValueError as error:
        raise UnsupportedStepError(
            f"Step '{name}' is of type '{text}', which the local runner does not run. It runs "
            f"{', '.join(StepType)} steps. Nothing was started; run this pipeline on AWS."
        ) from error


def _arguments(item: Mapping[str, Any], step_type: StepType, name: str) -> Mapping[str, Any]:
    if step_type is StepType.LAMBDA:
        return item.get("Arguments") or {}
    arguments: Mapping[str, Any] = _member(item, "Arguments", f"Step '{name}'")
    if step_type is StepType.CONDITION:
        return {"Conditions": _member(arguments, "Conditions", f"Condition step '{name}'")}
    return arguments


def _depends_on(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    dependencies = item.get("DependsOn") or ()
    for dependency in dependencies:
        if not isinstance(dependency, str):
            raise UnsupportedStepError(
                f"Step '{name}' has a run condition in DependsOn ({json.dumps(dependency)}), which "
                "the local runner does not support: it runs steps whose dependencies succeeded."
            )
    return tuple(dependencies)


def _cache_expiry(config: Mapping[str, Any], name: str) -> timedelta | None:
    if not config.get("Enabled"):
        return None
    return parse_duration(
        config.get("ExpireAfter") or "", owner=f"CacheConfig.ExpireAfter of step '{name}'"
    )


def _retry_policy(item: Mapping[str, Any], step_name: str) -> RetryPolicy:
    owner = f"A retry policy of step '{step_name}'"
    given = _member(item, "ExceptionType", owner)
    exception_types = frozenset([given] if isinstance(given, str) else given)
    if unknown := sorted(exception_types - EXCEPTION_TYPES):
        raise DefinitionError(
            f"{owner} has exception type '{unknown[0]}'. "
            f"Allowed: {', '.join(sorted(EXCEPTION_TYPES))}."
        )
    if "MaxAttempts" in item and "ExpireAfterMin" in item:
        raise DefinitionError(f"{owner} has both MaxAttempts and ExpireAfterMin: give one.")
    members = {
        "interval_seconds": item.get("IntervalSeconds"),
        "backoff_rate": item.get("BackoffRate"),
        "max_attempts": item.get("MaxAttempts"),
        "expire_after_minutes": item.get("ExpireAfterMin"),
    }
    return RetryPolicy(
        exception_types, **{name: value for name, value in members.items() if value is not None}
    )


def _property_file(item: Mapping[str, Any]) -> PropertyFile:
    return PropertyFile(
        *(
            _member(item, member, "A property file")
            for member in ("PropertyFileName", "OutputName", "FilePath")
        )
    )


def _output_parameter(item: Mapping[str, Any], step_name: str) -> OutputParameter:
    owner = f"An output parameter of Lambda step '{step_name}'"
    return OutputParameter(
        name=_member(item, "OutputName", owner),
        type=_parameter_type(item.get("OutputType", "String"), owner),
    )
