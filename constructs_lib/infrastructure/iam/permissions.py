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
from constructs_lib.language.service_calls import UNSCOPED_DOCUMENT, On, actions
from constructs_lib.language.steps import steps_of
from constructs_lib.s3_layout import INCOMING, bucket_and_key, folder_uri, temporary_prefix


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
    asset_prefix: str
    """Where in that bucket the pipeline's files are, those of earlier deployments too."""
    model_package_group_name: str
    function_arns: Sequence[str]
    """What Lambda steps invoke."""
    readable_s3_uris: Sequence[str]
    """Data outside the app's buckets that steps read: training data, models, code."""
    writable_s3_uris: Sequence[str]
    """Data outside the app's buckets that steps write: training output, checkpoints."""


def grant_execution(resources: PipelineResources) -> None:
    """Give the execution role what the steps of the definition call: see ``service_calls``."""
    # A definition without such steps calls nothing of a kind.
    statements = [each for each in _statements(resources) if each.actions]
    grant(resources.role, statements, wildcards=_WILDCARDS)


_WILDCARDS: Final = {
    "RunJobs": "SageMaker Pipelines makes the end of the names of what it creates",
    "Register": "The versions of this pipeline's own model package group",
    "ReadArtifactsAndAssets": "Objects under this pipeline's prefixes, and incoming models",
    "WriteOutputs": "Objects under this pipeline's temporary prefix",
    "ReadConfiguredData": "Objects below the prefixes that the config names",
    "WriteConfiguredData": "Objects below the prefixes that the config and the settings name",
    "LogInToRegistry": "The API knows no resource",
    "WriteLogs": "SageMaker makes the names of a job's log streams",
    "PublishMetrics": "The API knows no resource; the namespace limits it",
    "FindNetwork": "EC2's Describe actions know no resource",
    "AttachJobsToNetwork": UNSCOPED_DOCUMENT,
}
"""Why resources of these statements cannot be named in full."""
_GRANT: Final = "kms:CreateGrant"
"""Has a condition of its own."""


def _statements(resources: PipelineResources) -> Iterator[Statement]:
    yield from _sagemaker(resources)
    yield from _data(resources)
    yield from _encryption(resources)
    yield _images(resources)
    yield Statement("LogInToRegistry", _actions(resources, On.REGISTRY), ["*"])
    yield from _logs_and_metrics(resources)
    yield from network_statements(attach_sid="AttachJobsToNetwork")
    yield Statement(
        "StageAndRegister",
        _actions(resources, On.FUNCTION),
        resources.function_arns,
    )


def _actions(resources: PipelineResources, *on: On) -> list[str]:
    return actions(_step_types(resources.definition), *on)


def _step_types(definition: Mapping[str, Any]) -> set[str]:
    return {step["Type"] for step in steps_of(definition)}


def _sagemaker(resources: PipelineResources) -> Iterator[Statement]:
    arns = resources.arns
    # Pipelines names what it creates pipelines-<execution id>-<step name>-<suffix>.
    yield Statement(
        "RunJobs",
        _actions(resources, On.CREATED),
        [
            arns.arn("sagemaker", f"{kind}/pipelines-*")
            for kind in ("model", *(f"{job.lower()}-job" for job in _jobs(resources.definition)))
        ],
    )
    yield Statement(
        "Register",
        _actions(resources, On.GROUP, On.PACKAGE),
        [
            arns.arn("sagemaker", f"{kind}/{name}")
            for group in arn_names(resources.model_package_group_name)
            for kind, name in (("model-package-group", group), ("model-package", f"{group}/*"))
        ],
    )
    yield Statement(
        "PassItselfToJobs",
        _actions(resources, On.ROLE),
        [resources.role.role_arn],
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def _jobs(definition: Mapping[str, Any]) -> list[str]:
    """Name the kinds of jobs that the steps run."""
    types = _step_types(definition)
    return [name for name in ("Processing", "Training") if name in types]


def _data(resources: PipelineResources) -> Iterator[Statement]:
    arns, bucket_arn = resources.arns, resources.artifact_bucket_arn
    temporary = temporary_prefix(resources.pipeline_name)
    parameters = {parameter["Name"] for parameter in resources.definition["Parameters"]}
    incoming = [INCOMING] if "ModelS3Uri" in parameters else []
    yield Statement(
        "ReadArtifactsAndAssets",
        _actions(resources, On.INPUT),
        [
            *(f"{bucket_arn}/{prefix}/*" for prefix in (*incoming, temporary)),
            # All of them: an execution keeps the definition, and so the files, it began with.
            arns.bucket(f"{resources.asset_bucket_name}/{resources.asset_prefix}/*"),
        ],
    )
    yield Statement(
        "WriteOutputs",
        _actions(resources, On.OUTPUT),
        [f"{bucket_arn}/{temporary}/*"],
    )
    yield Statement(
        "FindData",
        _actions(resources, On.INPUT_BUCKET),
        [
            bucket_arn,
            arns.bucket(resources.asset_bucket_name),
            *_bucket_arns(arns, [*resources.readable_s3_uris, *resources.writable_s3_uris]),
        ],
    )
    if resources.readable_s3_uris:
        yield Statement(
            "ReadConfiguredData",
            _actions(resources, On.INPUT),
            [_readable_arn(arns, uri) for uri in sorted(set(resources.readable_s3_uris))],
        )
    if resources.writable_s3_uris:
        yield Statement(
            "WriteConfiguredData",
            _actions(resources, On.INPUT, On.OUTPUT),
            [_folder_arn(arns, uri) for uri in sorted(set(resources.writable_s3_uris))],
        )


def _bucket_arns(arns: StackArns, uris: Iterable[str]) -> list[str]:
    return [arns.bucket(name) for name in sorted({bucket_and_key(uri)[0] for uri in uris})]


def _readable_arn(arns: StackArns, uri: str) -> str:
    """Name the file of that name, or what is in the folder of that name."""
    location = folder_uri(uri)
    if location.endswith("/"):
        return _folder_arn(arns, location)
    return arns.bucket("/".join(bucket_and_key(location)))


def _folder_arn(arns: StackArns, uri: str) -> str:
    """Name what is in the folder of that name: ``train`` is not ``training-secret``."""
    bucket, key = bucket_and_key(uri)
    return arns.bucket("/".join([bucket, *filter(None, [key.strip("/")]), "*"]))


def _encryption(resources: PipelineResources) -> Iterator[Statement]:
    keys = [resources.encryption_key_arn, *resources.additional_key_arns]
    of_keys = (On.INPUT_KEY, On.OUTPUT_KEY, On.OUTPUT_KEY_ITSELF, On.VOLUME_KEY)
    used = _actions(resources, *of_keys)
    yield Statement("UseKey", [each for each in used if each != _GRANT], keys)
    # Amazon EBS, on behalf of the job, encrypts its volume under a grant.
    yield Statement(
        "EncryptVolumes",
        [_GRANT],
        keys,
        {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )


def _images(resources: PipelineResources) -> Statement:
    return Statement(
        "PullImages",
        _actions(resources, On.IMAGE),
        sorted({repository_arn(image) for image in _image_uris(resources.definition)}),
    )


def _image_uris(definition: Mapping[str, Any]) -> Iterator[str]:
    """Find the images of jobs and models; a registered package's image is not pulled here."""
    for step in steps_of(definition):
        arguments = step.get("Arguments", {})
        candidates = (
            arguments.get("AppSpecification", {}).get("ImageUri"),
            arguments.get("AlgorithmSpecification", {}).get("TrainingImage"),
            arguments.get("PrimaryContainer", {}).get("Image"),
        )
        yield from (image for image in candidates if image)


def _logs_and_metrics(resources: PipelineResources) -> Iterator[Statement]:
    yield Statement(
        "WriteLogs",
        _actions(resources, On.LOG_GROUP, On.LOG_STREAM),
        [
            resources.arns.arn("logs", f"log-group:/aws/sagemaker/{kind}Jobs*")
            for kind in _jobs(resources.definition)
        ],
    )
    yield Statement(
        "PublishMetrics",
        _actions(resources, On.METRICS),
        ["*"],
        {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
    )
