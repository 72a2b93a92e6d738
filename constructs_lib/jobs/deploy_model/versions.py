"""The registered versions of a region: found by their content, and what is written on them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from ..register_model.errors import code_of
from .errors import DeploymentError, is_missing, place_of
from .work import Work

APPROVED: Final = "Approved"
PENDING: Final = "PendingManualApproval"
_NO_VERSION: Final = ("ResourceNotFound", "ValidationException")
_FORBIDDEN: Final = re.compile(r"[^A-Za-z0-9 _.:/=+@-]")
_VALUE_LENGTH: Final = 256
"""Amazon SageMaker API Reference, CustomerMetadataProperties."""
_STAGE: Final = "Production"


class Content(NamedTuple):
    """What tells versions of different regions that are the same."""

    artifact_sha256: str
    registration: str
    """Digest of sample payload and registration request."""


@dataclass(frozen=True)
class Version:
    """A registered version, as SageMaker describes it."""

    package: Mapping[str, Any]

    @property
    def arn(self) -> str:
        """The ARN of the model package."""
        return str(self.package["ModelPackageArn"])

    @property
    def number(self) -> int:
        """The number in its region's group."""
        return int(self.arn.rpartition("/")[2])

    @property
    def metadata(self) -> Mapping[str, str]:
        """Its CustomerMetadataProperties."""
        metadata: Mapping[str, str] = self.package.get("CustomerMetadataProperties") or {}
        return metadata

    @property
    def content(self) -> Content:
        """What it is, wherever it is registered."""
        request = self.metadata.get("registration_request", "")
        folder = request.rpartition("/")[0]
        return Content(self.metadata.get("artifact_sha256", ""), folder.rpartition("/")[2])

    @property
    def execution(self) -> str | None:
        """The ARN of the pipeline's execution that registered it."""
        return self.metadata.get("pipeline_execution_arn")

    @property
    def approval(self) -> str:
        """``PendingManualApproval``, ``Approved`` or ``Rejected``."""
        return str(self.package.get("ModelApprovalStatus", PENDING))

    @property
    def is_approved(self) -> bool:
        """Whether it may serve."""
        return self.approval == APPROVED

    @property
    def is_serving(self) -> bool:
        """Whether it is written down that it serves, with whatever configuration."""
        return "served_since" in self.metadata and "served_until" not in self.metadata

    def is_recorded(self, configuration_name: str) -> bool:
        """Tell whether it is written down that it serves with a configuration."""
        metadata = self.metadata
        return (
            metadata.get("served_with") == configuration_name
            and "served_until" not in metadata
            and not self.is_deploying(configuration_name)
        )

    def is_deploying(self, configuration_name: str) -> bool:
        """Tell whether a deployment with a configuration began that nobody saw the end of."""
        return self.metadata.get("deploying_with") == configuration_name


def described_version(work: Work, region: str, arn: str) -> Version | None:
    """Describe a version; None where it is deleted."""
    try:
        return Version(work.clients.sagemaker(region).describe_model_package(ModelPackageName=arn))
    except ClientError as error:
        if is_missing(error) or code_of(error) in _NO_VERSION:
            return None
        raise


def target_version(work: Work, target: Mapping[str, Any]) -> Version:
    """Describe the version that a target is to serve.

    Raises:
        DeploymentError: It is deleted.
    """
    version = described_version(work, target["aws_region"], target["model_package_arn"])
    if version is None:
        raise DeploymentError(
            f"{place_of(target)}: version {target['version']} was deleted meanwhile."
        )
    return version


def versions(work: Work, region: str, group: str, approval: str | None = None) -> Iterator[Version]:
    """Yield the versions of a region's group, the newest first.

    Args:
        work: What to work with.
        region: The AWS region.
        group: Name of the model package group.
        approval: The approval that they have; all where it is None.
    """
    pages = (
        work.clients.sagemaker(region)
        .get_paginator("list_model_packages")
        .paginate(
            ModelPackageGroupName=group,
            SortBy="CreationTime",
            SortOrder="Descending",
            **({"ModelApprovalStatus": approval} if approval else {}),
        )
    )
    for page in pages:
        for summary in page["ModelPackageSummaryList"]:
            version = described_version(work, region, summary["ModelPackageArn"])
            if version is not None and version.package.get("ModelPackageStatus") == "Completed":
                yield version


def version_of_content(work: Work, region: str, group: str, like: Version) -> Version | None:
    """Find what a region has of a version: of the same content, best of the same execution.

    A content can be registered several times; then the one that its own execution registered is
    meant, else the newest, and in both cases an approved one before all others.
    """
    for approval in (APPROVED, None):
        newest = None
        for version in versions(work, region, group, approval):
            if version.content == like.content:
                if version.execution == like.execution:
                    return version
                newest = newest or version
        if newest is not None:
            return newest
    return None


def write(
    work: Work,
    region: str,
    version: Version,
    changes: Mapping[str, str | None],
    stage_status: str | None = None,
) -> None:
    """Change metadata of a version, and leave all else on it as it is.

    Args:
        work: What to work with.
        region: The AWS region.
        version: As it was described just now.
        changes: Values by name; None removes one.
        stage_status: What its life cycle says; None leaves that.
    """
    wanted = {
        name: _FORBIDDEN.sub(" ", value)[:_VALUE_LENGTH]
        for name, value in changes.items()
        if value is not None
    }
    removed = [
        name for name, value in changes.items() if value is None and name in version.metadata
    ]
    if not removed and all(version.metadata.get(name) == wanted[name] for name in wanted):
        return
    # All of them: so nothing is lost, whether the service merges or replaces.
    kept = {name: value for name, value in version.metadata.items() if name not in removed}
    work.clients.sagemaker(region).update_model_package(
        ModelPackageArn=version.arn,
        CustomerMetadataProperties={**kept, **wanted},
        **({"CustomerMetadataPropertiesToRemove": removed} if removed else {}),
        **(
            {"ModelLifeCycle": {"Stage": _STAGE, "StageStatus": stage_status}}
            if stage_status
            else {}
        ),
    )
