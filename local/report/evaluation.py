"""Reads ``evaluation.json``, which the verification step leaves as a property file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from constructs_lib.confinement.versions import Versions
from local.runner.records import StepExecution

_VERDICT, _GATE = "verdict", "gate"


class _Part(BaseModel):
    # NaN and infinity cannot be drawn.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class VerificationFinding(_Part):
    """Something wrong with the model, and how to correct it."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    fix: str = ""
    traceback: str = ""
    """Of the model's code; absent in evaluations of earlier versions, as is what follows."""
    printed: str = ""
    """The end of what the model's code printed until then."""


class ServingFunctions(_Part):
    """Whose functions serve the model."""

    entry_point: str = ""
    functions: dict[str, str] = {}
    """``own``, ``default`` or ``missing``, by name."""
    defaults: dict[str, str] = {}
    """What each default function does that stands in for one of the model's own."""


class PayloadAnswer(_Part):
    """What the model answered to a sample payload."""

    name: str
    content_type: str
    accept: str = ""
    ok: bool
    latency_in_millisecond: float | None = None
    response_bytes: int | None = None
    answer: str | None = None
    """Its beginning, without control characters; absent in evaluations of earlier versions."""
    problem: str | None = None


class Bucket(_Part):
    """Requests that took longer than the bucket before, and at most this long; None: any time."""

    up_to_in_millisecond: float | None
    count: int = Field(ge=0)


class Load(_Part):
    """The offered load, and how the model stood it."""

    offered_tps: float
    achieved_tps: float
    duration_in_second: float
    request_count: int
    error_count: int
    error_rate: float
    workers: int
    latency_in_millisecond: dict[str, float | None]
    histogram: list[Bucket] = []

    @property
    def latencies(self) -> dict[str, float]:
        """The measured latencies by name (``p99``, ``max``), the shortest first."""
        measured = {
            name: value for name, value in self.latency_in_millisecond.items() if value is not None
        }
        return dict(sorted(measured.items(), key=lambda item: item[1]))


class Memory(_Part):
    """The most memory that the model took."""

    peak_in_megabyte: float


class Gate(_Part):
    """The numbers that decide."""

    errors: int
    latency_p99_in_millisecond: float
    error_rate: float
    achieved_tps: float


class Environment(_Part):
    """What the model ran on."""

    python: str = ""
    platform: str = ""
    packages: dict[str, str] = {}


class AskedServer(_Part):
    """How the model was asked."""

    described: str = ""
    why_direct: str | None = None


class Evaluation(_Part):
    """The outcome of a verification."""

    verdict: Literal["passed", "failed"]
    summary: str = ""
    gate: Gate
    limits: dict[str, float | None] = {}
    environment: Environment = Environment()
    findings: list[VerificationFinding] = []
    handler: ServingFunctions = ServingFunctions()
    server: AskedServer = AskedServer()
    """Says nothing in evaluations of earlier versions."""
    payloads: list[PayloadAnswer] = []
    cold_load_in_second: float | None = None
    load: Load | None = None
    memory: Memory | None = None


def versions_told(step: StepExecution, evaluation: Evaluation) -> str:
    """Say under which versions a model was judged, and which its container has.

    Args:
        step: The step that verified, whose container it is.
        evaluation: What it found.
    """
    image = step.arguments.get("AppSpecification", {}).get("ImageUri", "")
    container, ran = Versions.of_image(image), evaluation.environment
    if container is None or not ran.python:
        return ""
    return Versions(ran.python, ran.packages.get("torch")).judged_for(container)


def find_evaluation(steps: Iterable[StepExecution]) -> tuple[str, Evaluation | str] | None:
    """Find the step that verified, and its evaluation or why that cannot be read."""
    for step in steps:
        for content in step.property_files.values():
            if isinstance(content, dict) and content.keys() >= {_VERDICT, _GATE}:
                return step.name, _read(content)
    return None


def _read(content: dict[str, Any]) -> Evaluation | str:
    try:
        return Evaluation.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        ]
        return "; ".join(problems)
