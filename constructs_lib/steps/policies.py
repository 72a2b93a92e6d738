"""Retries, caching and time limits that the steps share."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from constructs_lib.steps.sdk import (
    CacheConfig,
    RetryPolicy,
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)

TRAINING_TIMEOUT: Final = timedelta(days=2)
PACKAGING_TIMEOUT: Final = timedelta(hours=4)
"""Long enough to download, repack and upload an artifact of some hundred gigabytes."""
VERIFICATION_TIMEOUT: Final = timedelta(hours=2)
"""Long enough to download and load a large model and to offer it half an hour of requests."""

_MINUTE: Final = 60


def api_retries() -> list[RetryPolicy]:
    """Retry calls that SageMaker throttled or failed on: 10 s, 20 s, 40 s, ... five times."""
    return [
        StepRetryPolicy(
            exception_types=[
                StepExceptionTypeEnum.SERVICE_FAULT,
                StepExceptionTypeEnum.THROTTLING,
            ],
            interval_seconds=10,
            backoff_rate=2.0,
            max_attempts=5,
        )
    ]


def job_retries() -> list[RetryPolicy]:
    """Retry like :func:`api_retries`, and jobs that were not started or that AWS has ended.

    Jobs that found no capacity: for up to five hours, which count from the start of the step
    (Amazon SageMaker Developer Guide, "Retry Policy for Pipeline Steps"). Jobs that ended by an
    error within SageMaker: three times, since they may have run for longer than that before.
    """
    return [
        *api_retries(),
        SageMakerJobStepRetryPolicy(
            exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT],
            failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
            interval_seconds=5 * _MINUTE,
            backoff_rate=1.5,
            expire_after_mins=5 * 60,
        ),
        SageMakerJobStepRetryPolicy(
            failure_reason_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
            interval_seconds=_MINUTE,
            backoff_rate=2.0,
            max_attempts=3,
        ),
    ]


def reuse_for_30_days() -> CacheConfig:
    """Reuse the outputs of an equal, successful step of the last 30 days (ISO 8601)."""
    return CacheConfig(enable_caching=True, expire_after="P30D")
