from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from benchmarks.faults.in_process import aws_in_process
from constructs_lib.regions import EU, NA, RegionCode
from constructs_lib.registration.file import registration_file
from constructs_lib.registration.request import RegistrationRequest
from local.emulator.patches import apply_patches
from local.emulator.sagemaker.lineage import add_lineage
from tests.registration.region import (
    ARTIFACT,
    BUCKET,
    CODE_SHA256,
    EXECUTION_ARN,
    GROUP,
    HOME_BUCKET,
    KEY_ARN,
    PAYLOAD,
    RELEASE,
    SHA256,
    WRITTEN,
    Aws,
    evaluation,
    manifest,
    put_in_place,
    registration_folder,
)


@pytest.fixture
def request_file(make_request: Callable[..., RegistrationRequest]) -> bytes:
    """Return the registration request of both regions."""
    codes = (NA, EU)
    return registration_file([make_request(code, verification="enforce") for code in codes])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, request_file: bytes) -> Iterator[Aws]:
    """Emulate AWS with a registry stack in eu-west-1 and what an execution's jobs have written."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    apply_patches("s3")
    add_lineage()
    with aws_in_process():
        services = Aws(
            source=boto3.client("s3"),
            destination=boto3.client("s3", region_name="eu-west-1"),
            registry=boto3.client("sagemaker", region_name="eu-west-1"),
        )
        services.destination.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        for region in ("eu-west-1", "us-east-1"):
            sagemaker = boto3.client("sagemaker", region_name=region)
            sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        services.source.create_bucket(Bucket=HOME_BUCKET)
        contents = {
            "model_artifact_uri": ARTIFACT,
            "packaging_manifest_uri": manifest(),
            "evaluation_uri": evaluation(),
            "sample_payload_uri": PAYLOAD,
            "registration_request_uri": request_file,
        }
        for name, content in contents.items():
            services.write(name, content)
        yield services


@pytest.fixture
def event(request_file: bytes) -> dict[str, str]:
    """Return what the Stage step passes."""
    return {
        "action": "stage",
        "region_code": "EU",
        "aws_region": "eu-west-1",
        "artifact_sha256": SHA256,
        "code_sha256": CODE_SHA256,
        "destination_bucket": BUCKET,
        "kms_key_id": KEY_ARN,
        "model_package_group_name": GROUP,
        "pipeline_execution_arn": EXECUTION_ARN,
        "register_again": "no",
        "registration_folder": registration_folder(request_file),
        "release_folder": f"s3://{HOME_BUCKET}/{RELEASE}",
        "verification": "enforce",
        "verdict": "passed",
        **{name: f"s3://{HOME_BUCKET}/{key}" for name, key in WRITTEN.items()},
    }


@pytest.fixture
def staged(event: dict[str, str]) -> dict[str, str]:
    """Return the keys of what Stage writes."""
    return put_in_place(event["registration_folder"])


@pytest.fixture
def registration(event: dict[str, str], staged: dict[str, str]) -> dict[str, str]:
    """Return what the Registration step passes."""
    return {
        **{name: value for name, value in event.items() if name in _SHARED},
        "action": "register",
        "git_commit": f"{'12' * 20}-dirty",
        "model_approval_status": "PendingManualApproval",
        "source_model_artifact_uri": f"s3://{HOME_BUCKET}/incoming/model.tar.gz",
        **{name: f"s3://{BUCKET}/{key}" for name, key in staged.items()},
    }


_SHARED = {
    "region_code",
    "aws_region",
    "artifact_sha256",
    "code_sha256",
    "model_package_group_name",
    "pipeline_execution_arn",
    "register_again",
    "release_folder",
}


@pytest.fixture
def make_request() -> Callable[..., RegistrationRequest]:
    """Build a request for a region; fields may be given."""

    def make(region_code: RegionCode = EU, **fields: Any) -> RegistrationRequest:
        region = region_code.aws_region
        values: dict[str, Any] = {
            "region_code": region_code,
            "aws_region": region,
            "pipeline_name": "returns-risk",
            "pipeline_version": "1.0.0",
            "model_package_group_name": "returns-risk",
            "description": "Scores return requests for abuse",
            "model_owner": "returns-risk-ml",
            "model_domain": "ReturnsAndRefunds",
            "model_objective": "ReturnAbuseRisk",
            "content_types": ["text/csv"],
            "response_types": ["application/json"],
            "input_variables": [("order_amount", "NUMERIC"), ("a_reason", "TEXT")],
            "output_variables": [("legacy-score", "NUMERIC")],
            "image_uri": f"763104351884.dkr.ecr.{region}.amazonaws.com/pytorch-inference:2.1.0",
            "framework_version": "2.1.0",
            "environment": {
                "AWS_REGION": region,
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_REGION": region,
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
            "inference_instance_types": ["ml.m5.large"],
            "load_test": {
                "expected_tps": 20,
                "max_latency_in_millisecond": 200,
                "max_acceptable_error_rate": 0.01,
            },
        }
        return RegistrationRequest.model_validate({**values, **fields})

    return make
