"""Rules on what surrounds the arguments of an API in a definition."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from constructs_lib.findings import Path, Problem
from constructs_lib.language.expressions import find_functions, is_expression, text_fragments
from constructs_lib.language.steps import DefinitionStep, objects_of
from constructs_lib.linter.arguments import ShapeChecker
from constructs_lib.linter.pipeline import DefinitionParameter, DefinitionParts, entries_by_name
from constructs_lib.linter.shapes import definition_shape
from constructs_lib.linter.step_types import STEP_TYPES, UNCHECKED_STEP_TYPES
from constructs_lib.linter.texts import text_problems

_PROPERTY_FILE: Final = re.compile(r"Steps\.[\w-]+\.PropertyFiles(\.\w+|\['[^']+'\])")
_TRIGGERS: Final = ("Completed", "Failed", "Stopped", "Any")


def form_problems(definition: Mapping[str, Any], pipeline: DefinitionParts) -> Iterator[Problem]:
    """Check the top level, parameters, the entries of steps, and how pipeline variables look."""
    yield from _compare(definition, "Definition", ())
    yield from _duplicate_parameters(pipeline)
    for parameter in pipeline.parameters:
        yield from _parameter_problems(parameter)
    for step in pipeline.steps:
        yield from _step_problems(step)
    for path, value in find_functions(definition, ()):
        yield from _function_problems(value, path)


def _compare(value: object, shape_name: str, path: Path) -> Iterator[Problem]:
    return ShapeChecker().problems(value, definition_shape(shape_name), path)


def _duplicate_parameters(pipeline: DefinitionParts) -> Iterator[Problem]:
    counts = Counter(parameter.name for parameter in pipeline.parameters)
    for parameter in pipeline.parameters:
        if counts[parameter.name] > 1:
            message = f"{counts[parameter.name]} parameters have the name {parameter.name!r}"
            yield Problem((*parameter.path, "Name"), message, parameter.name)


def _parameter_problems(parameter: DefinitionParameter) -> Iterator[Problem]:
    content, path = parameter.content, parameter.path
    shape_name = f"{parameter.type_name}Parameter"
    if definition_shape(shape_name) is None:
        message = f"is {content.get('Type')!r}; allowed are String, Integer, Float and Boolean"
        yield Problem((*path, "Type"), message, content.get("Type"))
        return
    yield from _compare(content, shape_name, path)
    default, allowed = content.get("DefaultValue"), content.get("EnumValues")
    if default is not None and isinstance(allowed, list) and default not in allowed:
        message = f"is {default!r}; the parameter's EnumValues are {allowed}"
        yield Problem((*path, "DefaultValue"), message, default)


def _step_problems(step: DefinitionStep) -> Iterator[Problem]:
    if step.type_name in UNCHECKED_STEP_TYPES:
        message = f"steps of type {step.type_name} are not checked"
        yield Problem((*step.path, "Type"), message, step.type_name, "warning")
    elif step.type_name not in STEP_TYPES:
        value, known = step.content.get("Type"), [*STEP_TYPES, *UNCHECKED_STEP_TYPES]
        message = f"is {value!r}; allowed is {', '.join(known)}"
        yield Problem((*step.path, "Type"), message, value)
    else:
        yield from _compare(step.content, f"{step.type_name}Step", step.path)
        yield from _dependency_problems(step)
        yield from _policy_problems(step)
        yield from _property_file_problems(step)
        yield from _message_problems(step)
        for index, condition in objects_of(step.arguments.get("Conditions")):
            path = (*step.path, "Arguments", "Conditions", index)
            yield from _condition_problems(condition, path)


def _dependency_problems(step: DefinitionStep) -> Iterator[Problem]:
    for index, entry in enumerate(_list(step.content.get("DependsOn"))):
        path = (*step.path, "DependsOn", index)
        match entry:
            case str() | {"Step": str(), "Trigger": "Completed" | "Failed" | "Stopped" | "Any"}:
                continue
        message = f"has to be a step's name, or Step and a Trigger of {', '.join(_TRIGGERS)}"
        yield Problem(path, message, entry)


def _policy_problems(step: DefinitionStep) -> Iterator[Problem]:
    """Check what the shapes of policies cannot say."""
    for index, policy in enumerate(_list(step.content.get("RetryPolicies"))):
        if _has_both_or_neither(policy, "MaxAttempts", "ExpireAfterMin"):
            message = "has to have either MaxAttempts or ExpireAfterMin"
            yield Problem((*step.path, "RetryPolicies", index), message, policy)
    cache = step.content.get("CacheConfig")
    if isinstance(cache, Mapping) and cache.get("Enabled") is True and "ExpireAfter" not in cache:
        message = "lacks ExpireAfter, which caching requires"
        yield Problem((*step.path, "CacheConfig"), message, cache)


def _property_file_problems(step: DefinitionStep) -> Iterator[Problem]:
    """Check that a property file is read from one of the job's own outputs."""
    config = step.arguments.get("ProcessingOutputConfig")
    outputs = config.get("Outputs") if isinstance(config, Mapping) else None
    names = entries_by_name(outputs, "OutputName")
    for index, file in enumerate(_list(step.content.get("PropertyFiles"))):
        name = file.get("OutputName") if isinstance(file, Mapping) else None
        if isinstance(name, str) and name not in names:
            message = f"the step has no output {name!r}; it has {', '.join(names) or 'none'}"
            yield Problem((*step.path, "PropertyFiles", index, "OutputName"), message, name)


def _message_problems(step: DefinitionStep) -> Iterator[Problem]:
    """Check the length of a Fail step's message, as far as it is known."""
    message = step.arguments.get("ErrorMessage")
    if step.type_name == "Fail" and message is not None:
        path = (*step.path, "Arguments", "ErrorMessage")
        yield from text_problems(
            text_fragments(message), definition_shape("FailMessage"), path, message
        )


def _condition_problems(condition: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    shape_name = f"{condition.get('Type')}Condition"
    if definition_shape(shape_name) is None:
        message = f"{condition.get('Type')!r} is no type of condition"
        yield Problem((*path, "Type"), message, condition.get("Type"))
        return
    yield from _compare(condition, shape_name, path)
    if isinstance(condition.get("Condition"), Mapping):
        yield from _condition_problems(condition["Condition"], (*path, "Condition"))
    for index, part in objects_of(condition.get("Conditions")):
        yield from _condition_problems(part, (*path, "Conditions", index))


def _function_problems(value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    if not is_expression(value):
        yield Problem(path, "a pipeline variable is an object with a single member", value)
        return
    [(function, content)] = value.items()
    yield from _compare(content, function, (*path, function))
    if function == "Std:JsonGet":
        yield from _json_get_problems(content, (*path, function))


def _json_get_problems(content: object, path: Path) -> Iterator[Problem]:
    if _has_both_or_neither(content, "PropertyFile", "S3Uri"):
        message = "has to have either a PropertyFile or an S3Uri"
        yield Problem(path, message, content)
    match content:
        case {"PropertyFile": {"Get": str(target)}} if not _PROPERTY_FILE.fullmatch(target):
            message = f"is {target!r}; a property file is Steps.<name>.PropertyFiles.<file>"
            yield Problem((*path, "PropertyFile"), message, target)


def _has_both_or_neither(value: object, member: str, other: str) -> bool:
    return isinstance(value, Mapping) and (member in value) == (other in value)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
