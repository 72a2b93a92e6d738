"""Where a content is registered: looked up by its digest, however many versions a group has.

Whoever registers records it: an object ``<digest>/<version>`` that holds the version's ARN. Looking
lists the few names below one digest. Two kinds of versions have no record:

- Those that were registered before there were records: the first look into a group records them.
- One whose function died between registering and recording it. Only the execution that had claimed
  the content can have made it, between its claim and its end: versions of that time are read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from .claims import Claim, history, last_active
from .clients import RegionClients
from .errors import code_of
from .events import NONE, Work
from .objects import NO_BUCKET, ObjectContent, S3Object, exists, list_objects, put_new, read

_COMPLETE: Final = "complete"
"""Name of the object that says that every earlier version of a group is recorded."""
_UNUSABLE: Final = ("Failed", "Deleting")
"""Statuses of model packages that nothing can be deployed from."""
_NOT_OURS: Final = "AccessDenied"
"""What S3 answers about a bucket, or a part of one, that this function may not list."""
_NO_VERSION: Final = ("ResourceNotFound", "ValidationException")
"""What SageMaker answers when a version was deleted."""
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""Between those of S3 and of SageMaker."""

logger = logging.getLogger(__name__)


def find_model_package(work: Work, clients: RegionClients) -> dict[str, Any] | None:
    """Find the model package that makes a registration superfluous, the newest first.

    One whose artifact is no longer at its place does not count: nothing can be deployed from it.

    Returns:
        Its description, or None.
    """
    _record_earlier_versions(work, clients)
    for arn in _recorded(work, clients):
        package = _described(arn, clients.sagemaker)
        if package is not None and _makes_superfluous(package, work, clients):
            return package
    return _find_unrecorded(work, clients)


def record(work: Work, arn: str, sha256: str, clients: RegionClients) -> None:
    """Record that a version has a content; a record that is there stays."""
    file = work.records.within(sha256, _version(arn))
    put_new(clients.home_s3, file, ObjectContent(arn.encode(), "text/plain"))


def uris_of(package: dict[str, Any]) -> dict[str, str]:
    """Return the files that a model package names, by the outputs that tell them."""
    (container,) = package["InferenceSpecification"]["Containers"]
    properties = package["CustomerMetadataProperties"]
    return {
        "model_artifact_uri": container["ModelDataUrl"],
        "sample_payload_uri": package["SamplePayloadUrl"],
        "packaging_manifest_uri": properties["packaging_manifest"],
        "registration_request_uri": properties["registration_request"],
        "evaluation_uri": properties.get("evaluation", NONE),
    }


def _recorded(work: Work, clients: RegionClients) -> Iterator[str]:
    """Name the versions of the content, the newest first."""
    records = list_objects(clients.home_s3, work.records.within(work.artifact_sha256))
    for file in sorted(records, key=lambda file: file.name, reverse=True):
        yield read(clients.home_s3, file).body.decode()


def _find_unrecorded(work: Work, clients: RegionClients) -> dict[str, Any] | None:
    """Find a version that an execution has registered and could not record."""
    for claim in reversed(history(work, clients.home_s3)):
        for arn in _listed(work, clients, **_window(claim, clients)):
            package = _described(arn, clients.sagemaker)
            if package is not None and _makes_superfluous(package, work, clients):
                record(work, arn, work.artifact_sha256, clients)
                return package
    return None


def _window(claim: Claim, clients: RegionClients) -> dict[str, datetime]:
    """Say when the execution of a claim can have registered."""
    end = last_active(claim.execution_arn, clients.home_sagemaker)
    return {
        "CreationTimeAfter": claim.since - _CLOCKS_DIFFER,
        **({"CreationTimeBefore": end + _CLOCKS_DIFFER} if end else {}),
    }


def _record_earlier_versions(work: Work, clients: RegionClients) -> None:
    """Record what a group had before there were records: once, however many it has.

    Another execution goes on where one has ended that took too long.
    """
    complete = work.records.within(_COMPLETE)
    if exists(clients.home_s3, complete):
        return
    recorded = {file.name for file in list_objects(clients.home_s3, work.records)}
    for arn in _listed(work, clients):
        package = None if _version(arn) in recorded else _described(arn, clients.sagemaker)
        if package is None:
            continue
        sha256 = package.get("CustomerMetadataProperties", {}).get("artifact_sha256")
        if sha256:
            record(work, arn, sha256, clients)
    put_new(clients.home_s3, complete, ObjectContent(b"", "text/plain"))


def _version(arn: str) -> str:
    """Return the name of a version's record: names are in the order of the versions."""
    return arn.rpartition("/")[2].zfill(10)


def _listed(work: Work, clients: RegionClients, **created: datetime) -> Iterator[str]:
    """Name the versions of the region's group that were created in a time, the newest first."""
    pages = clients.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=work.model_package_group_name,
        SortBy="CreationTime",
        SortOrder="Descending",
        **created,
    )
    for page in pages:
        for summary in page["ModelPackageSummaryList"]:
            yield summary["ModelPackageArn"]


def _described(arn: str, sagemaker: Any) -> dict[str, Any] | None:
    """Describe a version; None when it is deleted."""
    try:
        package: dict[str, Any] = sagemaker.describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        if code_of(error) in _NO_VERSION:
            return None
        raise
    return package


def _makes_superfluous(package: dict[str, Any], work: Work, clients: RegionClients) -> bool:
    """Tell whether a version has the content, and can be deployed from."""
    if package["ModelPackageStatus"] in _UNUSABLE or not work.is_registered_as(package):
        return False
    artifact = S3Object.from_uri(uris_of(package)["model_artifact_uri"])
    missing = _why_missing(clients.s3, artifact)
    if missing is not None:
        logger.warning(
            "%s has the content, but %s %s", package["ModelPackageArn"], artifact.uri, missing
        )
    return missing is None


def _why_missing(s3: Any, artifact: S3Object) -> str | None:
    """Tell why nothing can be deployed from an artifact; None when it is at its place.

    The group may be older than the deployment: its artifacts can lie in a bucket that is deleted,
    or that has become another's, or that this function was never meant to read.
    """
    try:
        return None if exists(s3, artifact) else "is gone"
    except ClientError as error:
        if code_of(error) == NO_BUCKET:
            return "is gone, with its bucket"
        if code_of(error) == _NOT_OURS:
            return "cannot be looked at here (AccessDenied): it is registered again"
        raise
