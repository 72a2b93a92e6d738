"""How an update moves traffic to the new fleet: what a DeploymentConfig says, as steps.

Sources: "Deployment guardrails for updating models in production" in the SageMaker developer guide
(blue/green with all at once, canary and linear shifting; rolling), and the API reference of
BlueGreenUpdatePolicy, RollingUpdatePolicy and TrafficRoutingConfig.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.emulator.endpoints.words import refused

DeploymentConfig = Mapping[str, Any]

_LIMITS: Final = {"CanarySize": (1, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}
"""Percent of the capacity."""
_INTERVAL: Final = "WaitIntervalInSeconds"
_SIZES: Final = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_ALL_AT_ONCE: Final[DeploymentConfig] = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
    }
}
"""Source: BlueGreenUpdatePolicy: what is done where no policy is given."""


@dataclass(frozen=True)
class Shift:
    """A step: which share of the traffic the new fleet gets, and how long that is watched."""

    share: float
    wait_seconds: float
    wait_name: str = "TerminationWaitInSeconds"
    """The member of the policy that says so."""


def shifts(config: DeploymentConfig | None, instance_count: int) -> list[Shift]:
    """Return the steps of an update.

    Args:
        config: As UpdateEndpoint takes it.
        instance_count: Of the new fleet, which sizes in instances are parts of.
    """
    given = config if config and _policy(config) else _ALL_AT_ONCE
    rolling = given.get("RollingUpdatePolicy")
    if rolling:
        size = _share(rolling["MaximumBatchSize"], instance_count)
        last_batch = Shift(1.0, rolling["WaitIntervalInSeconds"], _INTERVAL)
        return _in_steps(size, rolling["WaitIntervalInSeconds"], last_batch)
    policy = given["BlueGreenUpdatePolicy"]
    routing, last = policy["TrafficRoutingConfiguration"], policy.get("TerminationWaitInSeconds", 0)
    interval = routing["WaitIntervalInSeconds"]
    if routing["Type"] == "LINEAR":
        size = _share(routing["LinearStepSize"], instance_count)
        return _in_steps(size, interval, Shift(1.0, last))
    if routing["Type"] == "CANARY":
        canary = Shift(_share(routing["CanarySize"], instance_count), interval, _INTERVAL)
        return [canary, Shift(1.0, last)]
    return [Shift(1.0, last)]


def capacity_words(step: Shift, instance_count: int) -> str:
    """Say which capacity gets traffic in a step, as events of the service do."""
    part = "canary" if step.share < 1 else "full"
    return f"{part} capacity of {active_instances(step.share, instance_count)} instance(s)"


def active_instances(share: float, instance_count: int) -> int:
    """Return how many instances a share of the traffic needs: whole ones."""
    return math.ceil(round(share * instance_count, 6))


def check(config: DeploymentConfig) -> None:
    """Refuse what the service does.

    Raises:
        AWSValidationException: A size is missing or out of bounds, or the time is too short.
    """
    named = [name for name in ("BlueGreenUpdatePolicy", "RollingUpdatePolicy") if config.get(name)]
    if len(named) > 1:
        raise refused(f"DeploymentConfig has {' and '.join(named)}; only one can be specified.")
    if not named:
        return
    policy = config[named[0]]
    routing = policy.get("TrafficRoutingConfiguration", {})
    wanted = _SIZES.get(routing.get("Type", ""))
    for size in _SIZES.values():
        if (size in routing) != (size == wanted):
            what = "is required" if size == wanted else "cannot be specified"
            raise refused(f"{size} {what} for traffic routing of type {routing.get('Type')}.")
    for place, name in ((routing, wanted), (policy, "MaximumBatchSize")):
        if name is not None and name in place:
            _check_size(name, place[name])
    _check_time(policy, config)


def rollback_alarms(config: DeploymentConfig | None) -> list[str]:
    """Name the alarms that end an update."""
    alarms = ((config or {}).get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
    return [each["AlarmName"] for each in alarms]


def _policy(config: DeploymentConfig) -> Any:
    return config.get("BlueGreenUpdatePolicy") or config.get("RollingUpdatePolicy")


def _share(size: Mapping[str, Any], instance_count: int) -> float:
    if size["Type"] == "CAPACITY_PERCENT":
        return float(min(1.0, size["Value"] / 100))
    return float(min(1.0, size["Value"] / max(instance_count, 1)))


def _in_steps(size: float, wait_seconds: float, last: Shift) -> list[Shift]:
    count = math.ceil(round(1 / size, 6))
    shares = (round(size * number, 6) for number in range(1, count))
    return [*(Shift(share, wait_seconds, _INTERVAL) for share in shares), last]


def _check_size(name: str, size: Mapping[str, Any]) -> None:
    lowest, highest = _LIMITS[name]
    if size["Type"] == "CAPACITY_PERCENT" and not lowest <= size["Value"] <= highest:
        raise refused(
            f"{name} is {size['Value']} percent of the capacity; it has to be between {lowest} and"
            f" {highest} percent."
        )


def _check_time(policy: Mapping[str, Any], config: DeploymentConfig) -> None:
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    waits = sum(each.wait_seconds for each in shifts(config, 1))
    if limit is not None and limit <= waits:
        raise refused(
            f"MaximumExecutionTimeoutInSeconds is {limit}; it has to be larger than the total"
            f" waiting time of the deployment, {waits:g} seconds."
        )
