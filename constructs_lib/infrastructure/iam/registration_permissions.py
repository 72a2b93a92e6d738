"""What the function may do that stages released models and registers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

from constructs_lib.arns import arn_names
from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION, objects_in, s3_arn
from constructs_lib.infrastructure.iam.images import repository_arn
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.iam.released_artifacts import ReleasedArtifacts, released_objects
from constructs_lib.infrastructure.iam.request_conditions import approval_up_to, listing
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.s3_layout import bucket_and_key, registered_prefixes, temporary_prefix

WILDCARDS: Final = {
    "ReadRelease": "Objects under the prefixes of this pipeline",
    "ReadConfiguredData": "Objects below the prefixes that the settings name for executions",
    "WriteReleases": "Objects under the prefixes of this pipeline's releases",
    "SeeExecutions": "SageMaker makes the names of the executions of this pipeline",
    "WriteRegistries": "Copies lie under the same prefixes in the registries' buckets",
    "EncryptCopies": "A key's id is known in its own region only; the condition names its alias",
    "Register": "The versions of this pipeline's own model package group",
    "TagVersions": "The versions of this pipeline's own model package group",
    "ReadVersions": "The versions of this pipeline's own model package group",
    "FindLineage": "The API knows no resource",
    "TraceLineage": "SageMaker names artifacts by a hash of their URI",
    "FindVersions": "Its resource is optional: a policy that names one may refuse the list",
}
"""Why resources of these statements cannot be named in full."""


@dataclass(frozen=True, kw_only=True)
class RegistrationPermissions:
    """The statements of the function's role."""

    requests: Sequence[RegistrationRequest]
    """What to register in each region, all of one pipeline."""
    home_region: str
    """AWS region of the pipeline."""
    artifacts: ReleasedArtifacts
    registry_buckets: Mapping[str, str]
    """Names of the buckets of registered artifacts, by AWS region: at least of those registration
    regions that are not home."""
    model_approval_status: str
    """Of new versions, in this environment."""
    registry_key_alias: str
    """Alias of those buckets' keys, ``alias/<name>``, the same in every region."""
    additional_s3_prefixes: Sequence[str] = ()
    """S3 URIs that executions may have their jobs write to instead."""

    def statements(self) -> Iterator[Statement]:
        """Read what jobs write, find its versions, and write and register it in every region."""
        yield from self._read()
        yield from self._find()
        yield from self._register()
        if self._others():
            yield from self._copy()

    def _read(self) -> Iterator[Statement]:
        pipeline_name = self.requests[0].pipeline_name
        bucket_arn = self.artifacts.bucket_arn
        executions = f"arn:{PARTITION}:sagemaker:{self.home_region}:{ACCOUNT}:pipeline"
        yield Statement(
            sid="ReadRelease",
            actions=["s3:GetObject"],
            resources=[
                *released_objects(bucket_arn, pipeline_name),
                f"{bucket_arn}/{temporary_prefix(pipeline_name)}/*",
            ],
        )
        if self.additional_s3_prefixes:
            yield Statement(
                sid="ReadConfiguredData",
                actions=["s3:GetObject"],
                resources=[s3_arn(objects_in(uri)) for uri in self.additional_s3_prefixes],
            )
        # Also claims and records.
        yield Statement(
            sid="WriteReleases",
            actions=["s3:AbortMultipartUpload", "s3:PutObject"],
            resources=released_objects(bucket_arn, pipeline_name),
        )
        yield Statement(
            sid="SeeExecutions",
            actions=["sagemaker:DescribePipelineExecution"],
            resources=[f"{executions}/{name}/execution/*" for name in arn_names(pipeline_name)],
        )
        # What is not there is told by a list, see ``exists`` in ``jobs/register_model/objects.py``.
        written = [*registered_prefixes(pipeline_name), temporary_prefix(pipeline_name)]
        yield Statement(
            sid="FindRelease",
            actions=["s3:ListBucket"],
            resources=[bucket_arn],
            conditions=listing([f"{prefix}/*" for prefix in written]),
        )
        for number, (bucket, prefixes) in enumerate(_listed(self.additional_s3_prefixes)):
            yield Statement(
                sid=f"FindConfiguredData{number + 1 if number else ''}",
                actions=["s3:ListBucket"],
                resources=[s3_arn(bucket)],
                conditions=listing(prefixes),
            )
        yield Statement(
            sid="UseReleaseKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=self.artifacts.key_arns,
        )

    def _find(self) -> Iterator[Statement]:
        yield Statement(
            sid="ReadVersions",
            actions=["sagemaker:DescribeModelPackage"],
            resources=list(_version_arns(self.requests)),
        )
        yield Statement(
            sid="FindVersions",
            actions=["sagemaker:ListModelPackages"],
            resources=["*"],  # IAM's reference has a resource for it, which is optional
        )

    def _others(self) -> list[RegistrationRequest]:
        """Return what is registered outside the home region."""
        return [each for each in self.requests if each.aws_region != self.home_region]

    def _copy(self) -> Iterator[Statement]:
        others = self._others()
        buckets = [s3_arn(self.registry_buckets[each.aws_region]) for each in others]
        yield Statement(
            sid="WriteRegistries",
            actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            resources=[
                objects
                for bucket, request in zip(buckets, others, strict=True)
                for objects in released_objects(bucket, request.pipeline_name)
            ],
        )
        yield Statement(
            sid="FindCopies",
            actions=["s3:ListBucket"],
            resources=buckets,
            conditions=listing(
                [f"{prefix}/*" for prefix in registered_prefixes(others[0].pipeline_name)]
            ),
        )
        yield Statement(
            sid="EncryptCopies",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            # The key's id is known in its own region only; the alias says which one it is.
            resources=[f"arn:{PARTITION}:kms:{each.aws_region}:{ACCOUNT}:key/*" for each in others],
            conditions={
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": self.registry_key_alias}
            },
        )

    def _register(self) -> Iterator[Statement]:
        yield Statement(
            sid="Register",
            actions=["sagemaker:CreateModelPackage"],
            resources=list(_version_arns(self.requests)),
            conditions=approval_up_to(self.model_approval_status),
        )
        yield Statement(
            sid="TagVersions",
            actions=["sagemaker:AddTags"],
            resources=list(_version_arns(self.requests)),
        )
        yield Statement(
            sid="FindLineage",
            actions=["sagemaker:ListArtifacts"],
            resources=["*"],  # it knows no resource
        )
        yield Statement(
            sid="TraceLineage",
            actions=["sagemaker:AddAssociation", "sagemaker:CreateArtifact"],
            resources=[
                f"arn:{PARTITION}:sagemaker:{each.aws_region}:{ACCOUNT}:artifact/*"
                for each in self.requests
            ],
        )
        yield Statement(
            sid="ReadImages",  # CreateModelPackage resolves the image's digest
            actions=["ecr:BatchGetImage", "ecr:DescribeImages"],
            resources=[repository_arn(each.image_uri) for each in self.requests],
        )


def _listed(uris: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Name the keys below some folders, by bucket."""
    locations = sorted({bucket_and_key(objects_in(uri)) for uri in uris})
    for bucket, keys in groupby(locations, key=itemgetter(0)):
        yield bucket, [key for _, key in keys]


def _version_arns(requests: Sequence[RegistrationRequest]) -> Iterator[str]:
    """Name the versions of the model package groups."""
    for request in requests:
        prefix = f"arn:{PARTITION}:sagemaker:{request.aws_region}:{ACCOUNT}"
        for group in arn_names(request.model_package_group_name):
            yield f"{prefix}:model-package/{group}/*"
