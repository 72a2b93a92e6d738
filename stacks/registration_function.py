"""The function that stages a model in every region, and registers it in those other than home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from aws_cdk import Aws, Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.arns import arn_names
from constructs_lib.registration_request import RegistrationRequest
from stacks.acknowledgements import acknowledge, grant
from stacks.images import repository_arn
from stacks.log_retention import log_retention
from stacks.settings import Settings

_SCRIPT: Final = Path(__file__).parents[1] / "constructs_lib" / "jobs" / "register_model.py"
_LAMBDA_STEP_TIMEOUT: Final = Duration.minutes(10)
"""SageMaker Pipelines gives a Lambda step no longer than this."""
_WILDCARDS: Final = {
    "ReadRelease": "Objects under the prefixes of this pipeline's releases",
    "WriteRegistries": "Objects of the registries' buckets",
    "EncryptCopies": "A key's id is known in its own region only; the condition names its alias",
    "Register": "The versions of this pipeline's own model package group",
    "ReadVersions": "The versions of this pipeline's own model package group",
    "FindVersions": "The API knows no resource",
}
"""Why resources of these statements cannot be named in full."""
_ACCEPTED_FINDINGS: Final = {
    "AwsSolutions-L1": "Runs what the tests run; a later runtime is a change to test first",
    "NIST.800.53.R5-LambdaConcurrency": (
        "SageMaker Pipelines calls it, once per region of an execution; reserving concurrency"
        " fails in accounts with the smallest quota"
    ),
    "NIST.800.53.R5-LambdaDLQ": (
        "Only asynchronous calls have a dead-letter queue; a step calls it and waits, and reports"
        " the failure"
    ),
    "NIST.800.53.R5-LambdaInsideVPC": (
        "Isolated subnets have no route to the endpoints of another region"
    ),
}


class RegistrationFunction(Construct):
    """A Lambda function, outside the VPC: isolated subnets have no route to another region.

    It may read what this pipeline releases, write them into the registries'
    buckets and create versions of this pipeline's model package group there.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        requests: Sequence[RegistrationRequest],
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey,
    ) -> None:
        """Create the function, its role and its log group.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            settings: The app's settings.
            requests: What to register in each region, all of one pipeline.
            artifact_bucket: Where released artifacts are.
            encryption_key: Key of ``artifact_bucket``.
        """
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self,
            "Logs",
            encryption_key=encryption_key,
            retention=log_retention(settings.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Stages a released model in each region and registers it there",
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description="Stages a released model in a region and registers it there",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler=f"{_SCRIPT.stem}.handler",
            code=lambda_.Code.from_asset(
                str(_SCRIPT.parent),
                exclude=["*", f"!{_SCRIPT.name}"],
                ignore_mode=IgnoreMode.GIT,
            ),
            role=self.role.without_policy_updates(),
            timeout=_LAMBDA_STEP_TIMEOUT,
            memory_size=1024,
            log_group=log_group,
        )
        statements = [
            *_read_statements(
                requests[0].pipeline_name,
                artifact_bucket,
                [encryption_key.key_arn, *settings.additional_key_arns],
            ),
            *_find_statements(requests),
            *_write_statements(settings, requests),
            iam.PolicyStatement(
                sid="WriteLogs",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[log_group.log_group_arn],
            ),
        ]
        grant(self.role, statements, wildcards=_WILDCARDS)
        acknowledge(self.function, _ACCEPTED_FINDINGS)


def _read_statements(
    pipeline_name: str,
    artifact_bucket: s3.IBucket,
    key_arns: Sequence[str],
) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="ReadRelease",
            actions=["s3:GetObject"],
            resources=[
                artifact_bucket.arn_for_objects(f"{pipeline_name}/{folder}/*")
                for folder in ("registration", "releases")
            ],
        ),
        # Without it, S3 answers 403 instead of 404 for an object that is not there.
        iam.PolicyStatement(
            sid="FindRelease", actions=["s3:ListBucket"], resources=[artifact_bucket.bucket_arn]
        ),
        iam.PolicyStatement(
            sid="DecryptRelease", actions=["kms:Decrypt"], resources=list(key_arns)
        ),
    ]


def _write_statements(
    settings: Settings, requests: Sequence[RegistrationRequest]
) -> list[iam.PolicyStatement]:
    others = [request for request in requests if request.aws_region != settings.home_region]
    buckets = [
        f"arn:{Aws.PARTITION}:s3:::"
        + settings.registry_bucket_name(Aws.ACCOUNT_ID, request.aws_region)
        for request in others
    ]
    if not others:
        return []
    return [
        iam.PolicyStatement(
            sid="WriteRegistries",
            actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            resources=[f"{bucket}/*" for bucket in buckets],
        ),
        # As above.
        iam.PolicyStatement(sid="FindCopies", actions=["s3:ListBucket"], resources=buckets),
        iam.PolicyStatement(
            sid="EncryptCopies",
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
            # The key's id is known in its own region only; the alias says which one it is.
            resources=[
                f"arn:{Aws.PARTITION}:kms:{request.aws_region}:{Aws.ACCOUNT_ID}:key/*"
                for request in others
            ],
            conditions={
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": settings.registry_key_alias}
            },
        ),
        iam.PolicyStatement(
            sid="Register",
            actions=["sagemaker:AddTags", "sagemaker:CreateModelPackage"],
            resources=list(_registry_arns(others)),
        ),
        iam.PolicyStatement(
            sid="ReadImages",  # CreateModelPackage resolves the image's digest
            actions=["ecr:BatchGetImage", "ecr:DescribeImages"],
            resources=[repository_arn(request.image_uri) for request in others],
        ),
    ]


def _find_statements(requests: Sequence[RegistrationRequest]) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="ReadVersions",
            actions=["sagemaker:DescribeModelPackage"],
            resources=list(_registry_arns(requests)),
        ),
        iam.PolicyStatement(
            sid="FindVersions",
            actions=["sagemaker:ListModelPackages"],
            resources=["*"],  # the API knows no resource
        ),
    ]


def _registry_arns(requests: Sequence[RegistrationRequest]) -> Iterator[str]:
    """Name the model package groups and their versions."""
    for request in requests:
        prefix = f"arn:{Aws.PARTITION}:sagemaker:{request.aws_region}:{Aws.ACCOUNT_ID}"
        for group in arn_names(request.model_package_group_name):
            yield f"{prefix}:model-package-group/{group}"
            yield f"{prefix}:model-package/{group}/*"
