"""A compiled pipeline: what everything after the step builders works with, free of the SDK."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from constructs_lib.errors import ReleaseError
from constructs_lib.language.canonical import canonical
from constructs_lib.regions import RegionCode
from constructs_lib.registration.request import RegistrationRequest


class UnknownParameterError(ReleaseError):
    """The pipeline has no parameter of that name, or the parameter takes no such value."""


@dataclass(frozen=True, kw_only=True)
class CompiledPipeline:
    """A compiled pipeline definition and what was released with it."""

    name: str
    body: str
    """The pipeline definition: canonical JSON text, deploy-time values as ``${Name}``."""
    registration_requests: Mapping[RegionCode, RegistrationRequest]
    registration_file: str
    """What to register in each region, for the jobs (JSON)."""

    @property
    def definition(self) -> dict[str, Any]:
        """The definition as parsed JSON, new at each call."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def with_default(self, parameter: str, value: str) -> Self:
        """Return the pipeline with another default of a parameter, which a deployment chooses.

        Args:
            parameter: Name of the parameter.
            value: The default of executions that give none.

        Raises:
            UnknownParameterError: See above.
        """
        definition = self.definition
        parameters = {each["Name"]: each for each in definition["Parameters"]}
        if parameter not in parameters:
            raise UnknownParameterError(
                f"The pipeline {self.name} has no parameter {parameter!r}; it has"
                f" {', '.join(sorted(parameters))}."
            )
        allowed = parameters[parameter].get("EnumValues", [value])
        if value not in allowed:
            raise UnknownParameterError(
                f"The parameter {parameter} of the pipeline {self.name} cannot be {value!r};"
                f" allowed are {', '.join(allowed)}."
            )
        parameters[parameter]["DefaultValue"] = value
        body = canonical(definition)
        return dataclasses.replace(self, body=body)
