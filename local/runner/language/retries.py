"""Retry policies of steps.

Source: "Retry Policy for Pipeline Steps" in the SageMaker developer guide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SERVICE_FAULT: Final = "Step.SERVICE_FAULT"
THROTTLING: Final = "Step.THROTTLING"
JOB_INTERNAL_ERROR: Final = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR: Final = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT: Final = "SageMaker.RESOURCE_LIMIT"

EXCEPTION_TYPES: Final = frozenset(
    {SERVICE_FAULT, THROTTLING, JOB_INTERNAL_ERROR, CAPACITY_ERROR, RESOURCE_LIMIT}
)


@dataclass(frozen=True)
class RetryPolicy:
    """One entry of a step's ``RetryPolicies``; the defaults are the service's.

    ``max_attempts`` counts retries, not the first attempt. With ``expire_after_minutes`` set
    it does not apply.
    """

    exception_types: frozenset[str]
    interval_seconds: float = 1
    backoff_rate: float = 2.0
    max_attempts: int = 5
    expire_after_minutes: float | None = None

    def allows(self, *, retries: int, elapsed_seconds: float) -> bool:
        """Whether one more retry may follow ``retries`` of them."""
        if self.expire_after_minutes is not None:
            return elapsed_seconds < self.expire_after_minutes * 60
        return retries < self.max_attempts

    def delay_seconds(self, retries: int) -> float:
        """How long to wait before the retry that follows ``retries`` of them."""
        return float(self.interval_seconds * self.backoff_rate**retries)


AUTOMATIC_RETRIES: Final = RetryPolicy(frozenset({SERVICE_FAULT, THROTTLING}))
"""The service retries these for every step. It does not say how often: the documented defaults."""


def matching_policy(
    policies: Sequence[RetryPolicy], exception_type: str | None
) -> RetryPolicy | None:
    """Return the policy for a failure: the step's own first, then the automatic one."""
    return next(
        (
            policy
            for policy in (*policies, AUTOMATIC_RETRIES)
            if exception_type in policy.exception_types
        ),
        None,
    )
