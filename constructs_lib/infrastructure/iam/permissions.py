"""What a pipeline's execution role may do: what its steps call, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import aws_iam as iam

from constructs_lib.arns import arn_names
from constructs_lib.infrastructure.iam.arns import StackArns
from constructs_lib.infrastructure.iam.images import repository_arn
from constructs_lib.infrastructure.iam.network_statements import network_statements
from constructs_lib.infrastructure.iam.policies import Statement, grant
from constructs_lib.s3_layout import INCOMING, bucket_and_key, temporary_prefix


@dataclass(frozen=True, kw_only=True)
class PipelineResources:
    """The resources that the steps of one pipeline use."""

    arns: StackArns
    pipeline_name: str
    definition: Mapping[str, Any]
    role: iam.Role
    artifact_bucket_arn: str
    encryption_key_arn: str
    additional_key_arns: Sequence[str]
    """Keys of data outside the app's buckets."""
    asset_bucket_name: str
    asset_keys: Sequence[str]
    """The pipeline's files in that bucket."""
    model_package_group_name: str
    function_arns: Sequence[str]
    """What Lambda steps invoke."""
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


def _statements(resources: PipelineResources) -> Iterator[Statement]:
    yield from _sagemaker(resources)
    yield from _data(resources)
    yield from _encryption(resources)
    yield _images(resources)
    yield Statement("LogInToRegistry", ["ecr:GetAuthorizationToken"], ["*"])
    yield from _logs_and_metrics(resources.arns, resources.definition)
    yield from network_statements(resources.arns, attach_sid="AttachJobsToNetwork")
    yield Statement(
        "StageAndRegister",
        ["lambda:InvokeFunction"],
        resources.function_arns,
    )


def _sagemaker(resources: PipelineResources) -> Iterator[Statement]:
    arns = resources.arns
    # Pipelines names what it creates pipelines-<execution id>-<step name>-<suffix>.
    yield Statement(
        "RunJobs",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateModel",
            *_job_actions(resources.definition),
            "sagemaker:DescribeModel",
        ],
        [
            arns.arn("sagemaker", f"{kind}/pipelines-*")
            for kind in ("model", *(f"{job.lower()}-job" for job in _jobs(resources.definition)))
        ],
    )
    yield Statement(
        "Register",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateModelPackage",
            "sagemaker:DescribeModelPackage",
            "sagemaker:DescribeModelPackageGroup",
        ],
        [
            arns.arn("sagemaker", f"{kind}/{name}")
            for group in arn_names(resources.model_package_group_name)
            for kind, name in (("model-package-group", group), ("model-package", f"{group}/*"))
        ],
    )
    yield Statement(
        "PassItselfToJobs",
        ["iam:PassRole"],
        [resources.role.role_arn],
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def _jobs(definition: Mapping[str, Any]) -> list[str]:
    """Name the kinds of jobs that the steps run."""
    types = {step["Type"] for step in definition["Steps"]}
    return [name for name in ("Processing", "Training") if name in types]


def _job_actions(definition: Mapping[str, Any]) -> list[str]:
    verbs = ("Create", "Describe", "Stop")
    return [f"sagemaker:{verb}{job}Job" for job in _jobs(definition) for verb in verbs]


def _data(resources: PipelineResources) -> Iterator[Statement]:
    arns, bucket_arn = resources.arns, resources.artifact_bucket_arn
    own_prefixes = (resources.pipeline_name, temporary_prefix(resources.pipeline_name))
    parameters = {parameter["Name"] for parameter in resources.definition["Parameters"]}
    incoming = [INCOMING] if "ModelS3Uri" in parameters else []
    yield Statement(
        "ReadArtifactsAndAssets",
        ["s3:GetObject"],
        [
            *(f"{bucket_arn}/{prefix}/*" for prefix in (*incoming, *own_prefixes)),
            *(arns.bucket(f"{resources.asset_bucket_name}/{key}") for key in resources.asset_keys),
        ],
    )
    yield Statement(
        "WriteOutputs",
        ["s3:AbortMultipartUpload", "s3:PutObject"],
        [f"{bucket_arn}/{prefix}/*" for prefix in own_prefixes],
    )
    yield Statement(
        "FindData",
        ["s3:ListBucket"],
        [
            bucket_arn,
            arns.bucket(resources.asset_bucket_name),
            *_bucket_arns(arns, [*resources.readable_s3_uris, *resources.writable_s3_uris]),
        ],
    )
    if resources.readable_s3_uris:
        yield Statement(
            "ReadConfiguredData",
            ["s3:GetObject"],
            [
                arn
                for uri in sorted(set(resources.readable_s3_uris))
                for arn in _readable_arns(arns, uri)
            ],
        )
    if resources.writable_s3_uris:
        yield Statement(
            "WriteConfiguredData",
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            [_folder_arn(arns, uri) for uri in sorted(set(resources.writable_s3_uris))],
        )


def _bucket_arns(arns: StackArns, uris: Iterable[str]) -> list[str]:
    return [arns.bucket(name) for name in sorted({bucket_and_key(uri)[0] for uri in uris})]


def _readable_arns(arns: StackArns, uri: str) -> list[str]:
    """Name the object of that name, where it can be one, and the folder of that name."""
    bucket, key = bucket_and_key(uri)
    is_folder = not key or key.endswith("/")
    return [*([] if is_folder else [arns.bucket(f"{bucket}/{key}")]), _folder_arn(arns, uri)]


def _folder_arn(arns: StackArns, uri: str) -> str:
    """Name what is in the folder of that name: ``train`` is not ``training-secret``."""
    bucket, key = bucket_and_key(uri)
    return arns.bucket("/".join([bucket, *filter(None, [key.strip("/")]), "*"]))


def _encryption(resources: PipelineResources) -> Iterator[Statement]:
    keys = [resources.encryption_key_arn, *resources.additional_key_arns]
    # The same guide asks for kms:Encrypt where outputs have a key.
    use = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    yield Statement("UseKey", use, keys)
    # Amazon EBS, on behalf of the job, encrypts its volume under a grant.
    yield Statement(
        "EncryptVolumes",
        ["kms:CreateGrant"],
        keys,
        {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )


def _images(resources: PipelineResources) -> Statement:
    return Statement(
        "PullImages",
        [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:DescribeImages",  # CreateModelPackage resolves the image's digest
            "ecr:GetDownloadUrlForLayer",
        ],
        sorted({repository_arn(image) for image in _image_uris(resources.definition)}),
    )


def _image_uris(definition: Mapping[str, Any]) -> Iterator[str]:
    """Find the images of jobs and models; a registered package's image is not pulled here."""
    for step in definition["Steps"]:
        arguments = step.get("Arguments", {})
        candidates = (
            arguments.get("AppSpecification", {}).get("ImageUri"),
            arguments.get("AlgorithmSpecification", {}).get("TrainingImage"),
            arguments.get("PrimaryContainer", {}).get("Image"),
        )
        yield from (image for image in candidates if image)


def _logs_and_metrics(arns: StackArns, definition: Mapping[str, Any]) -> Iterator[Statement]:
    yield Statement(
        "WriteLogs",
        [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        [arns.arn("logs", f"log-group:/aws/sagemaker/{kind}Jobs*") for kind in _jobs(definition)],
    )
    yield Statement(
        "PublishMetrics",
        ["cloudwatch:PutMetricData"],
        ["*"],
        {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
    )
