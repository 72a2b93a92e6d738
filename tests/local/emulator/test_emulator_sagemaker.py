"""Pipelines, model package groups and model packages as SageMaker has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from tests.local.emulator.conftest import StackDriver

ROLE = "arn:aws:iam::123456789012:role/pipeline"
DEFINITION = {"Version": "2020-12-01", "Steps": [{"Name": "Fail", "Type": "Fail"}]}


def pipeline(
    name: str, *, definition: dict[str, Any] | str = DEFINITION, **properties: Any
) -> dict[str, Any]:
    body = definition if isinstance(definition, str) else json.dumps(definition)
    return {
        "Type": "AWS::SageMaker::Pipeline",
        "Properties": {
            "PipelineName": name,
            "PipelineDefinition": {"PipelineDefinitionBody": body},
            "RoleArn": ROLE,
            **properties,
        },
    }


def group(name: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::SageMaker::ModelPackageGroup",
        "Properties": {"ModelPackageGroupName": name, **properties},
    }


def test_a_pipeline_holds_its_resolved_definition_and_is_updated_in_place(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    sagemaker, name = aws.client("sagemaker"), f"{stack.name}-release"

    def resources(note: str) -> dict[str, Any]:
        step = {"Name": "Fail", "Type": "Fail", "Note": note, "Region": "${AWS::Region}"}
        text = json.dumps({**DEFINITION, "Steps": [step]})
        body = {"PipelineDefinitionBody": {"Fn::Sub": [text, {"Role": ROLE}]}}
        return {"Pipeline": pipeline(name, PipelineDefinition=body, Tags=[])}

    assert stack.deploy_resources(**resources("first ${Role}")) == "CREATE_COMPLETE"
    first = sagemaker.describe_pipeline(PipelineName=name)
    assert json.loads(first["PipelineDefinition"])["Steps"][0] == {
        "Name": "Fail",
        "Type": "Fail",
        "Note": f"first {ROLE}",
        "Region": "us-east-1",
    }

    assert stack.deploy_resources(**resources("second")) == "UPDATE_COMPLETE"
    second = sagemaker.describe_pipeline(PipelineName=name)
    assert "second" in second["PipelineDefinition"]
    assert second["CreationTime"] == first["CreationTime"]
    assert second["LastModifiedTime"] > first["LastModifiedTime"]
    assert "Pipeline: DELETE_COMPLETE" not in stack.events


def test_a_new_name_replaces_the_pipeline(aws: EmbeddedAws, stack: StackDriver) -> None:
    old, new = f"{stack.name}-old", f"{stack.name}-new"
    stack.deploy_resources(Pipeline=pipeline(old))

    assert stack.deploy_resources(Pipeline=pipeline(new)) == "UPDATE_COMPLETE"

    assert stack.physical_id("Pipeline") == new
    with pytest.raises(ClientError, match="Could not find pipeline"):
        aws.client("sagemaker").describe_pipeline(PipelineName=old)


def test_a_definition_may_lie_in_s3(aws: EmbeddedAws, stack: StackDriver) -> None:
    s3, bucket = aws.client("s3"), f"{stack.name}-definitions"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="pipeline.json", Body=json.dumps(DEFINITION))
    location = {"PipelineDefinitionS3Location": {"Bucket": bucket, "Key": "pipeline.json"}}

    stack.deploy_resources(Pipeline=pipeline(stack.name, PipelineDefinition=location))

    described = aws.client("sagemaker").describe_pipeline(PipelineName=stack.name)
    assert json.loads(described["PipelineDefinition"]) == DEFINITION


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"definition": "{"}, "Unable to parse pipeline definition"),
        ({"definition": "[]"}, "Version, Steps is required"),
        ({"definition": {"Version": "2020-12-01", "Steps": []}}, "Steps is required"),
        ({"name": "under_score"}, "regular expression pattern"),
        ({"name": "-"}, "PipelineName"),
        ({"RoleArn": "arn:aws:iam::123:role/too-short-account"}, "RoleArn"),
        ({"RoleArn": None}, "RoleArn"),
        ({"PipelineDefinition": {}}, "PipelineDefinition"),
    ],
)
def test_a_pipeline_that_the_service_would_not_take_is_refused(
    aws: EmbeddedAws, stack: StackDriver, changes: dict[str, Any], message: str
) -> None:
    given = {"name": stack.name, **changes}
    status = stack.deploy_resources(Pipeline=pipeline(given.pop("name"), **given))

    assert status == "ROLLBACK_COMPLETE"
    assert message in stack.reason


def test_a_broken_update_keeps_the_definition(aws: EmbeddedAws, stack: StackDriver) -> None:
    stack.deploy_resources(Pipeline=pipeline(stack.name))

    status = stack.deploy_resources(Pipeline=pipeline(stack.name, definition="{"))

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    described = aws.client("sagemaker").describe_pipeline(PipelineName=stack.name)
    assert json.loads(described["PipelineDefinition"]) == DEFINITION


def create_package(aws: EmbeddedAws, group_name: str, **members: Any) -> str:
    answer = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=group_name,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        **members,
    )
    return str(answer["ModelPackageArn"])


def test_a_group_with_packages_is_not_deleted(aws: EmbeddedAws, stack: StackDriver) -> None:
    sagemaker = aws.client("sagemaker")
    stack.deploy_resources(Group=group(stack.name))
    package = create_package(aws, stack.name)

    stack.delete()
    assert stack.status == "DELETE_FAILED"
    assert "failed to delete: [Group]" in stack.reason

    sagemaker.delete_model_package(ModelPackageName=package)
    stack.delete()
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=stack.name)


def test_a_group_keeps_its_packages_when_only_tags_change(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    sagemaker = aws.client("sagemaker")
    stack.deploy_resources(Group=group(stack.name))
    package = create_package(aws, stack.name)

    stack.deploy_resources(Group=group(stack.name, Tags=[{"Key": "a", "Value": "b"}]))

    arn = stack.physical_id("Group")
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    described = sagemaker.describe_model_package(ModelPackageName=package)
    assert described["ModelPackageVersion"] == 1


def test_a_group_is_not_created_twice(
    aws: EmbeddedAws, stack: StackDriver, other_stack: StackDriver
) -> None:
    stack.deploy_resources(Group=group(stack.name))
    create_package(aws, stack.name)

    assert other_stack.deploy_resources(Group=group(stack.name)) == "ROLLBACK_COMPLETE"
    described = stack.deploy_resources(
        Group=group(stack.name, ModelPackageGroupDescription="replacing a named group")
    )

    assert described == "UPDATE_ROLLBACK_COMPLETE"
    packages = aws.client("sagemaker").list_model_packages(ModelPackageGroupName=stack.name)
    assert len(packages["ModelPackageSummaryList"]) == 1


def test_a_package_keeps_all_that_it_was_registered_with(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    sagemaker = aws.client("sagemaker")
    stack.deploy_resources(Group=group(stack.name))
    card = {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}

    package = create_package(aws, stack.name, ModelCard=card, SkipModelValidation="All")

    described = sagemaker.describe_model_package(ModelPackageName=package)
    assert described["ModelCard"] == card
    assert described["SkipModelValidation"] == "All"


def test_an_approval_changes_the_approval_only(aws: EmbeddedAws, stack: StackDriver) -> None:
    sagemaker = aws.client("sagemaker")
    stack.deploy_resources(Group=group(stack.name))
    package = create_package(aws, stack.name, CustomerMetadataProperties={"owner": "me", "b": "1"})

    sagemaker.update_model_package(
        ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )
    sagemaker.update_model_package(
        ModelPackageArn=package,
        CustomerMetadataProperties={"b": "2"},
        CustomerMetadataPropertiesToRemove=["owner"],
    )

    described = sagemaker.describe_model_package(ModelPackageName=package)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "good"
    assert described["CustomerMetadataProperties"] == {"b": "2"}


def test_the_version_of_a_deleted_package_is_not_used_again(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    stack.deploy_resources(Group=group(stack.name))
    first, second = (create_package(aws, stack.name) for _ in range(2))
    aws.client("sagemaker").delete_model_package(ModelPackageName=first)

    third = create_package(aws, stack.name)

    assert [arn.rpartition("/")[2] for arn in (second, third)] == ["2", "3"]


def test_what_moto_does_not_have_is_one_readable_error(aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match=r"cannot do this \(sagemaker\): NotImplementedError"):
        aws.client("sagemaker").list_monitoring_alerts(MonitoringScheduleName="s")
