"""Proves that a version is what was verified and registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..register_model.artifacts import PackagedArtifact, refuse_other_content
from ..register_model.objects import S3Object, read_json, required
from .errors import DeploymentError, place_of
from .versions import Version
from .work import Work


def prove(work: Work, target: Mapping[str, Any], version: Version) -> None:
    """Compare the artifact with what was verified and registered.

    Raises:
        DeploymentError: It is another one, or was not verified.
    """
    s3, metadata = work.clients.s3(target["aws_region"]), version.metadata
    manifest = read_json(s3, S3Object.from_uri(metadata["packaging_manifest"]))
    packaged = PackagedArtifact.from_manifest(manifest)
    if packaged.sha256 != metadata["artifact_sha256"]:
        raise DeploymentError(
            f"{place_of(target)}: the manifest of version {version.number} is of an artifact with"
            f" the SHA-256 {packaged.sha256}; it was registered with {metadata['artifact_sha256']}."
        )
    (container,) = version.package["InferenceSpecification"]["Containers"]
    artifact = S3Object.from_uri(container["ModelDataUrl"])
    headers = required(s3, artifact)
    refuse_other_content(headers, artifact, packaged.checksums(headers["ContentLength"]))
    if work.settings["verification"] == "enforce":
        _refuse_unverified(s3, target, version)


def _refuse_unverified(s3: Any, target: Mapping[str, Any], version: Version) -> None:
    uri = version.metadata.get("evaluation")
    if uri is None:
        raise DeploymentError(
            f"{place_of(target)}: version {version.number} was not verified, and the config demands"
            " it (verification is enforce). Release the model again."
        )
    evaluation = read_json(s3, S3Object.from_uri(uri))
    verdict, verified = evaluation["verdict"], evaluation["artifact"]["sha256"]
    if verdict != "passed" or verified != version.metadata["artifact_sha256"]:
        raise DeploymentError(
            f"{place_of(target)}: the evaluation of version {version.number} says {verdict}, of the"
            f" artifact {verified}: it may not serve (verification is enforce)."
        )
