"""Schedules and encrypted log groups through create, update and delete."""

from __future__ import annotations

from typing import Any

from local.emulator import EmbeddedAws
from tests.local.emulator.conftest import StackDriver

KEY = "arn:aws:kms:us-east-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab"


def _schedule(expression: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": "Europe/Berlin",
            "Target": {
                "Arn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p",
                "RoleArn": "arn:aws:iam::123456789012:role/start",
                "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0},
                "SageMakerPipelineParameters": {
                    "PipelineParameterList": [{"Name": "ModelS3Uri", "Value": "s3://b/m"}]
                },
            },
        },
    }


def test_a_schedule_is_created_changed_and_deleted(aws: EmbeddedAws, stack: StackDriver) -> None:
    scheduler = aws.client("scheduler")

    stack.deploy_resources(Weekly=_schedule("rate(7 days)"))
    name = stack.physical_id("Weekly")
    created = scheduler.get_schedule(Name=name)
    assert created["ScheduleExpression"] == "rate(7 days)"
    assert created["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 0
    assert created["Target"]["SageMakerPipelineParameters"]["PipelineParameterList"] == [
        {"Name": "ModelS3Uri", "Value": "s3://b/m"}
    ]

    stack.deploy_resources(Weekly=_schedule("rate(1 day)"))
    assert stack.physical_id("Weekly") == name
    assert scheduler.get_schedule(Name=name)["ScheduleExpression"] == "rate(1 day)"

    stack.delete()
    assert name not in [each["Name"] for each in scheduler.list_schedules()["Schedules"]]


def _log_group(owner: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "KmsKeyId": KEY,
            "Tags": [{"Key": "owner", "Value": owner}],
        },
    }


def test_the_tags_of_an_encrypted_log_group_can_change(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    stack.deploy_resources(Logs=_log_group("one"))
    stack.deploy_resources(Logs=_log_group("other"))

    tags = aws.client("logs").list_tags_log_group(logGroupName=stack.physical_id("Logs"))["tags"]
    assert tags == {"owner": "other"}
    stack.delete()


def _provider(owner: str) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::OIDCProvider",
        "Properties": {
            "Url": "https://token.actions.githubusercontent.com",
            "ClientIdList": ["sts.amazonaws.com"],
            "Tags": [{"Key": "owner", "Value": owner}],
        },
    }


def test_an_identity_provider_is_created_changed_and_deleted(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    iam = aws.client("iam")

    stack.deploy_resources(GitHub=_provider("one"))
    arn = stack.physical_id("GitHub")
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert provider["ClientIDList"] == ["sts.amazonaws.com"]

    assert stack.deploy_resources(GitHub=_provider("other")) == "UPDATE_COMPLETE"
    assert stack.physical_id("GitHub") == arn
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert provider["Tags"] == [{"Key": "owner", "Value": "other"}]

    stack.delete()
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def _group(owner: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Scheduler::ScheduleGroup",
        "Properties": {"Tags": [{"Key": "owner", "Value": owner}]},
    }


def test_a_schedule_group_is_created_changed_and_deleted(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    scheduler = aws.client("scheduler")

    stack.deploy_resources(LoadTests=_group("one"))
    name = stack.physical_id("LoadTests")
    assert stack.deploy_resources(LoadTests=_group("other")) == "UPDATE_COMPLETE"
    arn = scheduler.get_schedule_group(Name=name)["Arn"]
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [
        {"Key": "owner", "Value": "other"}
    ]

    stack.delete()
    groups = scheduler.list_schedule_groups()["ScheduleGroups"]
    assert name not in [each["Name"] for each in groups]
