"""What comes, goes and is replaced beside the steps of pipelines."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib.aws.resource_types import replacing_properties
from constructs_lib.diff import AppDiff, as_markdown, as_text, compare_stacks
from constructs_lib.diff.changes import ResourceDiff

GROUP = "AWS::SageMaker::ModelPackageGroup"
ROLE = "AWS::IAM::Role"


def resource(type_name: str, policy: str | None = None, **properties: Any) -> dict[str, Any]:
    policies = {"DeletionPolicy": policy, "UpdateReplacePolicy": policy} if policy else {}
    return {"Type": type_name, "Properties": properties, **policies}


def differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, ResourceDiff]:
    templates = ({"one": {"Resources": old}}, {"one": {"Resources": new}})
    diffs = compare_stacks(*templates, replacing_properties)
    return {each.logical_id: each for diff in diffs for each in diff.resources}


def test_a_change_in_place_is_not_told() -> None:
    old = {"Role": resource(ROLE, Description="a"), "Kept": resource(ROLE)}
    new = {"Role": resource(ROLE, Description="b"), "Kept": resource(ROLE)}

    assert differences(old, new) == {}


def test_another_name_replaces_a_resource() -> None:
    old = {"Group": resource(GROUP, "Retain", ModelPackageGroupName="a")}
    new = {"Group": resource(GROUP, "Retain", ModelPackageGroupName="b")}

    (group,) = differences(old, new).values()

    assert (group.status, group.name) == ("replaced", "b")
    assert group.consequence == (
        "ModelPackageGroupName changes: a new one is made, the old one stays in AWS"
    )


def test_a_replacement_under_the_same_name_fails_and_says_so() -> None:
    names = {"ModelPackageGroupName": "a"}
    old = {"Group": resource(GROUP, **names, ModelPackageGroupDescription="x")}
    new = {"Group": resource(GROUP, **names, ModelPackageGroupDescription="y")}

    (group,) = differences(old, new).values()

    assert group.consequence == (
        "ModelPackageGroupDescription changes: CloudFormation makes the new one first and fails,"
        " as a is taken"
    )


@pytest.mark.parametrize(
    "reference",
    [
        {"Ref": "Vpc"},
        {"Fn::GetAtt": ["Vpc", "VpcId"]},
        {"Fn::GetAtt": "Vpc.VpcId"},
        {"Fn::Sub": "${Vpc.VpcId}"},
        {"Fn::Join": ["", [{"Ref": "Vpc"}]]},
    ],
)
def test_what_refers_to_a_replaced_resource_is_replaced_as_well(reference: Any) -> None:
    def network(cidr: str) -> dict[str, Any]:
        return {
            "Table": resource("AWS::EC2::SubnetRouteTableAssociation", SubnetId={"Ref": "Subnet"}),
            "Subnet": resource("AWS::EC2::Subnet", VpcId=reference, CidrBlock="10.0.0.0/24"),
            "Vpc": resource("AWS::EC2::VPC", CidrBlock=cidr),
            "Key": resource("AWS::KMS::Key", Description=reference),
        }

    found = differences(network("10.0.0.0/16"), network("10.1.0.0/16"))

    assert {name: each.status for name, each in found.items()} == {
        "Table": "replaced",
        "Subnet": "replaced",
        "Vpc": "replaced",
    }
    assert str(found["Table"].consequence).startswith("SubnetId changes: a new one is made")


def test_a_replacement_that_another_stack_stands_in_the_way_of_says_so() -> None:
    def app(cidr: str) -> dict[str, Any]:
        subnet = resource("AWS::EC2::Subnet", VpcId="vpc-1", CidrBlock=cidr)
        output = {"Value": {"Ref": "Subnet"}, "Export": {"Name": "network:Subnet"}}
        job = resource("AWS::Lambda::Function", Subnet={"Fn::ImportValue": "network:Subnet"})
        return {
            "network": {"Resources": {"Subnet": subnet}, "Outputs": {"Subnet": output}},
            "pipeline": {"Resources": {"Job": job}},
        }

    (diff,) = compare_stacks(app("10.0.0.0/24"), app("10.0.1.0/24"), replacing_properties)

    (subnet,) = diff.resources
    assert subnet.consequence == (
        "CidrBlock changes: CloudFormation refuses that while pipeline imports it"
    )


def test_a_resource_that_goes_is_deleted_or_stays() -> None:
    found = differences({"A": resource(ROLE), "B": resource(GROUP, "Retain")}, {})

    assert {name: each.consequence for name, each in found.items()} == {
        "A": "is deleted",
        "B": "stays in AWS, and the stack no longer manages it",
    }


def test_another_type_under_the_same_logical_id_is_refused() -> None:
    (changed,) = differences({"A": resource(ROLE)}, {"A": resource(GROUP)}).values()

    assert changed.consequence == (
        "its type changes from AWS::IAM::Role, which CloudFormation refuses"
    )


def test_pipelines_are_told_by_their_steps() -> None:
    pipeline = "AWS::SageMaker::Pipeline"
    old = {"P": resource(pipeline, PipelineName="a")}

    assert differences(old, {"P": resource(pipeline, PipelineName="b")}) == {}


def test_people_and_pull_requests_read_stacks_and_resources() -> None:
    bucket = {"Fn::Join": ["-", ["models", {"Ref": "AWS::AccountId"}]]}
    old = {
        "one": {"Resources": {"B": resource("AWS::S3::Bucket", "Retain", BucketName="models")}},
        "gone": {"Resources": {"R": resource(ROLE)}},
    }
    new = {
        "one": {
            "Resources": {
                "B": resource("AWS::S3::Bucket", "Retain", BucketName=bucket),
                "R": resource(ROLE),
            }
        },
        "fresh": {"Resources": {"R": resource(ROLE), "S": resource(ROLE)}},
    }
    diff = AppDiff(pipelines=(), stacks=tuple(compare_stacks(old, new, replacing_properties)))

    assert as_text(diff).plain.splitlines() == [
        "stack one: 1 resource added, 1 resource replaced",
        "  ! S3 Bucket models-${AWS::AccountId}: replaced: BucketName changes: a new one is made,"
        " the old one stays in AWS",
        "  + IAM Role R",
        "stack fresh: new, 2 resources",
        "stack gone: no longer in the app, 1 resource: 'cdk deploy' leaves it as it is; delete it"
        " in CloudFormation when nothing needs it",
        "0 of 0 pipelines changed; 0 cached steps to run anew; 1 other resource replaced.",
    ]
    assert (
        "  - **replaced** S3::Bucket `models-${AWS::AccountId}`: BucketName changes"
        in as_markdown(diff)
    )
