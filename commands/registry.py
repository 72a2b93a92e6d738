"""The model packages of a pipeline, in every region that it registers in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from commands.aws import Aws, UnknownNameError, calls, read_definition, steps_of

_GROUP_ARGUMENT: Final = "model_package_group_name"


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
    metadata: dict[str, str]

    @property
    def artifact_sha256(self) -> str | None:
        """Digest of the packaged model, as the registration noted it."""
        return self.metadata.get("artifact_sha256")

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return asdict(self)


def groups(definition: dict[str, Any], home_region: str) -> dict[str, str]:
    """Return the model package group by the AWS region that a pipeline registers in."""
    found = {}
    for step in steps_of(definition):
        arguments = step.get("Arguments") or {}
        if step["Type"] == "RegisterModel":
            found[home_region] = arguments["ModelPackageGroupName"]
        elif _GROUP_ARGUMENT in arguments:
            found[arguments["aws_region"]] = arguments[_GROUP_ARGUMENT]
    return found


def packages(aws: Aws, pipeline: str, region: str | None, *, limit: int) -> list[ModelPackage]:
    """Read the newest versions of every region, or of one.

    Args:
        aws: Where the pipeline is deployed.
        pipeline: Its name.
        region: AWS region to look at; None is all.
        limit: So many versions per region, newest first.

    Raises:
        UnknownNameError: There is no such pipeline, or it does not register in the region.
        AwsCallError: AWS refused.
    """
    by_region = groups(read_definition(aws, pipeline), aws.home_region)
    if region is not None and region not in by_region:
        raise UnknownNameError(
            f"{pipeline} does not register in {region}; it does in {', '.join(by_region)}."
        )
    return [
        package
        for each, group in sorted(by_region.items())
        if region in (None, each)
        for package in _versions(aws.client("sagemaker", each), each, group, limit)
    ]


def _versions(client: Any, region: str, group: str, limit: int) -> list[ModelPackage]:
    with calls(f"Cannot read the packages of {group} in {region}"):
        pages = client.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        )
        summaries = [each for page in pages for each in page["ModelPackageSummaryList"]]
        newest = sorted(summaries, key=lambda each: each["ModelPackageVersion"], reverse=True)
        return [
            _package(
                region, client.describe_model_package(ModelPackageName=each["ModelPackageArn"])
            )
            for each in newest[:limit]
        ]


def _package(region: str, description: dict[str, Any]) -> ModelPackage:
    containers = description.get("InferenceSpecification", {}).get("Containers") or [{}]
    return ModelPackage(
        region=region,
        group=description["ModelPackageGroupName"],
        version=description["ModelPackageVersion"],
        arn=description["ModelPackageArn"],
        approval_status=description["ModelApprovalStatus"],
        approval_description=description.get("ApprovalDescription"),
        creation_time=description["CreationTime"].isoformat(),
        artifact_uri=containers[0].get("ModelDataUrl"),
        metadata=description.get("CustomerMetadataProperties") or {},
    )


def set_approval(aws: Aws, package: ModelPackage, status: str, comment: str | None) -> None:
    """Approve or reject a version.

    Raises:
        AwsCallError: AWS refused.
    """
    request: dict[str, Any] = {"ModelPackageArn": package.arn, "ModelApprovalStatus": status}
    if comment:
        request["ApprovalDescription"] = comment
    if aws.is_embedded and package.metadata:
        # The embedded AWS forgets the metadata that an update does not repeat.
        request["CustomerMetadataProperties"] = package.metadata
    with calls(f"Cannot update {package.arn}"):
        aws.client("sagemaker", package.region).update_model_package(**request)
