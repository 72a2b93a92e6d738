"""Starts a deployment of a version that was approved.

The Lambda function behind the rule on approvals. A version is approved in each region by itself, so
each approval starts an execution that waits for those of the other regions; the later takes the
earlier's place, and one of them deploys. It needs nothing but the standard library and boto3.

An approval starts one execution, however often its event is delivered: the execution's name is made
from the version and from the time of the event, and Step Functions refuses a name for 90 days
("StartExecution" in the AWS Step Functions API reference).

Metadata of an approved version changes at the end of each deployment, which is an event, too: one
that names what has changed, and no approval among it, starts nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from typing import Any, Final

import boto3
from botocore.config import Config

PACKAGE_CHANGE: Final = "SageMaker Model Package State Change"
_CLIENT_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 6})
_APPROVAL: Final = "ModelApprovalStatus"

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class UnknownApprovalError(Exception):
    """The event is none about a version, or the version has no content to find it by."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str | None]:
    """Start an execution for an approved version: the function's entry point.

    Args:
        event: "SageMaker Model Package State Change", as EventBridge delivers it.

    Returns:
        ``execution_arn``; None when the version is not approved, or was before.

    Raises:
        UnknownApprovalError: The event is of another kind.
    """
    if event.get("detail-type") != PACKAGE_CHANGE:
        raise UnknownApprovalError(f"Expected {PACKAGE_CHANGE!r}, got {event!r}.")
    detail = event["detail"]
    arn = detail["ModelPackageArn"]
    region = arn.split(":")[3]  # the event's own may be that of the bus that it was sent on to
    changed = detail.get("UpdatedModelPackageFields")
    if changed and _APPROVAL not in changed:
        logger.info("%s: %s changed, and not its approval", arn, ", ".join(changed))
        return {"execution_arn": None}
    # What the event says may be outdated by now.
    package = boto3.client(
        "sagemaker", region_name=region, config=_CLIENT_CONFIG
    ).describe_model_package(ModelPackageName=arn)
    if package.get(_APPROVAL) != "Approved":
        logger.info("%s is %s: nothing to deploy", arn, package.get(_APPROVAL))
        return {"execution_arn": None}
    content = package.get("CustomerMetadataProperties", {}).get("artifact_sha256")
    if content is None:
        raise UnknownApprovalError(f"{arn} was not registered by this app: it has no digest.")
    workflows = boto3.client("stepfunctions", config=_CLIENT_CONFIG)
    return {"execution_arn": _start(workflows, content, _name(arn, event))}


def _name(arn: str, event: Mapping[str, Any]) -> str:
    identity = f"{arn}\n{event['time']}"
    return f"approval-{hashlib.sha256(identity.encode()).hexdigest()[:32]}"


def _start(workflows: Any, content: str, name: str) -> str:
    machine = os.environ["WORKFLOW_ARN"]
    request = {
        "schema_version": 1,
        "action": "deploy",
        "version": None,
        "content": content,
        "wait_for_approval": True,
        "overwrite": False,
        "requested_by": "approval",
    }
    try:
        started = workflows.start_execution(
            stateMachineArn=machine, name=name, input=json.dumps(request, sort_keys=True)
        )
        arn = str(started["executionArn"])
    except workflows.exceptions.ExecutionAlreadyExists:
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        logger.info("%s was started before, by the same approval", arn)
    return arn
