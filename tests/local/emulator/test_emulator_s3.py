"""Amazon S3 where moto differs from it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws


@pytest.fixture
def bucket(aws: EmbeddedAws) -> str:
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


def deny(bucket: str, **statement: Any) -> str:
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    denied = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": resources}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**denied, **statement}]})


def test_a_denial_whose_condition_does_not_hold_denies_nothing(
    aws: EmbeddedAws, bucket: str
) -> None:
    s3 = aws.client("s3")
    tls_only = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=deny(bucket, Condition=tls_only))

    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_an_unconditional_denial_denies(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    s3.put_bucket_policy(Bucket=bucket, Policy=deny(bucket))

    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        s3.put_object(Bucket=bucket, Key="key", Body=b"content")


def test_access_logs_are_turned_on_but_not_delivered(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    logs = f"{bucket}-logs"
    s3.create_bucket(Bucket=logs)
    enabled = {"LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": ""}}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=enabled)

    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert s3.list_objects_v2(Bucket=logs)["KeyCount"] == 0
