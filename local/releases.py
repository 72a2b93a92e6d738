"""What a pipeline registered: the model packages of every region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from constructs_lib.aws.registry import (
    ModelPackage,
    describe_version,
    listed_versions,
    registration_places,
)


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
        RegisteredPackage(
            step=place.step,
            region=package.region,
            arn=package.arn,
            version=package.version,
            approval_status=package.approval_status,
            image_uri=package.image_uri,
            artifact_uri=package.artifact_uri or "",
            sample_payload_uri=package.sample_payload_uri,
        )
        for place in registration_places(definition, home_region)
        for package in _versions(sagemaker(place.region), place.group)
        # A group may hold versions that a person registered, with other metadata or none.
        if package.execution_arn == execution_arn
    ]


def _versions(client: Any, group: str) -> Iterator[ModelPackage]:
    return (describe_version(client, each.arn) for each in listed_versions(client, group))
