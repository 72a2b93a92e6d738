"""Refuses to let a stack be deleted that would leave endpoints behind.

The Lambda function behind a custom resource of CloudFormation. An endpoint is made by a deployment
and not by the stack, so deleting the stack would leave it running, and costing, with nothing that
could take it down. It needs nothing but the standard library and boto3.

Properties: ``PipelineFolder`` (what commands call the pipeline), ``EndpointName`` and ``Regions``.

Source: AWS CloudFormation User Guide, "Custom resource request types" and "Custom resource response
objects": every request is answered by a PUT to ``ResponseURL``, with at most 4,096 bytes.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_CLIENT_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=10, read_timeout=30
)
_ANSWER_SECONDS: Final = 30
_REASON_CHARACTERS: Final = 1024

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Answer a request of CloudFormation: the function's entry point.

    Create succeeds. Update refuses to give up a name or a region with an endpoint; Delete refuses
    as long as there is one.

    Args:
        event: The request.
        context: Names the log stream.
    """
    logger.info("%s of %s", event["RequestType"], event["LogicalResourceId"])
    try:
        reason = _why_not(event)
    except (BotoCoreError, ClientError, KeyError) as error:
        reason = f"Whether there are endpoints cannot be found out: {error}"
    _answer(event, reason, context)


def _why_not(event: Mapping[str, Any]) -> str:
    """Say why a request is refused; empty where it is not."""
    given = event["ResourceProperties"]
    if event["RequestType"] == "Create":
        return ""
    places = set(_places(given))
    if event["RequestType"] == "Update":
        places = set(_places(event["OldResourceProperties"])) - places
    left = sorted(f"{name} in {region}" for name, region in places if _exists(name, region))
    if not left:
        return ""
    return (
        f"There {'is an endpoint' if len(left) == 1 else 'are endpoints'} that would go on running,"
        f" and costing: {', '.join(left)}. Remove them first: release undeploy"
        f" {given['PipelineFolder']}"
    )


def _places(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for region in properties["Regions"]:
        yield properties["EndpointName"], region


def _exists(name: str, region: str) -> bool:
    sagemaker = boto3.client("sagemaker", region_name=region, config=_CLIENT_CONFIG)
    try:
        sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if "could not find" in str(error).lower():
            return False
        raise
    return True


def _answer(event: Mapping[str, Any], reason: str, context: Any) -> None:
    document = {
        "Status": "FAILED" if reason else "SUCCESS",
        "Reason": (reason or f"See the log {context.log_stream_name}")[:_REASON_CHARACTERS],
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    logger.info("%s %s", document["Status"], document["Reason"])
    request = urllib.request.Request(  # noqa: S310  # CloudFormation's own address
        event["ResponseURL"],
        data=json.dumps(document).encode(),
        method="PUT",
        headers={"Content-Type": ""},
    )
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS):  # noqa: S310
        pass
