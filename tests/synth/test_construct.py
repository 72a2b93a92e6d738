"""The construct on its own, and as what it claims to be: an ``aws_sagemaker.IPipeline``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, Aws, Duration, Environment, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk.assertions import Match, Template

from constructs_lib.pipeline import (
    MOST_INLINE_BYTES,
    DefinitionTooLargeError,
    SageMakerPipeline,
    UnknownVariableError,
)


@pytest.fixture
def stack() -> Stack:
    return Stack(
        App(builtin_cloud_formation_validation=False),
        "Stack",
        env=Environment(account="123456789012", region="us-east-1"),
    )


def _pipeline(stack: Stack, body: str = '{"Bucket": "${Bucket}"}') -> SageMakerPipeline:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    return SageMakerPipeline(
        stack,
        "Pipeline",
        pipeline_name="release",
        definition_body=body,
        variables={"Bucket": "a-bucket", "Unused": "x"},
        role=role,
    )


def test_it_substitutes_the_variables_that_the_definition_uses(stack: Stack) -> None:
    _pipeline(stack)

    Template.from_stack(stack).has_resource_properties(
        "AWS::SageMaker::Pipeline",
        {
            "PipelineName": "release",
            "PipelineDefinition": {
                "PipelineDefinitionBody": {
                    "Fn::Sub": ['{"Bucket": "${Bucket}"}', {"Bucket": "a-bucket"}]
                }
            },
        },
    )


def test_a_variable_without_a_value_is_an_error_that_names_it(stack: Stack) -> None:
    with pytest.raises(UnknownVariableError, match=r"\['Buckett'\].*Known are \['Bucket'"):
        _pipeline(stack, '{"Bucket": "${Buckett}"}')


def test_cloudformations_own_variables_need_no_value(stack: Stack) -> None:
    _pipeline(stack, '{"Account": "${AWS::AccountId}"}')

    Template.from_stack(stack).resource_count_is("AWS::SageMaker::Pipeline", 1)


def test_its_primary_child_is_the_resource(stack: Stack) -> None:
    child = _pipeline(stack).node.default_child

    assert child is not None
    assert child.node.id == "Resource"


def test_a_principal_may_be_allowed_to_start_this_pipeline_only(stack: Stack) -> None:
    pipeline = _pipeline(stack)
    user = iam.Role(stack, "Orchestrator", assumed_by=iam.AccountRootPrincipal())

    grant = pipeline.grant_start_pipeline_execution(user)

    assert grant.success
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {
                "Statement": [
                    {
                        "Action": "sagemaker:StartPipelineExecution",
                        "Effect": "Allow",
                        "Resource": {
                            "Fn::Join": [
                                "",
                                Match.array_with(
                                    [":sagemaker:us-east-1:123456789012:pipeline/release"]
                                ),
                            ]
                        },
                    }
                ]
            }
        },
    )


def test_names_with_capitals_are_granted_as_sagemaker_writes_them_in_arns(stack: Stack) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    pipeline = SageMakerPipeline(
        stack,
        "Pipeline",
        pipeline_name="author-BSM-RnR-NA",
        definition_body="{}",
        variables={},
        role=role,
    )

    pipeline.grant_start_pipeline_execution(role)

    policies = str(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
    assert ":pipeline/author-BSM-RnR-NA" in policies
    assert ":pipeline/author-bsm-rnr-na" in policies


def test_a_schedule_takes_it_as_its_target(stack: Stack) -> None:
    scheduler.Schedule(
        stack,
        "Nightly",
        schedule=scheduler.ScheduleExpression.rate(Duration.days(1)),
        target=targets.SageMakerStartPipelineExecution(
            _pipeline(stack),
            pipeline_parameter_list=[
                targets.SageMakerPipelineParameter(
                    name="ModelS3Uri", value="s3://bucket/model.tar.gz"
                )
            ],
        ),
    )

    Template.from_stack(stack).has_resource_properties(
        "AWS::Scheduler::Schedule",
        {"Target": {"SageMakerPipelineParameters": Match.any_value()}},
    )


def _large_pipeline(stack: Stack, **variables: str) -> SageMakerPipeline:
    body = {"Large": "x" * MOST_INLINE_BYTES, "Own": "${AWS::AccountId}"}
    return SageMakerPipeline(
        stack,
        "Large",
        pipeline_name="large",
        definition_body=json.dumps({**body, **{name: f"${{{name}}}" for name in variables}}),
        variables=variables,
        role=iam.Role.from_role_name(stack, "Existing", "release"),
    )


def test_a_definition_for_which_the_template_is_too_small_is_deployed_from_s3(
    tmp_path: Path,
) -> None:
    app = App(outdir=str(tmp_path), builtin_cloud_formation_validation=False)
    stack = Stack(app, "Stack", env=Environment(account="123456789012", region="us-east-1"))
    _large_pipeline(
        stack,
        Bucket="a-bucket",
        Joined=f"{Aws.ACCOUNT_ID}-{Aws.REGION}",
        Assets=Fn.sub("assets-${AWS::AccountId}"),
    )

    Template.from_stack(stack).has_resource_properties(
        "AWS::SageMaker::Pipeline",
        {
            "PipelineDefinition": {
                "PipelineDefinitionS3Location": {
                    "Bucket": "cdk-hnb659fds-assets-123456789012-us-east-1",
                    "Key": Match.string_like_regexp(r"^[0-9a-f]{64}\.json$"),
                }
            }
        },
    )
    [asset] = tmp_path.glob("asset.*.json")
    definition = json.loads(asset.read_text())
    del definition["Large"]
    assert definition == {
        "Own": "123456789012",
        "Bucket": "a-bucket",
        "Joined": "123456789012-us-east-1",
        "Assets": "assets-123456789012",
    }


def test_a_large_definition_with_what_only_the_deployment_knows_is_an_error(stack: Stack) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))

    with pytest.raises(DefinitionTooLargeError, match="only the deployment knows") as error:
        _large_pipeline(stack, Bucket="a-bucket", RoleName=role.role_name)

    assert "RoleName" in str(error.value)
    assert "Bucket" not in str(error.value)


def test_a_large_definition_needs_a_known_account() -> None:
    with pytest.raises(DefinitionTooLargeError, match="AWS::AccountId"):
        _large_pipeline(Stack(App(builtin_cloud_formation_validation=False), "Stack"))
