"""What a pipeline registered: the model packages of every region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from constructs_lib.language.steps import steps_of


@dataclass(frozen=True, kw_only=True)
class RegisteredPackage:
    """One version in the SageMaker Model Registry of one region."""

    step: str
    region: str
    arn: str
    version: int
    approval_status: str
    image_uri: str
    artifact_uri: str
    sample_payload_uri: str


def registered_packages(
    definition: Mapping[str, Any],
    execution_arn: str,
    *,
    home_region: str,
    sagemaker: Callable[[str], Any],
) -> list[RegisteredPackage]:
    """Find what an execution registered, in the order of the definition's steps.

    Args:
        definition: The definition as DescribePipeline returns it.
        execution_arn: The execution; each package's metadata names the one that registered it.
        home_region: AWS region of the pipeline.
        sagemaker: Makes a SageMaker client of a region.
    """
    return [
        _package(step, region, description)
        for step, region, group in _registrations(definition, home_region)
        for description in _versions(sagemaker(region), group)
        if _registered_by(description) == execution_arn
    ]


def _registrations(
    definition: Mapping[str, Any], home_region: str
) -> Iterator[tuple[str, str, str]]:
    """Yield step, region and model package group of every step that registers."""
    for step in steps_of(definition):
        arguments = step["Arguments"]
        if step["Type"] == "RegisterModel":
            yield step["Name"], home_region, arguments["ModelPackageGroupName"]
        elif arguments.get("action") == "register":
            yield step["Name"], arguments["aws_region"], arguments["model_package_group_name"]


def _versions(client: Any, group: str) -> Iterator[dict[str, Any]]:
    pages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    for page in pages:
        for summary in page["ModelPackageSummaryList"]:
            yield client.describe_model_package(ModelPackageName=summary["ModelPackageArn"])


def _registered_by(description: Mapping[str, Any]) -> str | None:
    # A group may hold versions that a person registered, with other metadata or none.
    metadata: Mapping[str, str] = description.get("CustomerMetadataProperties", {})
    return metadata.get("pipeline_execution_arn")


def _package(step: str, region: str, description: Mapping[str, Any]) -> RegisteredPackage:
    (container,) = description["InferenceSpecification"]["Containers"]
    return RegisteredPackage(
        step=step,
        region=region,
        arn=description["ModelPackageArn"],
        version=description["ModelPackageVersion"],
        approval_status=description["ModelApprovalStatus"],
        image_uri=container["Image"],
        artifact_uri=container["ModelDataUrl"],
        sample_payload_uri=description["SamplePayloadUrl"],
    )
