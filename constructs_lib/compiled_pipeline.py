"""A compiled pipeline: what everything after the step builders works with, free of the SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from constructs_lib.regions import RegionCode
from constructs_lib.registration.request import RegistrationRequest


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
