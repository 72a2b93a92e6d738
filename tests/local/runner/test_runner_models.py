from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.runner import EmulatedAws, Execution, ExecutionStatus

Deploy = Callable[..., str]
Execute = Callable[..., Execution]
Put = Callable[[str, str | bytes], str]

ROLE_ARN = "arn:aws:iam::123456789012:role/execution"


def model_step(uri: Any) -> dict[str, Any]:
    container = {"Image": "image", "ModelDataUrl": uri, "Environment": {"A": "b"}}
    return {
        "Name": "CreateModel",
        "Type": "Model",
        "Arguments": {"ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": container},
    }


def register_step(group: str, uri: Any) -> dict[str, Any]:
    return {
        "Name": "Registration-NA",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": group,
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [{"Image": "image", "ModelDataUrl": uri}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            "CustomerMetadataProperties": {
                "model": {"Get": "Steps.CreateModel.ModelName"},
            },
        },
    }


def test_a_model_is_created_under_a_generated_name(
    deploy: Deploy, execute: Execute, put: Put, aws: EmulatedAws
) -> None:
    uri = put("model.tar.gz", "m")

    execution = execute(deploy(model_step(uri)))

    properties = execution.step("CreateModel").properties
    assert properties["ModelName"].startswith(f"pipelines-{execution.id}-CreateModel-")
    model = aws.sagemaker.describe_model(ModelName=properties["ModelName"])
    assert model["PrimaryContainer"]["ModelDataUrl"] == uri
    assert properties["ModelArn"] == model["ModelArn"]


def test_a_model_without_its_artifact_fails_as_on_aws(
    deploy: Deploy, execute: Execute, bucket: str
) -> None:
    execution = execute(deploy(model_step(f"s3://{bucket}/absent.tar.gz")))

    assert execution.step("CreateModel").reason == (
        "ClientError: ValidationException: "
        f"Could not find model data at s3://{bucket}/absent.tar.gz."
    )


def test_an_artifact_must_be_an_object_not_a_folder(
    deploy: Deploy, execute: Execute, put: Put
) -> None:
    folder = put("models/model.tar.gz", "m").removesuffix("/model.tar.gz")

    assert execute(deploy(model_step(folder))).status is ExecutionStatus.FAILED


def test_an_uncompressed_artifact_may_be_a_folder(
    deploy: Deploy, execute: Execute, put: Put
) -> None:
    folder = put("models/weights.bin", "m").removesuffix("weights.bin")
    step = model_step(None)
    step["Arguments"]["PrimaryContainer"]["ModelDataSource"] = {
        "S3DataSource": {"S3Uri": folder, "S3DataType": "S3Prefix", "CompressionType": "None"}
    }

    assert execute(deploy(step)).status is ExecutionStatus.SUCCEEDED


def test_an_artifact_in_a_bucket_that_does_not_exist_fails_the_step(
    deploy: Deploy, execute: Execute
) -> None:
    reason = execute(deploy(model_step("s3://absent-bucket/model.tar.gz"))).step("CreateModel")

    assert reason.reason is not None
    assert "NoSuchBucket" in reason.reason
    assert "s3://absent-bucket/model.tar.gz" in reason.reason


def test_a_model_package_is_registered_in_its_group(
    deploy: Deploy, execute: Execute, put: Put, aws: EmulatedAws
) -> None:
    uri = put("model.tar.gz", "m")
    group = f"group-{uri.split('/')[2][-12:]}"
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    registration = register_step(group, {"Get": "Steps.CreateModel.PrimaryContainer.ModelDataUrl"})

    execution = execute(deploy(registration, model_step(uri)))

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    properties = execution.step("Registration-NA").properties
    package = aws.sagemaker.describe_model_package(ModelPackageName=properties["ModelPackageArn"])
    assert package["ModelPackageVersion"] == properties["ModelPackageVersion"] == 1
    assert package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == uri
    assert (
        package["CustomerMetadataProperties"]["model"]
        == execution.step("CreateModel").properties["ModelName"]
    )


def test_a_registration_creates_its_group(
    deploy: Deploy, execute: Execute, put: Put, aws: EmulatedAws
) -> None:
    uri = put("model.tar.gz", "m")
    group = f"new-{uri.split('/')[2][-12:]}"

    execution = execute(deploy(model_step(uri), register_step(group, uri)))

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    listed = aws.sagemaker.list_model_packages(ModelPackageGroupName=group)
    assert len(listed["ModelPackageSummaryList"]) == 1


def test_a_model_that_is_isolated_is_described_so(
    deploy: Deploy, execute: Execute, put: Put, aws: EmulatedAws
) -> None:
    described = []
    for isolated in (True, False):
        step = model_step(put("model.tar.gz", "m"))
        step["Arguments"]["EnableNetworkIsolation"] = isolated
        name = execute(deploy(step)).step("CreateModel").properties["ModelName"]
        described.append(aws.sagemaker.describe_model(ModelName=name)["EnableNetworkIsolation"])

    assert described == [True, False]
