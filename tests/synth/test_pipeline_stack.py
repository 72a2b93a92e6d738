from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

Synthesize = Callable[..., dict[str, Template]]


@pytest.fixture(scope="module")
def stack(templates: dict[str, Template]) -> Template:
    return templates["pipeline-returns-risk"]


def _pipeline(template: Template) -> dict[str, Any]:
    (resource,) = template.find_resources("AWS::SageMaker::Pipeline").values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def _statements(template: Template, role_name_part: str) -> dict[str, dict[str, Any]]:
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
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
        "Verify",
        "Stage-NA",
        "Stage-EU",
        "Stage-FE",
        "Gate",
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

    of_the_network = {"AttachJobsToNetwork", "FindNetwork", "FindVersions"}
    assert everywhere == {"LogInToRegistry", "PublishMetrics", *of_the_network}


def test_no_aws_managed_policy_is_attached(stack: Template) -> None:
    for role in stack.find_resources("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


def test_the_registration_function_is_outside_the_vpc(stack: Template) -> None:
    stack.has_resource_properties(
        "AWS::Lambda::Function",
        {"Handler": "register_model.handler", "Timeout": 600, "VpcConfig": Match.absent()},
    )


def test_the_registration_function_reads_what_this_pipeline_writes(stack: Template) -> None:
    statement = _statements(stack, "RegistrationFunctionRole")["ReadRelease"]

    assert [resource["Fn::Join"][1][-1] for resource in statement["Resource"]] == [
        "/returns-risk/registration/*",
        "/returns-risk/releases/*",
        "/tmp/returns-risk/*",
    ]


def test_the_jobs_write_below_the_temporary_prefix_only(stack: Template) -> None:
    statement = _statements(stack, "ExecutionRole")["WriteOutputs"]

    assert statement["Resource"]["Fn::Join"][1][-1] == "/tmp/returns-risk/*"


def test_the_registration_function_writes_only_to_the_registries(stack: Template) -> None:
    statement = _statements(stack, "RegistrationFunctionRole")["WriteRegistries"]

    assert [
        resource["Fn::Join"][1][2] + resource["Fn::Join"][1][-1]
        for resource in statement["Resource"]
    ] == [
        f":s3:::model-release-registry--{region}/returns-risk/{folder}/*"
        for region in ("eu-west-1", "us-west-2")
        for folder in ("registration", "releases")
    ]


_CALLS = {
    "ExecutionRole": [
        "ec2:CreateNetworkInterface",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "iam:PassRole",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "lambda:InvokeFunction",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sagemaker:CreateModel",
        "sagemaker:CreateProcessingJob",
        "sagemaker:DescribeModel",
        "sagemaker:DescribeProcessingJob",
    ],
    "RegistrationFunctionRole": [
        "ecr:BatchGetImage",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sagemaker:CreateModelPackage",
        "sagemaker:DescribeModelPackage",
        "sagemaker:ListModelPackages",
    ],
}


@pytest.mark.parametrize("role", _CALLS)
def test_a_role_may_do_what_its_steps_call(stack: Template, role: str) -> None:
    allowed: set[str] = set()
    for statement in _statements(stack, role).values():
        actions = statement["Action"]
        allowed |= {actions} if isinstance(actions, str) else set(actions)

    assert sorted(set(_CALLS[role]) - allowed) == []
    assert not [action for action in allowed if "*" in action]


def test_the_pipelines_role_registers_nothing(stack: Template) -> None:
    allowed = json.dumps(_statements(stack, "ExecutionRole"))

    assert "ModelPackage" not in allowed


def test_the_execution_role_reads_incoming_and_what_its_jobs_write_only(stack: Template) -> None:
    resources = _statements(stack, "ExecutionRole")["ReadArtifactsAndAssets"]["Resource"]
    prefixes = [
        resource["Fn::Join"][1][-1]
        for resource in resources
        if "Fn::ImportValue" in str(resource["Fn::Join"][1][0])
    ]

    assert sorted(prefixes) == ["/incoming/*", "/tmp/returns-risk/*"]


def test_keys_and_prefixes_of_the_settings_are_granted(synthesize: Synthesize) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab"
    templates = synthesize(
        additional_key_arns=[key], additional_s3_prefixes=["s3://other-bucket/tmp/"]
    )

    statements = _statements(templates["pipeline-returns-risk"], "ExecutionRole")
    assert key in statements["UseKey"]["Resource"]
    written = str(statements["WriteConfiguredData"]["Resource"])
    assert ":s3:::other-bucket/tmp/*" in written
    function = _statements(templates["pipeline-returns-risk"], "RegistrationFunctionRole")
    assert ":s3:::other-bucket/tmp/*" in str(function["ReadConfiguredData"]["Resource"])
    assert function["ReadConfiguredData"]["Action"] == "s3:GetObject"
    assert ":s3:::other-bucket" in str(function["FindRelease"]["Resource"])
