from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.synth.conftest import Synthesize


@pytest.fixture(scope="module")
def stack(templates: Mapping[str, Template]) -> Template:
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


def test_no_custom_resource_is_deployed_but_the_guard_of_endpoints(
    templates: Mapping[str, Template],
) -> None:
    types = {
        resource["Type"]
        for template in templates.values()
        for resource in template.to_json().get("Resources", {}).values()
    }

    found = {kind for kind in types if kind.startswith(("Custom::", "AWS::CloudFormation::"))}
    assert found == {"Custom::Endpoints"}


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


def test_the_execution_role_passes_only_the_jobs_role_and_only_to_sagemaker(
    stack: Template,
) -> None:
    statement = _statements(stack, "ExecutionRole")["PassJobRole"]

    assert statement["Resource"]["Fn::GetAtt"][0].startswith("JobRole")
    assert statement["Condition"] == {
        "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
    }


def test_a_pipeline_that_does_not_train_may_not_train(stack: Template) -> None:
    assert "Training" not in str(_statements(stack, "ExecutionRole")["RunJobs"]["Action"])


def test_only_actions_without_resources_are_allowed_on_all(stack: Template) -> None:
    everywhere = {
        name
        for role in ("ExecutionRole", "JobRole", "RegistrationFunctionRole")
        for name, statement in _statements(stack, role).items()
        if statement["Resource"] == "*"
    }

    of_the_network = {"AttachJobsToNetwork", "FindNetwork"}
    lists = {"FindLineage", "FindVersions"}
    assert everywhere == {"LogInToRegistry", "PublishMetrics", *of_the_network, *lists}


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
    statement = _statements(stack, "JobRole")["WriteOutputs"]

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
        "iam:PassRole",
        "kms:Decrypt",
        "lambda:InvokeFunction",
        "s3:GetObject",
        "sagemaker:CreateModel",
        "sagemaker:CreateProcessingJob",
        "sagemaker:DescribeModel",
        "sagemaker:DescribeProcessingJob",
    ],
    "JobRole": [
        "ec2:CreateNetworkInterface",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
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


def test_jobs_read_their_pipelines_incoming_models_and_artifacts_only(stack: Template) -> None:
    statements = _statements(stack, "JobRole")
    resources = statements["ReadArtifactsAndAssets"]["Resource"]
    prefixes = [
        resource["Fn::Join"][1][-1]
        for resource in resources
        if "Fn::ImportValue" in str(resource["Fn::Join"][1][0])
    ]

    own = ["incoming/returns-risk/*", "tmp/returns-risk/*"]
    assert sorted(prefixes) == [f"/{each}" for each in own]
    assert statements["FindData"]["Condition"] == {"StringLike": {"s3:prefix": own}}


def test_jobs_start_nothing_register_nothing_and_pass_no_role(stack: Template) -> None:
    allowed = str([each["Action"] for each in _statements(stack, "JobRole").values()])

    assert not [name for name in ("sagemaker:", "lambda:", "iam:", "sts:") if name in allowed]


def test_keys_and_prefixes_of_the_settings_are_granted(synthesize: Synthesize) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab"
    templates = synthesize(
        additional_key_arns=[key], additional_s3_prefixes=["s3://other-bucket/tmp/"]
    )

    statements = _statements(templates["pipeline-returns-risk"], "JobRole")
    assert key in statements["UseKey"]["Resource"]
    written = str(statements["WriteConfiguredData"]["Resource"])
    assert ":s3:::other-bucket/tmp/*" in written


@pytest.mark.parametrize(
    ("settings", "statuses"),
    [
        ({}, ["PendingManualApproval", "Rejected"]),
        ({"model_approval_status": "Rejected"}, ["PendingManualApproval", "Rejected"]),
        (
            {"model_approval_status": "Approved"},
            ["Approved", "PendingManualApproval", "Rejected"],
        ),
    ],
)
def test_versions_are_registered_as_approved_only_where_the_settings_say_so(
    synthesize: Synthesize, settings: dict[str, str], statuses: list[str]
) -> None:
    stack = synthesize(**settings)["pipeline-returns-risk"]

    statement = _statements(stack, "RegistrationFunctionRole")["Register"]
    assert statement["Condition"] == {"StringEquals": {"sagemaker:ModelApprovalStatus": statuses}}


def test_jobs_start_in_the_network_of_the_settings_and_isolated_only(
    synthesize: Synthesize,
) -> None:
    templates = synthesize(
        existing_vpc={
            "vpc_id": "vpc-0abc",
            "subnet_ids": ["subnet-0a", "subnet-0b"],
            "security_group_id": "sg-0a",
        },
        additional_subnet_ids=["subnet-0c"],
        additional_security_group_ids=["sg-0c"],
    )

    statement = _statements(templates["pipeline-returns-risk"], "ExecutionRole")["RunJobs"]
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {
            "sagemaker:VpcSecurityGroupIds": ["sg-0a", "sg-0c"],
            "sagemaker:VpcSubnets": ["subnet-0a", "subnet-0b", "subnet-0c"],
        },
        "Null": {"sagemaker:VpcSecurityGroupIds": "false", "sagemaker:VpcSubnets": "false"},
        "Bool": {"sagemaker:NetworkIsolation": "true"},
    }


@pytest.mark.parametrize(
    ("prefix", "listed"),
    [
        ("s3://other-bucket/", ["*"]),
        ("s3://other-bucket/tmp/", ["tmp", "tmp/*"]),
        ("s3://other-bucket/models/model.tar.gz", ["models/model.tar.gz"]),
    ],
)
def test_jobs_list_of_other_buckets_what_they_may_read(
    synthesize: Synthesize, prefix: str, listed: list[str]
) -> None:
    stack = synthesize(additional_s3_prefixes=[prefix])["pipeline-returns-risk"]

    statement = _statements(stack, "JobRole")["FindConfiguredData"]
    assert ":s3:::other-bucket" in str(statement["Resource"])
    assert statement["Condition"] == {"StringLike": {"s3:prefix": listed}}
