"""Load-tests a registered model package, and records the result on it.

The Lambda function behind the ``LoadTest`` step. A load test takes longer than a Lambda function
may run, so the step only starts it: an Inference Recommender job, and a schedule that invokes this
function again every few minutes until the job has ended. It needs nothing but the standard library
and boto3.

Both parts may be repeated: job and schedule are named after the model package, and what exists
already is left as it is.

Environment: ``LOAD_TEST_REQUEST`` is what ``load_test_request.py`` rendered, ``JOB_NAME_PREFIX``
starts the names of jobs and schedules, ``SUBNET_IDS`` (comma-separated), ``SECURITY_GROUP_ID`` and,
where the instance types take one, ``VOLUME_KEY_ARN`` say where the tested endpoints run;
``JOB_ROLE_ARN``, ``SCHEDULE_ROLE_ARN``, ``SCHEDULE_GROUP`` and ``DEAD_LETTERS_ARN`` name what the
stack has made for them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

_CLIENT_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 6})
_ENDED: Final = ("COMPLETED", "FAILED", "STOPPED")
_LOOK_EVERY: Final = "rate(5 minutes)"
_GIVE_UP_AFTER: Final = timedelta(hours=6)
"""Longer than an Inference Recommender job may take."""
_FORBIDDEN: Final = re.compile(r"[^A-Za-z0-9 _.:/=+@-]")
_VALUE_LENGTH: Final = 256

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class LoadTestError(Exception):
    """The event is none of this function's."""


@dataclass(frozen=True)
class Clients:
    """The services that a load test talks to."""

    sagemaker: Any
    scheduler: Any


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Start a load test, or look how it goes: the function's entry point.

    Args:
        event: ``action`` and ``model_package_arn``; ``action`` is ``start`` or ``collect``.
        context: Names this function's ARN.

    Returns:
        ``statusCode``, ``load_test_job``, ``load_test_status`` and ``load_test_failure``: a step's
        outputs.

    Raises:
        LoadTestError: The event is none of this function's.
    """
    clients = Clients(
        sagemaker=boto3.client("sagemaker", config=_CLIENT_CONFIG),
        scheduler=boto3.client("scheduler", config=_CLIENT_CONFIG),
    )
    arn, action = event.get("model_package_arn", ""), event.get("action")
    if action == "start" and arn:
        job = start(arn, clients, function_arn=context.invoked_function_arn)
    elif action == "collect" and arn:
        job = collect(arn, clients)
    else:
        raise LoadTestError(
            "Expected action ('start' or 'collect') and model_package_arn, got"
            f" {json.dumps(dict(event))}."
        )
    return {
        "statusCode": 200,
        "load_test_job": job["JobName"],
        "load_test_status": job["Status"],
        "load_test_failure": job.get("FailureReason") or "none",
    }


def job_name(model_package_arn: str) -> str:
    """Name the job, and its schedule, after the version; no two versions share a name."""
    version = model_package_arn.rpartition("/")[2]
    digest = hashlib.sha256(model_package_arn.encode()).hexdigest()[:8]
    return f"{os.environ['JOB_NAME_PREFIX']}-{version}-{digest}"


def start(
    model_package_arn: str,
    clients: Clients,
    *,
    function_arn: str,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Start the job and the schedule that looks after it; return the job."""
    name = job_name(model_package_arn)
    try:
        clients.sagemaker.create_inference_recommendations_job(**job_request(model_package_arn))
    except ClientError:
        # SageMaker has more than one code for a name that is taken.
        if not _exists(clients, name):
            raise
    job = _describe(clients, name)
    logger.info("Load test %s: %s %s", name, job["Status"], job.get("FailureReason", ""))
    if job["Status"] in _ENDED:
        return collect(model_package_arn, clients)
    with suppress(clients.scheduler.exceptions.ConflictException):
        clients.scheduler.create_schedule(
            Name=name,
            GroupName=os.environ["SCHEDULE_GROUP"],
            Description=f"Records the load test {name} once it has ended",
            ScheduleExpression=_LOOK_EVERY,
            EndDate=(now or datetime.now(UTC)) + _GIVE_UP_AFTER,
            ActionAfterCompletion="DELETE",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": function_arn,
                "RoleArn": os.environ["SCHEDULE_ROLE_ARN"],
                "Input": json.dumps({"action": "collect", "model_package_arn": model_package_arn}),
                "DeadLetterConfig": {"Arn": os.environ["DEAD_LETTERS_ARN"]},
            },
        )
    return job


def job_request(model_package_arn: str) -> dict[str, Any]:
    """Complete the request with the version to test, and with what the stack has made."""
    arguments = json.loads(os.environ["LOAD_TEST_REQUEST"])
    config = {
        **arguments["InputConfig"],
        "ModelPackageVersionArn": model_package_arn,
        "VpcConfig": {
            "SecurityGroupIds": [os.environ["SECURITY_GROUP_ID"]],
            "Subnets": os.environ["SUBNET_IDS"].split(","),
        },
    }
    if key := os.environ.get("VOLUME_KEY_ARN"):
        config["VolumeKmsKeyId"] = key
    return {
        **arguments,
        "InputConfig": config,
        "JobName": job_name(model_package_arn),
        "RoleArn": os.environ["JOB_ROLE_ARN"],
    }


def collect(model_package_arn: str, clients: Clients) -> dict[str, Any]:
    """Record the result and end the schedule, once the job has ended; return the job."""
    name = job_name(model_package_arn)
    job = _describe(clients, name)
    if job["Status"] not in _ENDED:
        return job
    _record(model_package_arn, results(job), clients)
    with suppress(clients.scheduler.exceptions.ResourceNotFoundException):
        clients.scheduler.delete_schedule(Name=name, GroupName=os.environ["SCHEDULE_GROUP"])
    return job


def _record(model_package_arn: str, found: Mapping[str, str], clients: Clients) -> None:
    """Write metadata of a version, which people may have deleted in the meantime."""
    try:
        package = clients.sagemaker.describe_model_package(ModelPackageName=model_package_arn)
    except ClientError as error:
        if "does not exist" not in error.response["Error"].get("Message", ""):
            raise
        logger.info("There is no %s any more: nothing to record.", model_package_arn)
        return
    # All of them: so nothing is lost, whether the service merges or replaces.
    clients.sagemaker.update_model_package(
        ModelPackageArn=model_package_arn,
        CustomerMetadataProperties={**package.get("CustomerMetadataProperties", {}), **found},
    )
    logger.info("Recorded the load test of %s: %s", model_package_arn, found["load_test_status"])


def results(job: Mapping[str, Any]) -> dict[str, str]:
    """Write what a job found as metadata of a model package: one entry per instance type."""
    found = {"load_test_job": job["JobName"], "load_test_status": job["Status"]}
    if reason := job.get("FailureReason"):
        found["load_test_failure"] = reason
    for recommendation in job.get("InferenceRecommendations", []):
        metrics = recommendation.get("Metrics", {})
        instance_type = recommendation["EndpointConfiguration"]["InstanceType"]
        numbers = " ".join(
            f"{label}={_number(metrics[member])}"
            for label, member in _METRICS.items()
            if member in metrics
        )
        # The registry refuses an empty text, and with it all others.
        found[f"load_test_{instance_type}"] = numbers or "not measured"
    return {name: _FORBIDDEN.sub(" ", text)[:_VALUE_LENGTH] for name, text in found.items()}


_METRICS: Final = {
    "invocations_per_minute": "MaxInvocations",
    "model_latency_in_millisecond": "ModelLatency",
    "cost_per_hour": "CostPerHour",
    "cost_per_inference": "CostPerInference",
}
"""Members of ``RecommendationMetrics``, in the service's own units."""


def _number(value: float) -> str:
    # Costs are 32-bit numbers: their digits after the sixth mean nothing.
    return str(value) if isinstance(value, int) else f"{value:g}"


def _describe(clients: Clients, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = clients.sagemaker.describe_inference_recommendations_job(JobName=name)
    return answer


def _exists(clients: Clients, name: str) -> bool:
    try:
        _describe(clients, name)
    except ClientError:
        return False
    return True
