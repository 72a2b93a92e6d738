"""Starts an execution of a release pipeline for an uploaded model.

The Lambda function behind the trigger on upload. An event target cannot join ``s3://``, bucket and
key to the value of ``ModelS3Uri``; this function does. It needs nothing but the standard library
and boto3.

An object version starts one execution, however often its event is delivered:

- the idempotency token of StartPipelineExecution is made from bucket, key and version, which
  answers deliveries that are close together or at the same time;
- the execution carries a name made from them too, and an execution of that name is looked for
  first. AWS does not say how long it remembers a token, and an event may be sent again from the
  dead-letter queue days later.

The pipeline reads the newest version under the key, because ``ModelS3Uri`` names none. An event of
a version that is not the newest any more therefore starts nothing: the newer version has an event
of its own.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import boto3
from botocore.config import Config

_CLIENT_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 6})
_CLOCK_DIFFERENCE: Final = timedelta(minutes=5)
"""How far the clocks of Amazon S3 and of SageMaker may be apart."""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class UnknownEventError(Exception):
    """The event is not one of Amazon S3's "Object Created"."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An object version that was uploaded."""

    bucket: str
    key: str
    version_id: str
    at: datetime

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Upload:
        """Read an event of Amazon EventBridge.

        Source: Amazon S3 User Guide, "EventBridge event message structure". The key is not
        URL-encoded there.

        Raises:
            UnknownEventError: Members are missing.
        """
        try:
            detail = event["detail"]
            return cls(
                bucket=detail["bucket"]["name"],
                key=detail["object"]["key"],
                version_id=detail["object"]["version-id"],
                at=datetime.fromisoformat(event["time"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UnknownEventError(
                f"Expected an 'Object Created' event of a bucket with versions, got {event!r}."
            ) from error

    @property
    def uri(self) -> str:
        """The ``s3://bucket/key`` URI."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def token(self) -> str:
        """What identifies the object version: 64 hexadecimal digits."""
        identity = f"{self.bucket}\n{self.key}\n{self.version_id}"
        return hashlib.sha256(identity.encode()).hexdigest()

    @property
    def execution_name(self) -> str:
        """The display name of the one execution for this object version."""
        return f"upload-{self.token[:32]}"


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str | None]:
    """Start an execution for an uploaded model: the function's entry point.

    Args:
        event: "Object Created" of Amazon S3, as EventBridge delivers it.

    Returns:
        ``pipeline_execution_arn``; None when the object version is not the newest any more.
    """
    arn = start(
        Upload.from_event(event),
        os.environ["PIPELINE_NAME"],
        s3=boto3.client("s3", config=_CLIENT_CONFIG),
        sagemaker=boto3.client("sagemaker", config=_CLIENT_CONFIG),
    )
    return {"pipeline_execution_arn": arn}


def start(upload: Upload, pipeline_name: str, *, s3: Any, sagemaker: Any) -> str | None:
    """Start the execution of an object version, unless that is superseded or was done before.

    Returns:
        The ARN of the execution of this object version, or None when there is none to be.
    """
    if newest_version(s3, upload) != upload.version_id:
        logger.info("Version %s of %s is superseded", upload.version_id, upload.uri)
        return None
    if arn := find_execution(sagemaker, upload, pipeline_name):
        logger.info("Version %s of %s has started %s", upload.version_id, upload.uri, arn)
        return arn
    answer = sagemaker.start_pipeline_execution(
        PipelineName=pipeline_name,
        PipelineExecutionDisplayName=upload.execution_name,
        PipelineExecutionDescription=f"Upload of version {upload.version_id} of {upload.uri}",
        PipelineParameters=[{"Name": "ModelS3Uri", "Value": upload.uri}],
        ClientRequestToken=upload.token,
    )
    logger.info("Started %s for %s", answer["PipelineExecutionArn"], upload.uri)
    return str(answer["PipelineExecutionArn"])


def newest_version(s3: Any, upload: Upload) -> str | None:
    """Return the id of the newest version under the upload's key, None when it was deleted."""
    # S3 tells of a missing object, instead of refusing it, to who may list the whole bucket.
    listed = s3.list_objects_v2(Bucket=upload.bucket, Prefix=upload.key, MaxKeys=1)
    if upload.key not in (each["Key"] for each in listed.get("Contents", ())):
        return None
    headers = s3.head_object(Bucket=upload.bucket, Key=upload.key)
    return str(headers["VersionId"])


def find_execution(sagemaker: Any, upload: Upload, pipeline_name: str) -> str | None:
    """Return the ARN of the execution that the upload has started, if it has."""
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=pipeline_name, CreatedAfter=upload.at - _CLOCK_DIFFERENCE
    )
    for summary in (summary for page in pages for summary in page["PipelineExecutionSummaries"]):
        if summary.get("PipelineExecutionDisplayName") == upload.execution_name:
            return str(summary["PipelineExecutionArn"])
    return None
