"""What a pipeline's execution role may do: what its steps call, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets

from constructs_lib.arns import arn_names
from constructs_lib.s3_uris import bucket_and_key
from stacks.acknowledgements import grant
from stacks.images import repository_arn
from stacks.registration_function import RegistrationFunction


@dataclass(frozen=True, kw_only=True)
class PipelineResources:
    """The resources that the steps of one pipeline use."""

    stack: Stack
    pipeline_name: str
    definition: Mapping[str, Any]
    role: iam.Role
    artifact_bucket: s3.IBucket
    encryption_key: kms.IKey
    additional_key_arns: Sequence[str]
    """Keys of data outside the app's buckets."""
    assets: Sequence[s3_assets.Asset]
    model_package_group_name: str
    registration_function: RegistrationFunction
    readable_s3_uris: Sequence[str]
    """Data outside the app's buckets that steps read: training data, models, code."""
    writable_s3_uris: Sequence[str]
    """Data outside the app's buckets that steps write: training output, checkpoints."""


def grant_execution(resources: PipelineResources) -> None:
    """Give the execution role what the steps of the definition call.

    Actions per step type: Amazon SageMaker Developer Guide, "How to use SageMaker AI execution
    roles", sections CreateModel, CreateProcessingJob and CreateTrainingJob.
    """
    grant(resources.role, _statements(resources), wildcards=_WILDCARDS)


_WILDCARDS: Final = {
    "RunJobs": "SageMaker Pipelines makes the end of the names of what it creates",
    "Register": "The versions of this pipeline's own model package group",
    "ReadArtifactsAndAssets": "Objects under this pipeline's prefixes, and incoming models",
    "WriteOutputs": "Objects under this pipeline's prefixes",
    "ReadConfiguredData": "Objects below the prefixes that the config names",
    "WriteConfiguredData": "Objects below the prefixes that the config and the settings name",
    "LogInToRegistry": "The API knows no resource",
    "WriteLogs": "SageMaker makes the names of a job's log streams",
    "PublishMetrics": "The API knows no resource; the namespace limits it",
    "FindNetwork": "EC2's Describe actions know no resource",
    "AttachJobsToNetwork": "EC2 makes the names of the network interfaces of a job",
}
"""Why resources of these statements cannot be named in full."""


def _statements(resources: PipelineResources) -> Iterator[iam.PolicyStatement]:
    yield from _sagemaker(resources)
    yield from _data(resources)
    yield from _encryption(resources)
    yield _images(resources)
    yield _ALL_IMAGES_LOGIN
    yield from _logs_and_metrics(resources.stack)
    yield from _network(resources.stack)
    yield _allow(
        "StageAndRegister",
        ["lambda:InvokeFunction"],
        [resources.registration_function.function.function_arn],
    )


def _allow(
    sid: str,
    actions: Sequence[str],
    on: Sequence[str],
    conditions: Mapping[str, Any] | None = None,
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid, actions=list(actions), resources=list(on), conditions=conditions
    )


def _sagemaker_arn(stack: Stack, resource: str, name: str) -> str:
    return stack.format_arn(
        service="sagemaker",
        resource=resource,
        resource_name=name,
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )


def _sagemaker(resources: PipelineResources) -> Iterator[iam.PolicyStatement]:
    stack = resources.stack
    # Pipelines names what it creates pipelines-<execution id>-<step name>-<suffix>.
    yield _allow(
        "RunJobs",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateModel",
            *_job_actions(resources.definition),
            "sagemaker:DescribeModel",
        ],
        [
            _sagemaker_arn(stack, kind, "pipelines-*")
            for kind in ("model", "processing-job", "training-job")
        ],
    )
    yield _allow(
        "Register",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateModelPackage",
            "sagemaker:DescribeModelPackage",
            "sagemaker:DescribeModelPackageGroup",
        ],
        [
            _sagemaker_arn(stack, kind, name)
            for group in arn_names(resources.model_package_group_name)
            for kind, name in (("model-package-group", group), ("model-package", f"{group}/*"))
        ],
    )
    yield _allow(
        "PassItselfToJobs",
        ["iam:PassRole"],
        [resources.role.role_arn],
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def _job_actions(definition: Mapping[str, Any]) -> list[str]:
    types = {step["Type"] for step in definition["Steps"]}
    jobs = [name for name in ("Processing", "Training") if name in types]
    return [f"sagemaker:{verb}{job}Job" for job in jobs for verb in ("Create", "Describe", "Stop")]


def _data(resources: PipelineResources) -> Iterator[iam.PolicyStatement]:
    bucket = resources.artifact_bucket
    own_prefixes = (resources.pipeline_name, f"tmp/{resources.pipeline_name}")
    yield _allow(
        "ReadArtifactsAndAssets",
        ["s3:GetObject"],
        [
            *(bucket.arn_for_objects(f"{prefix}/*") for prefix in ("incoming", *own_prefixes)),
            *(asset.bucket.arn_for_objects(asset.s3_object_key) for asset in resources.assets),
        ],
    )
    yield _allow(
        "WriteOutputs",
        ["s3:AbortMultipartUpload", "s3:PutObject"],
        [bucket.arn_for_objects(f"{prefix}/*") for prefix in own_prefixes],
    )
    yield _allow(
        "FindData",
        ["s3:GetBucketLocation", "s3:ListBucket"],
        [
            bucket.bucket_arn,
            resources.assets[0].bucket.bucket_arn,
            *_bucket_arns(
                resources.stack, [*resources.readable_s3_uris, *resources.writable_s3_uris]
            ),
        ],
    )
    if resources.readable_s3_uris:
        yield _allow(
            "ReadConfiguredData",
            ["s3:GetObject"],
            _object_arns(resources.stack, resources.readable_s3_uris),
        )
    if resources.writable_s3_uris:
        yield _allow(
            "WriteConfiguredData",
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            _object_arns(resources.stack, resources.writable_s3_uris),
        )


def _bucket_arns(stack: Stack, uris: Iterable[str]) -> list[str]:
    buckets = sorted({bucket_and_key(uri)[0] for uri in uris})
    return [f"arn:{stack.partition}:s3:::{bucket}" for bucket in buckets]


def _object_arns(stack: Stack, uris: Iterable[str]) -> list[str]:
    """Name an object or the folder of that name: ``train`` is not ``training-secret``."""
    locations = sorted({bucket_and_key(uri) for uri in uris})
    return [
        f"arn:{stack.partition}:s3:::{bucket}/{name}"
        for bucket, key in locations
        for name in ([key, f"{key.rstrip('/')}/*"] if key.strip("/") else ["*"])
    ]


def _encryption(resources: PipelineResources) -> Iterator[iam.PolicyStatement]:
    key = [resources.encryption_key.key_arn, *resources.additional_key_arns]
    yield _allow("UseKey", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], key)
    # Amazon EBS, on behalf of the job, encrypts its volume under a grant.
    yield _allow(
        "EncryptVolumes",
        ["kms:CreateGrant"],
        key,
        {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )


def _images(resources: PipelineResources) -> iam.PolicyStatement:
    return _allow(
        "PullImages",
        [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:DescribeImages",  # CreateModelPackage resolves the image's digest
            "ecr:GetDownloadUrlForLayer",
        ],
        sorted({repository_arn(image) for image in _image_uris(resources.definition)}),
    )


_ALL_IMAGES_LOGIN = _allow(
    "LogInToRegistry",
    ["ecr:GetAuthorizationToken"],
    ["*"],  # the API knows no resource
)


def _image_uris(node: Any) -> Iterator[str]:
    """Find the images of jobs and models; a registered package's image is not pulled here."""
    for step in node["Steps"]:
        arguments = step.get("Arguments", {})
        candidates = (
            arguments.get("AppSpecification", {}).get("ImageUri"),
            arguments.get("AlgorithmSpecification", {}).get("TrainingImage"),
            arguments.get("PrimaryContainer", {}).get("Image"),
        )
        yield from (image for image in candidates if image)


def _logs_and_metrics(stack: Stack) -> Iterator[iam.PolicyStatement]:
    yield _allow(
        "WriteLogs",
        [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        [
            stack.format_arn(
                service="logs",
                resource="log-group",
                resource_name=f"/aws/sagemaker/{kind}Jobs*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for kind in ("Processing", "Training")
        ],
    )
    yield _allow(
        "PublishMetrics",
        ["cloudwatch:PutMetricData"],
        ["*"],  # the API knows no resource; the namespace limits it
        {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
    )


def _network(stack: Stack) -> Iterator[iam.PolicyStatement]:
    yield _allow(
        "FindNetwork",
        [
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
        ["*"],  # EC2's Describe actions know no resource
    )
    yield _allow(
        "AttachJobsToNetwork",
        [
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
        ],
        [
            stack.format_arn(service="ec2", resource=kind, resource_name="*")
            for kind in ("network-interface", "security-group", "subnet")
        ],
    )
