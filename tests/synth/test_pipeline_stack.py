from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template


@pytest.fixture(scope="module")
def stack(templates: dict[str, Template]) -> Template:
    return templates["pipeline-returns-risk"]


def _pipeline(template: Template) -> dict[str, Any]:
    (resource,) = template.find_resources("AWS::SageMaker::Pipeline").values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def _statements(template: Template, role_name_part: str) -> dict[str, dict[str, Any]]:
    policies = template.find_resources("AWS::IAM::Policy")
    return {
        statement["Sid"]: statement
        for name, policy in policies.items()
        if role_name_part in name
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    }


def test_the_definition_is_one_substitution_of_scalar_values(stack: Template) -> None:
    body, variables = _pipeline(stack)["PipelineDefinition"]["PipelineDefinitionBody"]["Fn::Sub"]

    assert [step["Name"] for step in json.loads(body)["Steps"]] == [
        "CreateModel",
        "Package",
        "Registration-NA",
        "Registration-EU",
        "Registration-FE",
    ]
    assert not any(isinstance(value, list) for value in variables.values())
    assert "Token[" not in body


def test_no_custom_resource_is_deployed(templates: dict[str, Template]) -> None:
    types = {
        resource["Type"]
        for template in templates.values()
        for resource in template.to_json().get("Resources", {}).values()
    }

    assert not [kind for kind in types if kind.startswith(("Custom::", "AWS::CloudFormation::"))]


def test_sagemaker_assumes_the_execution_role(stack: Template) -> None:
    role_arn = _pipeline(stack)["RoleArn"]

    assert role_arn["Fn::GetAtt"][0].startswith("ExecutionRole")
    stack.has_resource_properties(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    Match.object_like({"Principal": {"Service": "sagemaker.amazonaws.com"}})
                ]
            }
        },
    )


def test_the_execution_role_passes_only_itself_and_only_to_sagemaker(stack: Template) -> None:
    statement = _statements(stack, "ExecutionRole")["PassItselfToJobs"]

    assert statement["Resource"]["Fn::GetAtt"][0].startswith("ExecutionRole")
    assert statement["Condition"] == {
        "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
    }


def test_a_pipeline_that_does_not_train_may_not_train(stack: Template) -> None:
    assert "Training" not in str(_statements(stack, "ExecutionRole")["RunJobs"]["Action"])


def test_only_actions_without_resources_are_allowed_on_all(stack: Template) -> None:
    everywhere = {
        name
        for role in ("ExecutionRole", "RegistrationFunctionRole")
        for name, statement in _statements(stack, role).items()
        if statement["Resource"] == "*"
    }

    assert everywhere == {"LogInToRegistry", "PublishMetrics", "FindNetwork", "FindVersions"}


def test_no_aws_managed_policy_is_attached(stack: Template) -> None:
    for role in stack.find_resources("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


def test_the_registration_function_is_outside_the_vpc(stack: Template) -> None:
    stack.has_resource_properties(
        "AWS::Lambda::Function",
        {"Handler": "register_model.handler", "Timeout": 600, "VpcConfig": Match.absent()},
    )


def test_the_registration_function_reads_what_this_pipeline_released(stack: Template) -> None:
    statement = _statements(stack, "RegistrationFunctionRole")["ReadRelease"]

    assert [resource["Fn::Join"][1][-1] for resource in statement["Resource"]] == [
        "/returns-risk/registration/*",
        "/returns-risk/releases/*",
    ]


def test_the_registration_function_writes_only_to_the_registries(stack: Template) -> None:
    statement = _statements(stack, "RegistrationFunctionRole")["WriteRegistries"]

    assert [
        resource["Fn::Join"][1][2] + resource["Fn::Join"][1][-1]
        for resource in statement["Resource"]
    ] == [
        ":s3:::model-release-registry--eu-west-1/*",
        ":s3:::model-release-registry--us-west-2/*",
    ]
