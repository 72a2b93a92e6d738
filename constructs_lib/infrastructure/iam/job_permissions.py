"""What a pipeline's jobs and models may do, as a role of their own: read, write, run, and log.

It registers nothing, starts nothing and passes no role: what a container is made to do ends there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from constructs_lib.infrastructure.iam.images import repository_arn
from constructs_lib.infrastructure.iam.network_statements import network_statements
from constructs_lib.infrastructure.iam.pipeline_resources import PipelineResources
from constructs_lib.infrastructure.iam.policies import Statement, grant
from constructs_lib.infrastructure.iam.request_conditions import listing
from constructs_lib.language.service_calls import UNSCOPED_DOCUMENT, Caller, On
from constructs_lib.language.steps import steps_of
from constructs_lib.s3_layout import bucket_and_key, folder_uri, incoming_prefix, temporary_prefix


def grant_jobs(resources: PipelineResources) -> None:
    """Give the jobs' role what SageMaker calls as that for them: see ``service_calls``."""
    grant(resources.job_role, _statements(resources), wildcards=_WILDCARDS)


_WILDCARDS: Final = {
    "ReadArtifactsAndAssets": "Objects under this pipeline's prefixes",
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
    yield from _own_data(resources)
    yield from _configured_data(resources)
    yield from _encryption(resources)
    yield Statement(
        "PullImages",
        resources.actions(Caller.JOB, On.IMAGE),
        sorted({repository_arn(image) for image in _image_uris(resources.definition)}),
    )
    yield Statement("LogInToRegistry", resources.actions(Caller.JOB, On.REGISTRY), ["*"])
    yield from _logs_and_metrics(resources)
    yield from network_statements(attach_sid="AttachJobsToNetwork")


def _own_data(resources: PipelineResources) -> Iterator[Statement]:
    """Read what the pipeline is given, and its scripts; write below its temporary prefix."""
    arns, bucket_arn = resources.arns, resources.artifact_bucket_arn
    written = temporary_prefix(resources.pipeline_name)
    parameters = {parameter["Name"] for parameter in resources.definition["Parameters"]}
    given = [incoming_prefix(resources.pipeline_name)] if "ModelS3Uri" in parameters else []
    read = (*given, written)
    # All of them: an execution keeps the definition, and so the files, it began with.
    assets = f"{resources.asset_prefix}/*"
    yield Statement(
        "ReadArtifactsAndAssets",
        resources.actions(Caller.JOB, On.INPUT),
        [
            *(f"{bucket_arn}/{prefix}/*" for prefix in read),
            arns.bucket(f"{resources.asset_bucket_name}/{assets}"),
        ],
    )
    yield Statement(
        "WriteOutputs",
        resources.actions(Caller.JOB, On.OUTPUT),
        [f"{bucket_arn}/{written}/*"],
    )
    find = resources.actions(Caller.JOB, On.INPUT_BUCKET)
    yield Statement("FindData", find, [bucket_arn], listing([f"{each}/*" for each in read]))
    yield Statement(
        "FindAssets", find, [arns.bucket(resources.asset_bucket_name)], listing([assets])
    )


def _configured_data(resources: PipelineResources) -> Iterator[Statement]:
    """Read and write what the config and the settings name outside the app's buckets."""
    arns, find = resources.arns, resources.actions(Caller.JOB, On.INPUT_BUCKET)
    readable, writable = set(resources.readable_s3_uris), set(resources.writable_s3_uris)
    if readable:
        yield Statement(
            "ReadConfiguredData",
            resources.actions(Caller.JOB, On.INPUT),
            [arns.file_or_folder(uri) for uri in sorted(readable)],
        )
    if writable:
        yield Statement(
            "WriteConfiguredData",
            resources.actions(Caller.JOB, On.INPUT, On.OUTPUT),
            [arns.folder(uri) for uri in sorted(writable)],
        )
    for number, (bucket, prefixes) in enumerate(_listed(readable | writable).items()):
        sid = f"FindConfiguredData{number + 1 if number else ''}"
        yield Statement(sid, find, [arns.bucket(bucket)], listing(prefixes))


def _listed(uris: Iterable[str]) -> dict[str, list[str]]:
    """Say what is listed of each bucket: files by name, folders with and without their ``/``."""
    found: dict[str, list[str]] = {}
    for uri in sorted(uris):
        bucket, key = bucket_and_key(folder_uri(uri))
        folder = key.rstrip("/")
        listed = [key] if folder == key and key else [*filter(None, [folder]), f"{key}*"]
        found.setdefault(bucket, []).extend(listed)
    return found


def _encryption(resources: PipelineResources) -> Iterator[Statement]:
    of_keys = (On.INPUT_KEY, On.OUTPUT_KEY, On.OUTPUT_KEY_ITSELF, On.VOLUME_KEY)
    used = resources.actions(Caller.JOB, *of_keys)
    yield Statement("UseKey", [each for each in used if each != _GRANT], resources.key_arns)
    # Amazon EBS, on behalf of the job, encrypts its volume under a grant.
    yield Statement(
        "EncryptVolumes",
        [_GRANT],
        resources.key_arns,
        {"Bool": {"kms:GrantIsForAWSResource": "true"}},
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
        resources.actions(Caller.JOB, On.LOG_GROUP, On.LOG_STREAM),
        [
            resources.arns.arn("logs", f"log-group:/aws/sagemaker/{kind}Jobs*")
            for kind in resources.jobs
        ],
    )
    yield Statement(
        "PublishMetrics",
        resources.actions(Caller.JOB, On.METRICS),
        ["*"],
        {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
    )
