"""Custom resources: a function answers for them, at the URL that it is given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.emulator import EmbeddedAws
from tests.local.emulator.conftest import StackDriver

CODE = """
import json
import os
import urllib.request

def handler(event, context):
    print(json.dumps(event))
    wanted = event["ResourceProperties"].get("Wanted", {})
    if event["RequestType"] in wanted.get("Silent", []):
        raise RuntimeError("no answer")
    is_refused = event["RequestType"] in wanted.get("Refused", []) and "GONE" not in os.environ
    answer = {
        "Status": "FAILED" if is_refused else "SUCCESS",
        "Reason": "There is an endpoint: risk in eu-west-1." if is_refused else "",
        "PhysicalResourceId": wanted.get("Name", "one"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Told": event["ResourceProperties"].get("Count", "none")},
    }
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request).close()
"""
TRUST = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]
}


def resources(more: dict[str, Any] | None = None, **wanted: Any) -> dict[str, Any]:
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {"ZipFile": CODE},
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Runtime": "python3.13",
                "Timeout": 30,
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Guard": {
            "Type": "Custom::Guard",
            "DependsOn": ["Queue"],
            "Properties": {
                "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
                "Wanted": wanted,
                **(more or {}),
            },
        },
    }


def _reason(stack: StackDriver, status: str) -> str:
    events = stack.client.describe_stack_events(StackName=stack.name)["StackEvents"]
    return next(
        str(event["ResourceStatusReason"])
        for event in events
        if event["LogicalResourceId"] == "Guard" and event["ResourceStatus"] == status
    )


def test_the_function_answers_for_the_resource(aws: EmbeddedAws, stack: StackDriver) -> None:
    template = {
        "Resources": resources({"Count": 3, "On": True}),
        "Outputs": {"Told": {"Value": {"Fn::GetAtt": ["Guard", "Told"]}}},
    }

    assert stack.deploy(template) == "CREATE_COMPLETE"
    assert stack.physical_id("Guard") == "one"
    assert stack.outputs == {"Told": "3"}  # as a text
    buckets = [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if name.startswith("cloudformation-")] == []
    stack_id = stack.description["StackId"]
    stack.delete()
    (deleted,) = stack.client.describe_stacks(StackName=stack_id)["Stacks"]
    assert deleted["StackStatus"] == "DELETE_COMPLETE"


def test_another_name_replaces_the_resource(stack: StackDriver) -> None:
    stack.deploy_resources(**resources())

    assert stack.deploy_resources(**resources(Name="two")) == "UPDATE_COMPLETE"
    assert stack.physical_id("Guard") == "two"
    assert stack.events[-2:] == ["Guard: DELETE_COMPLETE", f"{stack.name}: UPDATE_COMPLETE"]


def test_a_refused_deletion_leaves_what_the_resource_depends_on(stack: StackDriver) -> None:
    other = {"Alone": {"Type": "AWS::SQS::Queue"}}
    stack.deploy_resources(**resources(Refused=["Delete"]), **other)

    stack.delete()

    assert stack.status == "DELETE_FAILED"
    assert _reason(stack, "DELETE_FAILED").startswith(
        "Received response status [FAILED] from custom resource. Message returned: There is an"
        " endpoint: risk in eu-west-1. (RequestId: "
    )
    listed = stack.client.describe_stack_resources(StackName=stack.name)["StackResources"]
    left = {each["LogicalResourceId"] for each in listed}
    assert left == {"Role", "Function", "Queue", "Guard"}
    assert stack.description["StackStatusReason"].endswith("failed to delete: [Guard].")


def test_a_refused_update_takes_the_stack_back(stack: StackDriver) -> None:
    stack.deploy_resources(**resources({"Count": 1}))

    assert stack.deploy_resources(**resources({"Count": 2}, Refused=["Update"])) in (
        "UPDATE_ROLLBACK_COMPLETE",
    )
    assert "There is an endpoint" in _reason(stack, "UPDATE_FAILED")


def test_a_function_that_does_not_answer_fails_the_resource(stack: StackDriver) -> None:
    assert stack.deploy_resources(**resources(Silent=["Create"])) == "ROLLBACK_COMPLETE"
    reason = _reason(stack, "CREATE_FAILED")
    assert "did not receive a response from your Custom Resource" in reason
    assert "no answer" in reason


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "'ServiceToken' is a required property"),
        ({"ServiceToken": "arn:aws:sns:us-east-1:123456789012:topic"}, "asks functions about"),
    ],
)
def test_what_nobody_answers_for_is_refused(
    stack: StackDriver, properties: dict[str, Any], message: str
) -> None:
    stack.deploy_resources(Guard={"Type": "Custom::Guard", "Properties": properties})

    assert message in json.dumps(
        stack.client.describe_stack_events(StackName=stack.name)["StackEvents"], default=str
    )
