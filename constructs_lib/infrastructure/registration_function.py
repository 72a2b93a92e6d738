"""The function that stages a model in every region, and registers it in those other than home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from aws_cdk import Duration
from constructs import Construct

from constructs_lib.arns import arn_names
from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.iam.images import repository_arn
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.job_function import job_function
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.settings import Settings
from stacks.storage import StorageStack

_LAMBDA_STEP_TIMEOUT: Final = Duration.minutes(10)
"""SageMaker Pipelines gives a Lambda step no longer than this."""
_WILDCARDS: Final = {
    "ReadRelease": "Objects under the prefixes of this pipeline's releases",
    "ClaimContent": "Claims are named by the digests of what is released",
    "SeeExecutions": "SageMaker makes the names of the executions of this pipeline",
    "WriteRegistries": "Copies lie under the same prefixes in the registries' buckets",
    "EncryptCopies": "A key's id is known in its own region only; the condition names its alias",
    "Register": "The versions of this pipeline's own model package group",
    "ReadVersions": "The versions of this pipeline's own model package group",
    "FindVersions": "Its resource is optional: a policy that names one may refuse the list",
}
"""Why resources of these statements cannot be named in full."""
RELEASED_FOLDERS: Final = ("registration", "releases")
"""Where below the pipeline's prefix a release puts what is registered."""
_ACCEPTED_FINDINGS: Final = {
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

    It may read what this pipeline releases, copy it into the registries' buckets and create
    versions of this pipeline's model package group there.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        requests: Sequence[RegistrationRequest],
        storage: StorageStack,
    ) -> None:
        """Create the function, its role and its log group.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            settings: The app's settings.
            requests: What to register in each region, all of one pipeline.
            storage: Where released artifacts are.
        """
        super().__init__(scope, construct_id)
        statements = [
            *_read_statements(
                requests[0].pipeline_name,
                settings.home_region,
                storage.artifact_bucket_arn,
                [storage.encryption_key_arn, *settings.additional_key_arns],
            ),
            *_find_statements(requests),
            *_write_statements(settings, requests),
        ]
        self.function = job_function(
            self,
            settings=settings,
            script="register_model.py",
            description="Stages a released model in a region and registers it there",
            encryption_key=storage.encryption_key,
            statements=statements,
            wildcards=_WILDCARDS,
            accepted_findings=_ACCEPTED_FINDINGS,
            timeout=_LAMBDA_STEP_TIMEOUT,
            memory_size=1024,
        )


def _read_statements(
    pipeline_name: str, home_region: str, bucket_arn: str, key_arns: Sequence[str]
) -> list[Statement]:
    executions = f"arn:{PARTITION}:sagemaker:{home_region}:{ACCOUNT}:pipeline"
    return [
        Statement(
            sid="ReadRelease",
            actions=["s3:GetObject"],
            resources=[f"{bucket_arn}/{pipeline_name}/{folder}/*" for folder in RELEASED_FOLDERS],
        ),
        Statement(
            sid="ClaimContent",
            actions=["s3:PutObject"],
            resources=[f"{bucket_arn}/{pipeline_name}/releases/claims/*"],
        ),
        Statement(
            sid="SeeExecutions",
            actions=["sagemaker:DescribePipelineExecution"],
            resources=[f"{executions}/{name}/execution/*" for name in arn_names(pipeline_name)],
        ),
        # Without it, S3 answers 403 instead of 404 for an object that is not there.
        Statement(sid="FindRelease", actions=["s3:ListBucket"], resources=[bucket_arn]),
        Statement(
            sid="UseReleaseKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=list(key_arns),
        ),
    ]


def _write_statements(
    settings: Settings, requests: Sequence[RegistrationRequest]
) -> list[Statement]:
    others = [request for request in requests if request.aws_region != settings.home_region]
    if not others:
        return []
    buckets = [
        f"arn:{PARTITION}:s3:::{settings.registry_bucket_name(ACCOUNT, request.aws_region)}"
        for request in others
    ]
    return [
        Statement(
            sid="WriteRegistries",
            actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            resources=[
                f"{bucket}/{request.pipeline_name}/{folder}/*"
                for bucket, request in zip(buckets, others, strict=True)
                for folder in RELEASED_FOLDERS
            ],
        ),
        # As above.
        Statement(sid="FindCopies", actions=["s3:ListBucket"], resources=buckets),
        Statement(
            sid="EncryptCopies",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            # The key's id is known in its own region only; the alias says which one it is.
            resources=[
                f"arn:{PARTITION}:kms:{request.aws_region}:{ACCOUNT}:key/*" for request in others
            ],
            conditions={
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": settings.registry_key_alias}
            },
        ),
        Statement(
            sid="Register",
            actions=["sagemaker:AddTags", "sagemaker:CreateModelPackage"],
            resources=list(_version_arns(others)),
        ),
        Statement(
            sid="ReadImages",  # CreateModelPackage resolves the image's digest
            actions=["ecr:BatchGetImage", "ecr:DescribeImages"],
            resources=[repository_arn(request.image_uri) for request in others],
        ),
    ]


def _find_statements(requests: Sequence[RegistrationRequest]) -> list[Statement]:
    return [
        Statement(
            sid="ReadVersions",
            actions=["sagemaker:DescribeModelPackage"],
            resources=list(_version_arns(requests)),
        ),
        Statement(
            sid="FindVersions",
            actions=["sagemaker:ListModelPackages"],
            resources=["*"],  # IAM's reference has a resource for it, which is optional
        ),
    ]


def _version_arns(requests: Sequence[RegistrationRequest]) -> Iterator[str]:
    """Name the versions of the model package groups."""
    for request in requests:
        prefix = f"arn:{PARTITION}:sagemaker:{request.aws_region}:{ACCOUNT}"
        for group in arn_names(request.model_package_group_name):
            yield f"{prefix}:model-package/{group}/*"
