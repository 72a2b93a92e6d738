"""Load tests on the embedded AWS: accepted, and ended at once with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from local.emulator.sagemaker.load_tests import NOT_TESTED


def _request(name: str, version: str) -> dict[str, Any]:
    return {
        "JobName": name,
        "JobType": "Advanced",
        "RoleArn": "arn:aws:iam::123456789012:role/load-test",
        "InputConfig": {"ModelPackageVersionArn": version},
    }


@pytest.fixture
def version(aws: EmbeddedAws) -> str:
    sagemaker = aws.client("sagemaker")
    arn: str = sagemaker.create_model_package(ModelPackageName="load-tested")["ModelPackageArn"]
    return arn


def test_a_load_test_ends_at_once_and_says_why(aws: EmbeddedAws, version: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_inference_recommendations_job(**_request("first", version))

    job = sagemaker.describe_inference_recommendations_job(JobName="first")
    assert (job["Status"], job["FailureReason"]) == ("STOPPED", NOT_TESTED)
    assert job["InputConfig"] == {"ModelPackageVersionArn": version}


def test_names_and_versions_are_looked_at(aws: EmbeddedAws, version: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_inference_recommendations_job(**_request("second", version))

    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_inference_recommendations_job(**_request("second", version))
    with pytest.raises(ClientError, match="not found"):
        sagemaker.create_inference_recommendations_job(**_request("third", f"{version}-missing"))
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_inference_recommendations_job(JobName="third")
