"""Registration: one model package of a content in a region."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from .artifacts import PackagedArtifact, refuse_other_content
from .claims import refuse_lost_claim
from .clients import RegionClients
from .errors import RegistrationError, working_on
from .events import Registration
from .lineage import trace
from .objects import S3Object, read_json, required
from .packages import model_package_arguments
from .records import find_model_package, record, uris_of

logger = logging.getLogger(__name__)


def register(registration: Registration, clients: RegionClients) -> dict[str, str]:
    """Register what was staged, unless it is registered; return the step's outputs."""
    group = registration.model_package_group_name
    with working_on(registration, f"looking for the content in the model package group {group}"):
        found = find_model_package(registration, clients)
    if found is not None:
        logger.info("Registered already: %s", found["ModelPackageArn"])
        return _traced(registration, found["ModelPackageArn"], uris_of(found), clients)
    with working_on(registration, f"reading what is staged for {registration.region_code}"):
        check_in_place(registration, clients.s3)
        arguments = model_package_arguments(registration, clients.s3)
    with working_on(registration, f"registering in the model package group {group}"):
        refuse_lost_claim(registration, clients)
        arn = _create_model_package(arguments, registration, clients)
        record(registration, arn, registration.artifact_sha256, clients)
    return _traced(registration, arn, vars(registration), clients)


def _traced(
    registration: Registration, arn: str, uris: Mapping[str, str], clients: RegionClients
) -> dict[str, str]:
    """Trace the lineage of a version, however it came to be; returns the step's outputs."""
    trace(uris["model_artifact_uri"], registration.source_model_artifact_uri, clients.lineage)
    names = ("model_artifact_uri", "sample_payload_uri")
    return {"model_package_arn": arn, **{name: uris[name] for name in names}}


def _create_model_package(
    arguments: Mapping[str, Any], registration: Registration, clients: RegionClients
) -> str:
    try:
        arn = str(clients.sagemaker.create_model_package(**arguments)["ModelPackageArn"])
    except ClientError:
        # An attempt whose answer was lost may have registered it.
        found = find_model_package(registration, clients)
        if found is None:
            raise
        arn = str(found["ModelPackageArn"])
    logger.info("Registered %s", arn)
    return arn


def check_in_place(registration: Registration, s3: Any) -> None:
    """Check that what the model package will name is there, and proven.

    Raises:
        RegistrationError: A file is missing, or the artifact is another one by now.
    """
    manifest = read_json(s3, S3Object.from_uri(registration.packaging_manifest_uri))
    packaged = PackagedArtifact.from_manifest(manifest)
    if packaged.sha256 != registration.artifact_sha256:
        raise RegistrationError(
            f"The manifest is of an artifact with the SHA-256 {packaged.sha256}; the packaged one"
            f" has {registration.artifact_sha256}."
        )
    artifact = S3Object.from_uri(registration.model_artifact_uri)
    headers = required(s3, artifact)
    refuse_other_content(headers, artifact, packaged.checksums(headers["ContentLength"]))
    required(s3, S3Object.from_uri(registration.sample_payload_uri))
