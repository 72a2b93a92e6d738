from __future__ import annotations

from collections.abc import Mapping

import pytest
from aws_cdk.assertions import Match, Template

from tests.synth.conftest import Synthesize


@pytest.fixture(scope="module")
def storage(templates: Mapping[str, Template]) -> Template:
    return templates["storage"]


def test_the_key_rotates_and_has_an_alias(storage: Template) -> None:
    storage.has_resource_properties("AWS::KMS::Key", {"EnableKeyRotation": True})
    storage.has_resource_properties("AWS::KMS::Alias", {"AliasName": "alias/model-release"})


def test_artifacts_are_private_versioned_and_under_the_key(storage: Template) -> None:
    (key,) = storage.find_resources("AWS::KMS::Key")

    storage.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "BucketKeyEnabled": True,
                        "ServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": {"Fn::GetAtt": [key, "Arn"]},
                        },
                    }
                ]
            },
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "VersioningConfiguration": {"Status": "Enabled"},
            "LoggingConfiguration": Match.any_value(),
        },
    )


def test_every_bucket_refuses_plain_http(storage: Template) -> None:
    policies = storage.find_resources("AWS::S3::BucketPolicy").values()
    buckets = storage.find_resources("AWS::S3::Bucket")

    refusing = [
        policy["Properties"]["Bucket"]["Ref"]
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert sorted(refusing) == sorted(buckets)


def test_temporary_and_superseded_objects_expire(storage: Template) -> None:
    storage.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "LifecycleConfiguration": {
                "Rules": Match.array_with(
                    [
                        Match.object_like({"NoncurrentVersionExpiration": {"NoncurrentDays": 90}}),
                        Match.object_like({"Prefix": "tmp/", "ExpirationInDays": 60}),
                    ]
                )
            }
        },
    )


def test_data_outlives_the_stack_unless_told_otherwise(
    templates: Mapping[str, Template], synthesize: Synthesize
) -> None:
    kept = templates["storage"].find_resources("AWS::S3::Bucket").values()
    removed = synthesize(retain_data=False)["storage"].find_resources("AWS::S3::Bucket").values()

    assert {bucket["DeletionPolicy"] for bucket in kept} == {"Retain"}
    assert {bucket["DeletionPolicy"] for bucket in removed} == {"Delete"}
