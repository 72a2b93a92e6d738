"""The AWS that these tests have in their process answers as moto does, and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from benchmarks.faults.in_process import aws_in_process

REGION = "eu-west-1"
OF_A_MOMENT = {
    *("ResponseMetadata", "CopyObjectResult"),
    *("CreationTime", "CreationDate", "LastModified", "LastModifiedTime"),
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def _told(call: Callable[..., dict[str, Any]], **arguments: Any) -> Any:
    """What a call tells, but for what is another each time."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        return error.response["Error"]
    told = {name: value for name, value in answer.items() if name not in OF_A_MOMENT}
    if "Body" in told:
        told["Body"] = told["Body"].read()
    return told


def _answers() -> list[Any]:
    s3, home_s3 = boto3.client("s3", region_name=REGION), boto3.client("s3")
    sagemaker = boto3.client("sagemaker", region_name=REGION)
    place = {"LocationConstraint": REGION}
    file = {"Bucket": "there", "Key": "a folder/ä file"}
    group = {"ModelPackageGroupName": "versions"}
    return [
        _told(s3.create_bucket, Bucket="there", CreateBucketConfiguration=place),
        _told(home_s3.create_bucket, Bucket="here"),
        _told(s3.get_bucket_location, Bucket="there"),
        _told(s3.put_object, **file, Body=b"content", ChecksumAlgorithm="SHA256"),
        _told(s3.head_object, **file, ChecksumMode="ENABLED"),
        _told(s3.get_object, **file),
        _told(home_s3.copy_object, Bucket="here", Key="copy", CopySource=file),
        _told(home_s3.head_object, Bucket="here", Key="copy", ChecksumMode="ENABLED"),
        _told(s3.get_object, Bucket="there", Key="nothing"),
        _told(s3.head_object, Bucket="nowhere", Key="nothing"),
        _told(s3.put_object, **file, Body=b"other", IfNoneMatch="*"),
        _told(sagemaker.create_model_package_group, **group),
        _told(sagemaker.describe_model_package_group, **group),
        _told(sagemaker.describe_model_package_group, ModelPackageGroupName="nothing"),
        _told(sagemaker.describe_endpoint_config, EndpointConfigName="nothing"),
        _told(boto3.client("sts", region_name=REGION).get_caller_identity),
        _told(boto3.client("cloudwatch", region_name=REGION).describe_alarms),
    ]


def _answers_in(aws: Callable[[], AbstractContextManager[Any]]) -> list[Any]:
    with aws():
        return _answers()


def test_it_answers_as_moto_does_and_is_empty_each_time() -> None:
    expected = _answers_in(mock_aws)

    assert _answers_in(aws_in_process) == expected
    assert _answers_in(aws_in_process) == expected


def test_clients_are_used_again_as_long_as_nobody_gives_them_handlers() -> None:
    with aws_in_process():
        first = boto3.client("s3", region_name=REGION)
        assert boto3.client("s3", region_name=REGION) is first
        assert boto3.client("s3") is not first
    called: list[str] = []
    with aws_in_process():
        assert boto3.client("s3", region_name=REGION) is first
        first.meta.events.register("before-call", lambda model, **_: called.append(model.name))
        second = boto3.client("s3", region_name=REGION)
        second.list_buckets()
        assert called == []
        first.list_buckets()
    assert called == ["ListBuckets"]


def test_nothing_is_left_of_it() -> None:
    make = boto3.client
    with aws_in_process():
        assert boto3.client is not make
    assert boto3.client is make
