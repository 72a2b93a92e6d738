"""What holds data or is known by name is updated in place by every later version of the app.

CloudFormation replaces a resource whose logical id changes, and one of whose create-only properties
changes: which these are, the resource types' own schemas say. After a wanted change:
``python -m pytest tests/security/test_logical_ids.py --update-logical-ids``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.security.conftest import DEPLOYMENTS, Synthesized

_ACCEPTED = Path(__file__).with_name("logical_ids.json")
STATEFUL = {
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::SageMaker::Pipeline",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::StepFunctions::StateMachine",
    "Custom::Endpoints",
}
_STATELESS = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::FlowLog",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCEndpoint",
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
"""Types that hold nothing: made anew, they are as before."""

Stacks = dict[str, dict[str, dict[str, Any]]]


@cache
def _create_only(kind: str) -> tuple[str, ...]:
    # Only here: each process of tests imports this file, and one of them runs it.
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    paths = schema.get("createOnlyProperties", [])
    return tuple(path.removeprefix("/properties/") for path in paths)


def _fixed(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The type and whatever else cannot change without a replacement."""
    properties = resource.get("Properties", {})
    names = [name for name in _create_only(resource["Type"]) if name in properties]
    return {"Type": resource["Type"], **{name: properties[name] for name in sorted(names)}}


def _stateful(synthesized: dict[str, Synthesized]) -> Stacks:
    found: Stacks = {}
    for name in DEPLOYMENTS:
        for stack, template in synthesized[name].deployment.templates.items():
            for logical_id, resource in template.get("Resources", {}).items():
                if resource["Type"] in STATEFUL:
                    fixed = found.setdefault(stack, {}).setdefault(logical_id, _fixed(resource))
                    assert fixed == _fixed(resource), f"{stack}: {logical_id} depends on settings"
    return {stack: dict(sorted(found[stack].items())) for stack in sorted(found)}


def test_no_stateful_resource_is_replaced(
    synthesized: dict[str, Synthesized], request: pytest.FixtureRequest
) -> None:
    now = _stateful(synthesized)
    if request.config.getoption("--update-logical-ids", default=False):
        _ACCEPTED.write_text(json.dumps(now, indent=2) + "\n")
    accepted: Stacks = json.loads(_ACCEPTED.read_text())

    replaced = [
        f"{stack}: {logical_id}: {fixed}"
        for stack, resources in accepted.items()
        for logical_id, fixed in resources.items()
        if now.get(stack, {}).get(logical_id) != fixed
    ]
    assert replaced == [], (
        "A deployment would create these anew and delete the old ones, or leave them behind with"
        " their data and fail where the name is taken. If that is wanted, write the new list with"
        " --update-logical-ids and tell in docs/deploy.md how to upgrade."
    )
    assert now == accepted, "New stateful resources: add them with --update-logical-ids."


def test_every_type_of_resource_is_known_to_hold_data_or_not(
    synthesized: dict[str, Synthesized],
) -> None:
    types = {
        resource.type for each in synthesized.values() for resource in each.deployment.resources
    }

    assert types - STATEFUL - _STATELESS == set()


def test_a_changed_name_and_a_changed_id_are_replacements() -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "a", "Tags": []}}

    assert _fixed(bucket) == {"Type": "AWS::S3::Bucket", "BucketName": "a"}
    assert "ModelPackageGroupDescription" in _create_only("AWS::SageMaker::ModelPackageGroup")
