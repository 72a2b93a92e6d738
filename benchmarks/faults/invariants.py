"""What has to be true of the registries after any fault."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Client = Callable[[str, str], Any]
"""Makes the client of a service in an AWS region."""


@dataclass(frozen=True)
class Registry:
    """The model package groups of one name in all regions, by business code."""

    client: Client
    group: str
    regions: Mapping[str, str]

    def packages(self, code: str) -> list[dict[str, Any]]:
        """Describe the versions of a region."""
        sagemaker = self.client("sagemaker", self.regions[code])
        listed = sagemaker.list_model_packages(ModelPackageGroupName=self.group, MaxResults=100)
        return [
            sagemaker.describe_model_package(ModelPackageName=each["ModelPackageArn"])
            for each in listed["ModelPackageSummaryList"]
        ]

    def contents(self) -> dict[str, list[str]]:
        """Return the digests that are registered, by region: the result of releases."""
        return {
            code: sorted(_sha256(package) for package in self.packages(code))
            for code in self.regions
        }

    def violations(self, *, copies: int = 1) -> Iterator[str]:
        """Name each broken invariant.

        Args:
            copies: How often a content may be registered: once more per wanted RegisterAgain.
        """
        for code, region in self.regions.items():
            packages = self.packages(code)
            for sha256, count in Counter(map(_sha256, packages)).items():
                if count > copies:
                    yield f"{code}: {count} model packages of the content {sha256[:8]}"
            for package in packages:
                yield from self._files(package, region)

    def untraced(self) -> Iterator[str]:
        """Name the versions whose lineage does not say what their artifact was made of."""
        for code, region in self.regions.items():
            sagemaker = self.client("sagemaker", region)
            for package in self.packages(code):
                (container,) = package["InferenceSpecification"]["Containers"]
                found = sagemaker.list_artifacts(SourceUri=container["ModelDataUrl"])
                made_of = [
                    association
                    for artifact in found["ArtifactSummaries"]
                    for association in sagemaker.list_associations(
                        DestinationArn=artifact["ArtifactArn"], AssociationType="DerivedFrom"
                    )["AssociationSummaries"]
                ]
                if not made_of:
                    yield f"{code}: {package['ModelPackageArn']} has no lineage"

    def _files(self, package: Mapping[str, Any], region: str) -> Iterator[str]:
        (container,) = package["InferenceSpecification"]["Containers"]
        properties = package["CustomerMetadataProperties"]
        name = package["ModelPackageArn"].rpartition(":")[2]
        artifact = self._read(container["ModelDataUrl"], region)
        if artifact is None:
            yield f"{region}: {name} points to no artifact"
        elif hashlib.sha256(artifact).hexdigest() != _sha256(package):
            yield f"{region}: the artifact of {name} has another digest"
        for uri in (
            package["SamplePayloadUrl"],
            properties["packaging_manifest"],
            properties["registration_request"],
        ):
            if not self._read(uri, region):
                yield f"{region}: {name} points to no {uri.rpartition('/')[2]}"
        yield from self._evaluation(package, region, name)

    def _evaluation(self, package: Mapping[str, Any], region: str, name: str) -> Iterator[str]:
        """Name what is wrong with the evaluation that a version names."""
        uri = package["CustomerMetadataProperties"].get("evaluation")
        content = uri and self._read(uri, region)
        if not content:
            yield f"{region}: {name} points to no evaluation"
            return
        evaluation = json.loads(content)
        if evaluation["artifact"]["sha256"] != _sha256(package):
            yield f"{region}: the evaluation of {name} is of another artifact"
        if evaluation["verdict"] != "passed":
            yield f"{region}: {name} is registered with the verdict {evaluation['verdict']}"

    def _read(self, uri: str, region: str) -> bytes | None:
        s3 = self.client("s3", region)
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
        return content


def other_files(
    client: Client, buckets: Mapping[str, str], prefix: str, written: Mapping[str, bytes]
) -> Iterator[str]:
    """Name released files that are not what the jobs wrote.

    Args:
        client: Makes clients.
        buckets: The regions' buckets, by AWS region.
        prefix: Of the keys of what is released.
        written: What the jobs wrote, by file name.
    """
    for region, bucket in buckets.items():
        s3 = client("s3", region)
        for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
            name = each["Key"].rpartition("/")[2]
            if name not in written:
                continue  # claims and records
            if s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() != written[name]:
                yield f"{region}: {each['Key']} is not what its job wrote"


def unreported(registry: Registry, failures: Sequence[str], sha256: str) -> Iterator[str]:
    """Name regions that lack the content without any failed step to say so."""
    contents = registry.contents()
    missing = [code for code in registry.regions if sha256 not in contents[code]]
    if missing and not failures:
        yield f"{', '.join(missing)}: not registered, and no step failed"


def _sha256(package: Mapping[str, Any]) -> str:
    value: str = package["CustomerMetadataProperties"]["artifact_sha256"]
    return value
