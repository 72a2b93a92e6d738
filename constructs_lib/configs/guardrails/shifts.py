"""How traffic comes to a new version: in which steps, how long each is watched, how long it takes.

Sources: "Deployment guardrails for updating models in production" in the Amazon SageMaker Developer
Guide, with its pages on canary, linear and all at once traffic shifting, rolling deployments and
exclusions; BlueGreenUpdatePolicy, RollingUpdatePolicy, TrafficRoutingConfig and AutoRollbackConfig
in the API reference. A test compares the numbers that botocore's service model has.
"""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, TypeAlias

LONGEST_WAIT_SECONDS: Final = 3600
"""Service model: TerminationWaitInSeconds, WaitIntervalInSeconds."""
SHORTEST_UPDATE_SECONDS: Final = 600
LONGEST_UPDATE_SECONDS: Final = 28_800
"""Service model: MaximumExecutionTimeoutInSeconds."""
MOST_ALARMS: Final = 10
"""Service model: AlarmList."""
LONGEST_ALARM_NAME: Final = 255
"""Service model: AlarmName."""
TRIPPING_SECONDS: Final = 120
"""How long something is above its limit until an alarm of a deployment trips."""
LATE_METRICS_SECONDS: Final = 120
"""How much later than it ends a minute is judged: its metrics come, then the alarm is evaluated."""
POLICY_CHARACTERS: Final = r" -~\u00a0-\u00ff"
"""Service model of IAM: policyDocumentType, whose documents name the alarms. Without control
characters, which API reference, PutMetricAlarm, refuses in an alarm's name."""
STARTING_INSTANCES_SECONDS: Final = 1800
"""For new instances, beside what model and container may take."""
_WITHOUT_GUARDRAILS: Final = "ml.inf1."
"""Guide, "Exclusions": an update of these is all at once, whatever is asked, and no alarm ends it;
so is one of a container of AWS Marketplace, which no version of this app has."""

Shift: TypeAlias = Literal["canary", "linear", "rolling", "all_at_once"]


class Percentages(NamedTuple):
    """How large the parts are that traffic comes in, percent of the instances."""

    least: int
    most: int
    default: int


PERCENTAGES: Final = {
    "canary": Percentages(1, 50, 10),
    "linear": Percentages(10, 50, 25),
    "rolling": Percentages(5, 50, 25),
}
"""API reference: CanarySize, LinearStepSize, MaximumBatchSize. The service model has no bounds."""
FEWEST_INSTANCES: Final = 2
"""A part is at least an instance, and at most half of them."""


class TrafficShift(NamedTuple):
    """How an update of an endpoint moves traffic."""

    kind: Shift
    percentage: int | None
    """Of the instances, in each part; None where there is one."""
    wait_seconds: int
    """How long SageMaker watches the alarms after each part; 0 where it watches nothing."""

    @property
    def parts(self) -> int:
        """In how many parts all traffic has come; SageMaker waits after each, the last too."""
        if self.percentage is None:
            return 1
        return 2 if self.kind == "canary" else math.ceil(100 / self.percentage)

    def update_seconds(self, *, start_seconds: int, termination_seconds: int) -> int:
        """Return what SageMaker needs at least where instances start as slowly as they may.

        Args:
            start_seconds: For a fleet, or a batch of it, to come into service.
            termination_seconds: How long the former instances stay.
        """
        waits = self.parts * self.wait_seconds
        return waits + start_seconds + (0 if self.kind == "rolling" else termination_seconds)

    def timeout_seconds(self, *, start_seconds: int, termination_seconds: int) -> int:
        """Return how long an update may take; arguments as above.

        A rolling update starts instances for each batch. It gets the time for that as far as the
        service gives any.
        """
        seconds = self.update_seconds(
            start_seconds=start_seconds, termination_seconds=termination_seconds
        )
        if self.kind == "rolling":
            seconds += (self.parts - 1) * start_seconds
        return min(max(seconds, SHORTEST_UPDATE_SECONDS), LONGEST_UPDATE_SECONDS)


def has_guardrails(instance_type: str) -> bool:
    """Tell whether SageMaker shifts traffic in parts and ends updates by alarms on a type."""
    return not instance_type.startswith(_WITHOUT_GUARDRAILS)
