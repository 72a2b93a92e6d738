"""Defaults of pipeline parameters that a deployment chooses."""

from __future__ import annotations

import dataclasses
import json

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.errors import ReleaseError


class UnknownParameterError(ReleaseError):
    """The pipeline has no parameter of that name, or the parameter takes no such value."""


def with_default(pipeline: CompiledPipeline, parameter: str, value: str) -> CompiledPipeline:
    """Return the pipeline with another default of a parameter.

    Args:
        pipeline: A compiled pipeline; stays as it is.
        parameter: Name of the parameter.
        value: The default of executions that give none.

    Raises:
        UnknownParameterError: See above.
    """
    definition = pipeline.definition
    parameters = {each["Name"]: each for each in definition["Parameters"]}
    if parameter not in parameters:
        raise UnknownParameterError(
            f"The pipeline {pipeline.name} has no parameter {parameter!r}; it has"
            f" {', '.join(sorted(parameters))}."
        )
    allowed = parameters[parameter].get("EnumValues", [value])
    if value not in allowed:
        raise UnknownParameterError(
            f"The parameter {parameter} of the pipeline {pipeline.name} cannot be {value!r};"
            f" allowed are {', '.join(allowed)}."
        )
    parameters[parameter]["DefaultValue"] = value
    body = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return dataclasses.replace(pipeline, body=body)
