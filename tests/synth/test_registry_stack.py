from __future__ import annotations

from collections.abc import Mapping

import pytest
from aws_cdk.assertions import Template

OTHER_REGIONS = ["registry-eu", "registry-fe"]


@pytest.mark.parametrize("stack", ["registry-na", *OTHER_REGIONS])
def test_each_region_has_the_group_of_each_pipeline(
    templates: Mapping[str, Template], stack: str
) -> None:
    templates[stack].has_resource(
        "AWS::SageMaker::ModelPackageGroup",
        {
            "Properties": {"ModelPackageGroupName": "returns-risk"},
            "DeletionPolicy": "Retain",
        },
    )


@pytest.mark.parametrize("stack", OTHER_REGIONS)
def test_another_region_has_its_own_key_and_a_bucket_that_is_known_by_name(
    templates: Mapping[str, Template], stack: str
) -> None:
    region = {"registry-eu": "eu-west-1", "registry-fe": "us-west-2"}[stack]

    templates[stack].has_resource_properties(
        "AWS::KMS::Alias", {"AliasName": "alias/model-release-registry"}
    )
    templates[stack].has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketName": {
                "Fn::Join": [
                    "",
                    ["model-release-registry-", {"Ref": "AWS::AccountId"}, f"-{region}"],
                ]
            }
        },
    )


def test_the_home_region_needs_no_second_bucket(templates: Mapping[str, Template]) -> None:
    templates["registry-na"].resource_count_is("AWS::S3::Bucket", 0)


def test_no_stack_refers_to_another_region(templates: Mapping[str, Template]) -> None:
    for name in OTHER_REGIONS:
        template = str(templates[name].to_json())

        assert "Fn::ImportValue" not in template
        assert "Custom::" not in template
