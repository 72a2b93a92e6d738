"""The time and the cost of one step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from constructs_lib.durations import figures
from constructs_lib.language.steps import DefinitionStep
from constructs_lib.service_model.prices import (
    FUNCTION_USD,
    HOURLY_USD,
    MONTH_HOURS,
    TRANSFER_USD,
    VOLUME_USD,
)

_MB: Final = 1000
"""In a GB."""
_REGISTRY: Final = re.compile(r"\.ecr\.(?P<region>[a-z0-9-]+)\.")
_HOUR: Final = 3600
_MODEL_INPUTS: Final = frozenset({"model_input", "packaged_model_input"})
_MODEL_OUTPUTS: Final = frozenset({"packaged_model_output"})
_PACKAGING_OPTION: Final = "--manifest"
_VERIFICATION_OPTION: Final = "--load-seconds"


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """Seconds of one step, and what it costs."""

    name: str
    type: str
    start: float = 0
    """Until its code runs."""
    transfer: float = 0
    """Moving the model."""
    work: float = 0
    """What is known of its own work."""
    usd: Decimal | None = Decimal(0)
    """At the list prices of us-east-1; ``None`` where the price of its instance is not known."""
    is_known: bool = True
    """Whether ``work`` is all of it: what a script of the user's own does is not known."""

    @property
    def seconds(self) -> float:
        """All of them."""
        return self.start + self.transfer + self.work

    @property
    def is_job(self) -> bool:
        """Whether it waits for instances."""
        return self.start == figures.JOB_START.value


def step_time(step: DefinitionStep, model_gb: float, home_region: str) -> StepTime:
    """Calculate the time of a step.

    Args:
        step: A step of a compiled or a deployed definition.
        model_gb: Size of the packed model, GB.
        home_region: Where the pipeline is: copies to other regions are paid by the GB.
    """
    match step.type_name:
        case "Processing":
            return _processing(step, model_gb)
        case "Training":
            return _job(step, _section(step.arguments, "ResourceConfig"), is_known=False)
        case "Transform":
            return _job(step, _section(step.arguments, "TransformResources"), is_known=False)
        case "Lambda":
            return _function(step, model_gb, home_region)
        case "Model" | "Condition" | "Fail" | "RegisterModel":
            return StepTime(name=step.name, type=step.type_name)
        case _:
            return StepTime(name=step.name, type=step.type_name, is_known=False)


def region_of_images(steps: Sequence[DefinitionStep]) -> str:
    """Name the region that jobs get their images from, which is the pipeline's; empty without."""
    for step in steps:
        image = _section(step.arguments, "AppSpecification").get("ImageUri")
        if isinstance(image, str) and (match := _REGISTRY.search(image)):
            return match["region"]
    return ""


def _processing(step: DefinitionStep, model_gb: float) -> StepTime:
    cluster = _section(step.arguments, "ProcessingResources", "ClusterConfig")
    inputs = _names(step.arguments.get("ProcessingInputs"), "InputName")
    outputs = _names(
        _section(step.arguments, "ProcessingOutputConfig").get("Outputs"), "OutputName"
    )
    moved = len(_MODEL_INPUTS & inputs) + len(_MODEL_OUTPUTS & outputs)
    words = _section(step.arguments, "AppSpecification").get("ContainerArguments")
    arguments = words if isinstance(words, list) else []
    work, is_known = _work(arguments, model_gb)
    transfer = moved * model_gb * _MB / _rate(cluster)
    return _job(step, cluster, transfer=transfer, work=work, is_known=is_known)


def _work(arguments: Sequence[Any], model_gb: float) -> tuple[float, bool]:
    """Tell what the app's own jobs do; of another's work nothing is known."""
    if _VERIFICATION_OPTION in arguments:
        load = arguments[arguments.index(_VERIFICATION_OPTION) + 1 :][:1]
        seconds = float(load[0]) if load and str(load[0]).isdecimal() else 0.0
        unpacking = model_gb * _MB / figures.UNPACKING.value
        return unpacking + figures.SERVER_START.value + seconds, True
    if _PACKAGING_OPTION in arguments:
        return model_gb * _MB / figures.PACKAGING.value, True
    return 0, False


def _job(
    step: DefinitionStep,
    cluster: Mapping[str, Any],
    *,
    transfer: float = 0,
    work: float = 0,
    is_known: bool,
) -> StepTime:
    return StepTime(
        name=step.name,
        type=step.type_name,
        start=figures.JOB_START.value,
        transfer=transfer,
        work=work,
        usd=_job_usd(cluster, figures.BILLED_START.value + transfer + work),
        is_known=is_known,
    )


def _job_usd(cluster: Mapping[str, Any], seconds: float) -> Decimal | None:
    hourly = HOURLY_USD.get(str(cluster.get("InstanceType")))
    if hourly is None:
        return None
    volume = VOLUME_USD * _number(cluster.get("VolumeSizeInGB"), 0) / MONTH_HOURS
    count = _number(cluster.get("InstanceCount"), 1)
    return (hourly + volume) * count * Decimal(round(seconds)) / _HOUR


def _function(step: DefinitionStep, model_gb: float, home_region: str) -> StepTime:
    copied = model_gb if step.arguments.get("action") == "stage" else 0
    elsewhere = copied and step.arguments.get("aws_region") != home_region
    transfer = _copying(copied)
    seconds = Decimal(round(figures.FUNCTION.value + transfer))
    return StepTime(
        name=step.name,
        type=step.type_name,
        start=figures.FUNCTION.value,
        transfer=transfer,
        usd=seconds * FUNCTION_USD + (TRANSFER_USD * Decimal(str(copied)) if elsewhere else 0),
        is_known="action" in step.arguments,
    )


def _copying(model_gb: float) -> float:
    """Calculate how long S3 copies a model: one part, or many and proven by reading it first."""
    if model_gb <= figures.LARGEST_PART_GB:
        return model_gb * _MB / figures.REQUEST_RATE.value
    at_once = min(figures.PARTS_AT_ONCE, model_gb / figures.PART_GB)
    return model_gb * _MB / figures.REQUEST_RATE.value * (1 + 1 / at_once)


def _rate(cluster: Mapping[str, Any]) -> float:
    size = str(cluster.get("InstanceType")).rpartition(".")[2]
    network = figures.NETWORK_MB_S.get(size, max(figures.NETWORK_MB_S.values()))
    is_small = _number(cluster.get("VolumeSizeInGB"), 0) <= figures.SMALL_VOLUME_GB
    volume = figures.SMALL_VOLUME if is_small else figures.LARGE_VOLUME
    return min(network, volume.value)


def _section(arguments: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return a member of members that is an object; an empty one where it is none."""
    found: Any = arguments
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _names(entries: Any, member: str) -> set[str]:
    listed = entries if isinstance(entries, list) else []
    return {str(each.get(member)) for each in listed if isinstance(each, Mapping)}


def _number(value: Any, default: int) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number else default
