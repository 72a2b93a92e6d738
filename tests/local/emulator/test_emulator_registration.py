"""Repeated registrations and the lives of executions, as SageMaker has them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from local.runner import EmulatedAws


@pytest.fixture
def request_of_a_package(aws: EmbeddedAws) -> dict[str, Any]:
    name = f"group-{uuid.uuid4().hex}"
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return {
        "ModelPackageGroupName": name,
        "ClientToken": uuid.uuid4().hex,
        "InferenceSpecification": {
            "Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    }


def test_the_same_request_with_the_same_token_registers_once(
    aws: EmbeddedAws, request_of_a_package: dict[str, Any]
) -> None:
    create = aws.client("sagemaker").create_model_package

    first, second = create(**request_of_a_package), create(**request_of_a_package)

    assert first["ModelPackageArn"] == second["ModelPackageArn"]


def test_another_request_with_the_same_token_is_refused(
    aws: EmbeddedAws, request_of_a_package: dict[str, Any]
) -> None:
    create = aws.client("sagemaker").create_model_package
    create(**request_of_a_package)

    with pytest.raises(ClientError, match="ConflictException"):
        create(**request_of_a_package, ModelPackageDescription="another")


def test_requests_without_a_token_are_told_apart(
    aws: EmbeddedAws, request_of_a_package: dict[str, Any]
) -> None:
    create = aws.client("sagemaker").create_model_package
    del request_of_a_package["ClientToken"]

    assert create(**request_of_a_package) != create(**request_of_a_package)


def test_the_token_of_a_deleted_package_is_free(
    aws: EmbeddedAws, request_of_a_package: dict[str, Any]
) -> None:
    sagemaker = aws.client("sagemaker")
    first = sagemaker.create_model_package(**request_of_a_package)["ModelPackageArn"]
    sagemaker.delete_model_package(ModelPackageName=first)

    assert sagemaker.create_model_package(**request_of_a_package)["ModelPackageArn"] != first


def test_an_execution_lasts_until_it_is_ended(aws: EmbeddedAws) -> None:
    sagemaker, name = aws.client("sagemaker"), f"pipeline-{uuid.uuid4().hex}"
    steps = [{"Name": "Fail", "Type": "Fail"}]
    sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": steps}),
        RoleArn="arn:aws:iam::123456789012:role/execution",
        ClientRequestToken=uuid.uuid4().hex,
    )
    arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]

    def status() -> str:
        answer = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return str(answer["PipelineExecutionStatus"])

    assert status() == "Executing"
    assert EmulatedAws.connect(aws.environment()).end_execution(arn, "Failed")
    assert status() == "Failed"


def test_an_aws_that_does_not_answer_ends_no_execution(aws: EmbeddedAws) -> None:
    unreachable = {**aws.environment(), "AWS_ENDPOINT_URL": "http://localhost:9"}

    assert not EmulatedAws.connect(unreachable).end_execution("arn", "Failed")
