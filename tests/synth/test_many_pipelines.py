"""Notifications of more pipelines than fit one event pattern or one policy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from constructs_lib.infrastructure.iam.batches import batches
from constructs_lib.settings import Notifications, Settings
from stacks.notifications import ForwardingStack, NotificationStack, Watched
from stacks.storage import StorageStack

NAMES = [f"Fraud-detection-model-number-{number:03}" for number in range(60)]
ALARMS = [f"{name}-standing-{kind}" for name in NAMES for kind in ("errors", "latency")]
ENVIRONMENT = Environment(account="123456789012", region="us-east-1")
VALUES = {"AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::Region": "us-east-1"}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    app = App(
        outdir=str(tmp_path_factory.mktemp("cdk.out")), builtin_cloud_formation_validation=False
    )
    settings = Settings(notifications=Notifications(emails=("ml@example.com",)))
    storage = StorageStack(app, "storage", settings=settings, env=ENVIRONMENT)
    home = NotificationStack(
        app,
        "notifications",
        settings=settings,
        notifications=Notifications(emails=("ml@example.com",)),
        watched=Watched(pipeline_names=NAMES, model_package_group_names=NAMES, alarm_names=ALARMS),
        storage=storage,
        env=ENVIRONMENT,
    )
    forwarding = ForwardingStack(
        app,
        "forwarding",
        home_region="us-east-1",
        model_package_group_names=NAMES,
        alarm_names=ALARMS,
        env=Environment(account="123456789012", region="eu-west-1"),
    )
    return {"home": Template.from_stack(home), "forwarding": Template.from_stack(forwarding)}


def _deployed(node: Any) -> Any:
    """Put in what CloudFormation would, with the longest text for what it makes up."""
    match node:
        case {"Ref": str(name)}:
            return VALUES.get(name, "x" * 90)
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(map(_deployed, parts))
        case {"Fn::GetAtt": _} | {"Fn::ImportValue": _}:
            return "x" * 90
        case dict():
            return {key: _deployed(value) for key, value in node.items()}
        case list():
            return [_deployed(value) for value in node]
    return node


def _documents(template: Template, kind: str, member: str) -> list[Any]:
    found = template.find_resources(kind).values()
    return [_deployed(resource["Properties"][member]) for resource in found]


def _length(document: Any) -> int:
    return len(json.dumps(document, separators=(",", ":")))


@pytest.mark.parametrize("name", ["home", "forwarding"])
def test_no_event_pattern_is_too_long(stacks: dict[str, Template], name: str) -> None:
    patterns = _documents(stacks[name], "AWS::Events::Rule", "EventPattern")

    # Source: Amazon EventBridge User Guide, "Event bus quotas": Event pattern size.
    assert max(map(_length, patterns)) <= 2_048


@pytest.mark.parametrize("name", ["home", "forwarding"])
def test_each_group_is_told_of_once(stacks: dict[str, Template], name: str) -> None:
    patterns = _documents(stacks[name], "AWS::Events::Rule", "EventPattern")
    groups = [each for one in patterns for each in one["detail"].get("ModelPackageGroupName", [])]

    assert sorted(groups) == sorted(NAMES)


@pytest.mark.parametrize("name", ["home", "forwarding"])
def test_each_alarm_is_told_of_once(stacks: dict[str, Template], name: str) -> None:
    patterns = _documents(stacks[name], "AWS::Events::Rule", "EventPattern")
    alarms = [each for one in patterns for each in one["detail"].get("alarmName", [])]

    assert sorted(alarms) == sorted(ALARMS)


def test_each_pipeline_is_told_of_once(stacks: dict[str, Template]) -> None:
    patterns = _documents(stacks["home"], "AWS::Events::Rule", "EventPattern")
    arns = [each for one in patterns for each in one["detail"].get("pipelineArn", [])]

    prefix = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/"
    spellings = [*NAMES, *(name.lower() for name in NAMES)]
    assert sorted(arns) == sorted(prefix + name for name in spellings)


def test_no_policy_is_too_long_and_together_they_allow_all(stacks: dict[str, Template]) -> None:
    policies = _documents(stacks["home"], "AWS::IAM::ManagedPolicy", "PolicyDocument")

    # Source: IAM User Guide, "IAM and AWS STS quotas": managed policies, and policies per role.
    assert max(map(_length, policies)) <= 6_144
    assert 1 < len(policies) <= 10
    statements = [each for policy in policies for each in policy["Statement"]]
    allowed = {
        resource
        for each in statements
        if each["Sid"].startswith("ReadExecutions")
        for resource in each["Resource"]
    }
    assert len(allowed) == 2 * len(NAMES)


def test_texts_are_split_in_their_order_where_they_no_longer_fit() -> None:
    assert batches(["aa", "bb", "cc"], most=10) == [["aa", "bb"], ["cc"]]
    assert batches(["a" * 20, "b"], most=10) == [["a" * 20], ["b"]]
    assert batches([], most=10) == []
