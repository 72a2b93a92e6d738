from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import Loader

from constructs_lib.service_model import argument_problems, matches_pattern

GROUP = {"ModelPackageGroupName": "returns-risk"}


def problems(**arguments: Any) -> list[str]:
    return argument_problems("CreateModelPackageGroup", {**GROUP, **arguments})


def test_arguments_that_the_service_takes_have_no_problems() -> None:
    assert problems(ModelPackageGroupDescription="Scores, by 'return': {été} ±1") == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"ModelPackageGroupName": "a_b"}, "ModelPackageGroupName: got 'a_b', allowed is "),
        ({"ModelPackageGroupDescription": "a" * 1025}, "got 1025 characters, allowed are 1024 or"),
        ({"ModelPackageGroupName": 7}, "ModelPackageGroupName: expected a string, got 7"),
        ({"ModelPackageGroupDescription": "two\nlines"}, "got 'two\\nlines', allowed is "),
        ({"Tags": {"Key": "a"}}, "Tags: expected a list, got {'Key': 'a'}"),
        ({"Tags": [{"Key": "a"}]}, "Tags[0].Value: missing"),
        ({"Tags": [{"Key": "a", "Value": "b,c"}]}, "Tags[0].Value: got 'b,c', allowed is "),
        ({"Group": "a"}, "Group: unknown, allowed: ModelPackageGroupName, "),
    ],
)
def test_each_problem_names_path_value_and_what_is_allowed(
    arguments: dict[str, Any], problem: str
) -> None:
    (found,) = problems(**arguments)
    assert problem in found


def test_enumerations_suggest_the_nearest_values() -> None:
    (found,) = argument_problems(
        "UpdateModelPackage", {"ModelPackageArn": _ARN, "ModelApprovalStatus": "approved"}
    )
    assert found.startswith("ModelApprovalStatus: got 'approved', allowed is one of 3 values")
    assert "Approved" in found


def test_numbers_are_checked_for_their_range() -> None:
    cluster = {"InstanceCount": 0, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
    found = argument_problems(
        "CreateProcessingJob", {"ProcessingResources": {"ClusterConfig": cluster}}
    )
    assert "ProcessingResources.ClusterConfig.InstanceCount: got 0, allowed are 1 or more" in found


def test_what_is_known_only_at_run_time_is_not_checked() -> None:
    assert problems(ModelPackageGroupDescription=object()) == []


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("Détection 数据 42/7_a.b:c=d+e-f@g", True),
        ("a,b", False),
        ('"quoted"', False),
        ("{braces}", False),
        ("e\u0301 in two", False),
        ("tab\t", False),
        ("\u00bd\u2028", True),
    ],
)
def test_unicode_categories_of_patterns_are_understood(text: str, is_allowed: bool) -> None:
    assert matches_pattern("CustomerMetadataValue", text) is is_allowed


def test_every_pattern_of_the_service_model_can_be_checked() -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    with_pattern = [name for name, shape in shapes.items() if "pattern" in shape]
    assert len(with_pattern) > 200
    for name in with_pattern:
        matches_pattern(name, "any text")


_ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/returns-risk/1"
