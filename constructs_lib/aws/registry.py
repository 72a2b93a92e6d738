"""The SageMaker Model Registry: where a pipeline registers, and the versions that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from constructs_lib.language.steps import steps_of

_GROUP_ARGUMENT: Final = "model_package_group_name"
MEASURED: Final = ("latency_p99_in_millisecond", "error_rate", "achieved_tps")
"""Names of metadata that hold measured numbers."""
_UNDECIDED: Final = "PendingManualApproval"
"""What the service takes a version for that was registered without a status."""
LONG_PAGES: Final = {"PageSize": 100}
"""The most that SageMaker lists at once, by its service model."""
_NOT_PRINTED: Final = ("image_uri", "sample_payload_uri")


class RegistrationPlace(NamedTuple):
    """A step that registers, and where."""

    step: str
    region: str
    """AWS region."""
    group: str
    """Name of the model package group."""


def registration_places(
    definition: Mapping[str, Any], home_region: str
) -> Iterator[RegistrationPlace]:
    """Yield the steps of a deployed definition that register, in its order.

    Args:
        definition: As DescribePipeline returns it.
        home_region: AWS region of the pipeline.
    """
    for step in steps_of(definition):
        arguments = step.get("Arguments") or {}
        if step["Type"] == "RegisterModel":
            group = arguments["ModelPackageGroupName"]
            yield RegistrationPlace(step["Name"], home_region, group)
        elif _GROUP_ARGUMENT in arguments and arguments.get("action") != "stage":
            group = arguments[_GROUP_ARGUMENT]
            yield RegistrationPlace(step["Name"], arguments["aws_region"], group)


@dataclass(frozen=True, kw_only=True)
class ModelPackage:
    """One version in the SageMaker Model Registry of one region."""

    region: str
    group: str
    version: int
    arn: str
    approval_status: str
    approval_description: str | None
    creation_time: str
    artifact_uri: str | None
    image_uri: str = ""
    sample_payload_uri: str = ""
    """Empty where a person registered it without."""
    metadata: dict[str, str]
    measured: dict[str, float] = field(default_factory=dict)
    """What verification measured: latencies in milliseconds, error rate and requests a second."""

    @property
    def artifact_sha256(self) -> str | None:
        """Digest of the packaged model, as the registration noted it."""
        return self.metadata.get("artifact_sha256")

    @property
    def evaluation_uri(self) -> str | None:
        """S3 URI of ``evaluation.json``; None for a model that was not verified."""
        return self.metadata.get("evaluation")

    @property
    def execution_arn(self) -> str | None:
        """The pipeline execution that registered it; None when a person did."""
        return self.metadata.get("pipeline_execution_arn")

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {name: value for name, value in asdict(self).items() if name not in _NOT_PRINTED}


class ListedVersion(NamedTuple):
    """What a list of a group's versions tells of each."""

    version: int
    arn: str
    approval_status: str


def listed_versions(sagemaker: Any, group: str) -> Iterator[ListedVersion]:
    """Yield the versions of a group, the newest first; lists as many as are taken.

    Args:
        sagemaker: A client of the group's region.
        group: Its name.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig=LONG_PAGES,
    )
    for page in pages:
        # Some were created at the same second.
        yield from sorted(map(_listed, page["ModelPackageSummaryList"]), reverse=True)


def _listed(summary: Mapping[str, Any]) -> ListedVersion:
    return ListedVersion(
        summary["ModelPackageVersion"],
        summary["ModelPackageArn"],
        summary.get("ModelApprovalStatus", _UNDECIDED),
    )


def describe_version(sagemaker: Any, arn: str) -> ModelPackage:
    """Read a version.

    Args:
        sagemaker: A client of the version's region.
        arn: Of the version.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    description = sagemaker.describe_model_package(ModelPackageName=arn)
    containers = description.get("InferenceSpecification", {}).get("Containers") or [{}]
    metadata = description.get("CustomerMetadataProperties") or {}
    return ModelPackage(
        region=sagemaker.meta.region_name,
        group=description["ModelPackageGroupName"],
        version=description["ModelPackageVersion"],
        arn=description["ModelPackageArn"],
        approval_status=description.get("ModelApprovalStatus", _UNDECIDED),
        approval_description=description.get("ApprovalDescription"),
        creation_time=description["CreationTime"].isoformat(),
        artifact_uri=containers[0].get("ModelDataUrl"),
        image_uri=containers[0].get("Image", ""),
        sample_payload_uri=description.get("SamplePayloadUrl", ""),
        metadata=metadata,
        measured={name: float(metadata[name]) for name in MEASURED if name in metadata},
    )
