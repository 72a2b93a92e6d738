"""The function that registers in other regions, against an emulated S3, KMS and SageMaker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.stub import Stubber
from moto import mock_aws

from constructs_lib.jobs import register_model
from constructs_lib.jobs.register_model import RegistrationError, handler
from constructs_lib.registration_request import RegistrationRequest, registration_file

HOME_BUCKET = "artifacts-us-east-1"
BUCKET = "registry-eu-west-1"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:alias/returns-risk"
EXECUTION_ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/returns-risk/execution/abc123"
ARTIFACT_KEY = "returns-risk/releases/abc123/model.tar.gz"
PAYLOAD_KEY = "assets/payload.tar.gz"
REQUEST_KEY = "assets/registration.json"
MANIFEST_KEY = "returns-risk/releases/abc123/manifest.json"
ARTIFACT = b"artifact" * 1000


@dataclass(frozen=True)
class Aws:
    """The emulated services: S3 at home and in the other region, and SageMaker there."""

    source: Any
    destination: Any
    registry: Any


@pytest.fixture
def aws(
    monkeypatch: pytest.MonkeyPatch, make_request: Callable[..., RegistrationRequest]
) -> Iterator[Aws]:
    """Emulate AWS with a registry stack in eu-west-1 and what an execution has written."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        services = Aws(
            source=boto3.client("s3"),
            destination=boto3.client("s3", region_name="eu-west-1"),
            registry=boto3.client("sagemaker", region_name="eu-west-1"),
        )
        services.destination.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        services.registry.create_model_package_group(ModelPackageGroupName="returns-risk")
        services.source.create_bucket(Bucket=HOME_BUCKET)
        request_file = registration_file([make_request()])
        contents = {
            ARTIFACT_KEY: ARTIFACT,
            MANIFEST_KEY: b"{}",
            PAYLOAD_KEY: b"payload",
            REQUEST_KEY: request_file,
        }
        for key, content in contents.items():
            services.source.put_object(Bucket=HOME_BUCKET, Key=key, Body=content)
        yield services


@pytest.fixture
def event() -> dict[str, str]:
    """Return what the registration step passes."""
    return {
        "registration_request_uri": f"s3://{HOME_BUCKET}/{REQUEST_KEY}",
        "region_code": "EU",
        "aws_region": "eu-west-1",
        "model_artifact_uri": f"s3://{HOME_BUCKET}/{ARTIFACT_KEY}",
        "artifact_sha256": "ab" * 32,
        "code_sha256": "cd" * 32,
        "packaging_manifest_uri": f"s3://{HOME_BUCKET}/{MANIFEST_KEY}",
        "sample_payload_uri": f"s3://{HOME_BUCKET}/{PAYLOAD_KEY}",
        "sample_payload_destination_uri": f"s3://{BUCKET}/payloads/eu.tar.gz",
        "destination_bucket": BUCKET,
        "kms_key_id": KEY_ARN,
        "model_package_group_name": "returns-risk",
        "model_approval_status": "PendingManualApproval",
        "pipeline_execution_arn": EXECUTION_ARN,
    }


def registered(aws: Aws) -> list[dict[str, Any]]:
    summaries = aws.registry.list_model_packages(ModelPackageGroupName="returns-risk")
    return [
        aws.registry.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
        for summary in summaries["ModelPackageSummaryList"]
    ]


def test_copies_the_files_to_the_regions_bucket_under_its_key(
    event: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    for key in (ARTIFACT_KEY, MANIFEST_KEY, "payloads/eu.tar.gz", REQUEST_KEY):
        headers = aws.destination.head_object(Bucket=BUCKET, Key=key)
        assert headers["ServerSideEncryption"] == "aws:kms"
        assert headers["SSEKMSKeyId"] == KEY_ARN
    assert aws.destination.get_object(Bucket=BUCKET, Key=ARTIFACT_KEY)["Body"].read() == ARTIFACT


def test_registers_a_model_package_of_the_region(event: dict[str, str], aws: Aws) -> None:
    outputs = handler(event, None)
    (package,) = registered(aws)
    container = package["InferenceSpecification"]["Containers"][0]
    assert package["ModelPackageArn"] == outputs["model_package_arn"]
    assert ":eu-west-1:" in package["ModelPackageArn"]
    assert container["Image"] == (
        "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1.0"
    )
    assert container["Environment"]["SAGEMAKER_REGION"] == "eu-west-1"
    assert container["ModelDataUrl"] == f"s3://{BUCKET}/{ARTIFACT_KEY}"
    assert package["SamplePayloadUrl"] == f"s3://{BUCKET}/payloads/eu.tar.gz"
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["CustomerMetadataProperties"] == {
        "pipeline_name": "returns-risk",
        "pipeline_version": "1.0.0",
        "model_registration_region": "EU",
        "model_owner": "returns-risk-ml",
        "model_domain": "ReturnsAndRefunds",
        "model_objective": "ReturnAbuseRisk",
        "registration_request": f"s3://{BUCKET}/{REQUEST_KEY}",
        "artifact_sha256": "ab" * 32,
        "code_sha256": "cd" * 32,
        "packaging_manifest": f"s3://{BUCKET}/{MANIFEST_KEY}",
        "pipeline_execution_arn": EXECUTION_ARN,
    }


def test_returns_the_outputs_of_the_step(event: dict[str, str], aws: Aws) -> None:
    outputs = handler(event, None)
    assert outputs == {
        "statusCode": 200,
        "model_package_arn": outputs["model_package_arn"],
        "model_artifact_uri": f"s3://{BUCKET}/{ARTIFACT_KEY}",
        "sample_payload_uri": f"s3://{BUCKET}/payloads/eu.tar.gz",
    }


def test_a_second_attempt_registers_nothing_new(event: dict[str, str], aws: Aws) -> None:
    first, second = handler(event, None), handler(event, None)
    assert first == second
    assert len(registered(aws)) == 1


def test_another_execution_registers_another_version(event: dict[str, str], aws: Aws) -> None:
    handler(event, None)
    handler({**event, "pipeline_execution_arn": f"{EXECUTION_ARN}2"}, None)
    assert len(registered(aws)) == 2


def test_each_attempt_of_one_execution_uses_one_client_token(event: dict[str, str]) -> None:
    registration = register_model.Registration.from_event(event)
    again = register_model.Registration.from_event(dict(event))
    elsewhere = register_model.Registration.from_event({**event, "aws_region": "us-west-2"})
    assert registration.client_token == again.client_token
    assert registration.client_token != elsewhere.client_token


def test_copies_nothing_that_is_there_already(event: dict[str, str], aws: Aws) -> None:
    handler(event, None)
    first = aws.destination.head_object(Bucket=BUCKET, Key=ARTIFACT_KEY)
    aws.destination.put_object_tagging(
        Bucket=BUCKET, Key=ARTIFACT_KEY, Tagging={"TagSet": [{"Key": "untouched", "Value": "1"}]}
    )
    handler(event, None)
    assert aws.destination.head_object(Bucket=BUCKET, Key=ARTIFACT_KEY)["ETag"] == first["ETag"]
    tags = aws.destination.get_object_tagging(Bucket=BUCKET, Key=ARTIFACT_KEY)["TagSet"]
    assert tags == [{"Key": "untouched", "Value": "1"}]


def test_replaces_what_was_copied_from_other_content(event: dict[str, str], aws: Aws) -> None:
    handler(event, None)
    other = ARTIFACT[::-1]
    aws.source.put_object(Bucket=HOME_BUCKET, Key=ARTIFACT_KEY, Body=other)
    handler(event, None)
    assert aws.destination.get_object(Bucket=BUCKET, Key=ARTIFACT_KEY)["Body"].read() == other


def test_replaces_a_file_of_another_origin(event: dict[str, str], aws: Aws) -> None:
    aws.destination.put_object(Bucket=BUCKET, Key=ARTIFACT_KEY, Body=b"x" * len(ARTIFACT))
    handler(event, None)
    assert aws.destination.get_object(Bucket=BUCKET, Key=ARTIFACT_KEY)["Body"].read() == ARTIFACT


def test_a_large_artifact_is_copied_in_parts(
    event: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = 5 * 1024**2
    large = bytes(range(256)) * (2 * part // 256) + b"the end"
    aws.source.put_object(Bucket=HOME_BUCKET, Key=ARTIFACT_KEY, Body=large)
    monkeypatch.setattr(
        register_model,
        "_TRANSFER",
        TransferConfig(multipart_threshold=part, multipart_chunksize=part),
    )
    handler(event, None)
    headers = aws.destination.head_object(Bucket=BUCKET, Key=ARTIFACT_KEY)
    assert headers["ETag"].endswith('-3"')
    assert headers["ServerSideEncryption"] == "aws:kms"
    assert aws.destination.get_object(Bucket=BUCKET, Key=ARTIFACT_KEY)["Body"].read() == large


def test_a_missing_artifact_is_named(event: dict[str, str], aws: Aws) -> None:
    aws.source.delete_object(Bucket=HOME_BUCKET, Key=ARTIFACT_KEY)
    uri = f"s3://{HOME_BUCKET}/{ARTIFACT_KEY}"
    with pytest.raises(RegistrationError) as failure:
        handler(event, None)
    message = str(failure.value)
    assert message.startswith(f"Registration in EU (eu-west-1) failed while copying {uri} to s3:")
    assert message.endswith(f"{uri} does not exist.")
    assert registered(aws) == []


def test_a_region_without_its_stack_is_an_error_that_says_so(
    event: dict[str, str], aws: Aws
) -> None:
    event["destination_bucket"] = "registry-that-was-never-deployed"
    with pytest.raises(RegistrationError, match="is the registry stack of eu-west-1 deployed"):
        handler(event, None)


def test_an_object_that_may_not_be_read_is_an_error_that_says_so(
    event: dict[str, str], aws: Aws
) -> None:
    clients = register_model.Clients(aws.source, aws.destination, aws.registry)
    with Stubber(aws.source) as stubber:
        stubber.add_client_error("get_object", service_error_code="403")
        with pytest.raises(RegistrationError, match="or the function may not read it"):
            register_model.register(register_model.Registration.from_event(event), clients)


def test_a_history_older_than_the_artifact_is_not_searched(event: dict[str, str], aws: Aws) -> None:
    handler(event, None)
    found = {
        days: register_model.find_model_package(
            aws.registry,
            group="returns-risk",
            pipeline_execution_arn=EXECUTION_ARN,
            not_before=datetime.now(UTC) + timedelta(days=days),
        )
        for days in (-1, 1)
    }
    assert found == {-1: registered(aws)[0]["ModelPackageArn"], 1: None}


def test_a_missing_model_package_group_is_named(event: dict[str, str], aws: Aws) -> None:
    event["model_package_group_name"] = "unknown-group"
    with pytest.raises(
        RegistrationError, match=r"in the model package group unknown-group: .*exist"
    ):
        handler(event, None)


def test_a_region_that_the_file_lacks_is_an_error(event: dict[str, str], aws: Aws) -> None:
    event["region_code"] = "FE"
    with pytest.raises(RegistrationError, match="no region 'FE', it has EU"):
        handler(event, None)


def test_a_file_of_another_version_is_refused(event: dict[str, str], aws: Aws) -> None:
    newer = json.dumps({"schema_version": 99, "regions": {}}).encode()
    aws.source.put_object(Bucket=HOME_BUCKET, Key=REQUEST_KEY, Body=newer)
    with pytest.raises(RegistrationError, match="schema_version is 99, this function reads 1"):
        handler(event, None)


def test_missing_members_of_the_event_are_listed(event: dict[str, str]) -> None:
    event["kms_key_id"] = ""
    del event["aws_region"]
    with pytest.raises(RegistrationError, match="no value for aws_region, kms_key_id"):
        handler(event, None)


def test_what_is_no_s3_uri_is_an_error(event: dict[str, str]) -> None:
    event["model_artifact_uri"] = "https://bucket/model.tar.gz"
    registration = register_model.Registration.from_event(event)
    with pytest.raises(RegistrationError, match="as s3://bucket/key, got 'https://bucket"):
        register_model.Copies.for_registration(registration)
