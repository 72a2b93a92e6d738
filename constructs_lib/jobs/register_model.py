"""Registers a packaged model in the SageMaker Model Registry of another region.

The Lambda function behind the registration steps of every region but the home region. It runs in
the pipeline's own region, outside the VPC, and needs nothing but the standard library and boto3.

1. Read the region's CreateModelPackage arguments from ``registration.json``.
2. Copy the model artifact, its manifest, the sample payload and ``registration.json`` to the
   region's bucket, under the region's key: CreateModelPackage takes artifacts of its own region
   only.
3. Fill the slots of the arguments and register, once per pipeline execution.

Each part may be repeated: what is copied already is not copied again, and what the execution has
registered already is found and returned.

The event is the step's arguments, see :class:`Registration`. A failure names the region, the work
that failed and the cause; SageMaker shows it as the step's failure reason.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

SCHEMA_VERSION: Final = 1
"""The version of ``registration.json`` that this function reads."""

SLOT: Final = "$slot"
"""``{"$slot": name}`` stands where a value goes that is known only when the pipeline runs."""

EXECUTION_PROPERTY: Final = "pipeline_execution_arn"
"""The CustomerMetadataProperties entry that tells which execution registered a model package."""

# CopyObject ends at 5 GiB and a pipeline step's function at 10 minutes: S3 copies parts, side by
# side and without a byte passing through here.
_TRANSFER: Final = TransferConfig(
    multipart_threshold=256 * 1024**2, multipart_chunksize=256 * 1024**2, max_concurrency=20
)
_CLIENT_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 6})
_CLOCK_DIFFERENCE: Final = timedelta(minutes=5)
"""How far the clocks of S3 and of the Model Registry may be apart."""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class RegistrationError(Exception):
    """A registration failed: the message names the region, the work and the cause."""


class S3Object(NamedTuple):
    """Where an object is."""

    bucket: str
    key: str

    @classmethod
    def from_uri(cls, uri: str) -> S3Object:
        """Split an ``s3://bucket/key`` URI."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket or not key:
            raise RegistrationError(f"Expected an S3 object as s3://bucket/key, got {uri!r}.")
        return cls(bucket, key)

    @property
    def uri(self) -> str:
        """The ``s3://bucket/key`` URI."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def location(self) -> dict[str, str]:
        """The object as the S3 API's arguments name it."""
        return {"Bucket": self.bucket, "Key": self.key}


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a registration step passes: scalar strings; URIs are of S3 objects."""

    registration_request_uri: str
    region_code: str
    """Business region with an entry in ``registration.json``, for example ``EU``."""
    aws_region: str
    model_artifact_uri: str
    sample_payload_uri: str
    sample_payload_destination_uri: str
    destination_bucket: str
    kms_key_id: str
    """ARN of a KMS key of ``aws_region``, or of its alias."""
    model_package_group_name: str
    model_approval_status: str
    pipeline_execution_arn: str
    artifact_sha256: str
    code_sha256: str
    packaging_manifest_uri: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Registration:
        """Check the event of an invocation; members that it does not know are ignored.

        Raises:
            RegistrationError: Members are missing or empty.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        given = {name: event[name] for name in names if event.get(name)}
        if missing := sorted(set(names) - given.keys()):
            raise RegistrationError(
                f"The registration step passes no value for {', '.join(missing)}; "
                f"it passes {', '.join(sorted(given)) or 'nothing'}."
            )
        return cls(**given)

    @property
    def client_token(self) -> str:
        """The idempotency token: the same for each attempt of one execution in one region."""
        return str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"{self.pipeline_execution_arn}#{self.aws_region}")
        )


class Copy(NamedTuple):
    """An object of the pipeline's region, and its copy in the region to register in."""

    source: S3Object
    destination: S3Object


class Copies(NamedTuple):
    """What a region needs of its own."""

    registration_request: Copy
    sample_payload: Copy
    packaging_manifest: Copy
    model_artifact: Copy

    @classmethod
    def for_registration(cls, registration: Registration) -> Copies:
        """Plan the copies: to the region's bucket, under the same key unless the step says."""
        request = S3Object.from_uri(registration.registration_request_uri)
        payload = S3Object.from_uri(registration.sample_payload_uri)
        manifest = S3Object.from_uri(registration.packaging_manifest_uri)
        artifact = S3Object.from_uri(registration.model_artifact_uri)
        bucket = registration.destination_bucket
        return cls(
            registration_request=Copy(request, S3Object(bucket, request.key)),
            sample_payload=Copy(
                payload, S3Object.from_uri(registration.sample_payload_destination_uri)
            ),
            packaging_manifest=Copy(manifest, S3Object(bucket, manifest.key)),
            model_artifact=Copy(artifact, S3Object(bucket, artifact.key)),
        )


@dataclass(frozen=True)
class Clients:
    """The services that a registration talks to, each in its region."""

    source_s3: Any
    destination_s3: Any
    sagemaker: Any

    @classmethod
    def for_region(cls, aws_region: str) -> Clients:
        """Connect to this function's own region and to the one to register in."""
        return cls(
            source_s3=boto3.client("s3", config=_CLIENT_CONFIG),
            destination_s3=boto3.client("s3", region_name=aws_region, config=_CLIENT_CONFIG),
            sagemaker=boto3.client("sagemaker", region_name=aws_region, config=_CLIENT_CONFIG),
        )


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Register a model for a pipeline step: the function's entry point.

    Args:
        event: The members of :class:`Registration`.

    Returns:
        ``statusCode``, and the step's outputs ``model_package_arn``, ``model_artifact_uri`` and
        ``sample_payload_uri``, all of the region that was registered in.

    Raises:
        RegistrationError: The step fails, with this message as its reason.
    """
    registration = Registration.from_event(event)
    return {
        "statusCode": 200,
        **register(registration, Clients.for_region(registration.aws_region)),
    }


def register(registration: Registration, clients: Clients) -> dict[str, str]:
    """Copy what the region needs and register the model there; return the step's outputs."""
    copies = Copies.for_registration(registration)
    request_file = copies.registration_request.source
    with _working_on(registration, f"reading {request_file.uri}"):
        template = read_template(clients.source_s3, request_file, registration.region_code)
    for copy in copies:
        with _working_on(registration, f"copying {copy.source.uri} to {copy.destination.uri}"):
            copy_object(copy, clients=clients, kms_key_id=registration.kms_key_id)
    group = registration.model_package_group_name
    with _working_on(registration, f"registering in the model package group {group}"):
        arguments = model_package_arguments(template, registration, copies)
        arn = register_once(arguments, registration, copies, clients)
    return {
        "model_package_arn": arn,
        "model_artifact_uri": copies.model_artifact.destination.uri,
        "sample_payload_uri": copies.sample_payload.destination.uri,
    }


def read_template(s3: Any, request_file: S3Object, region_code: str) -> dict[str, Any]:
    """Read one region's CreateModelPackage arguments, with slots, from ``registration.json``."""
    document = json.loads(s3.get_object(**request_file.location)["Body"].read())
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise RegistrationError(
            f"The file's schema_version is {version!r}, this function reads {SCHEMA_VERSION}. "
            "Deploy the pipeline's stack again: it holds both."
        )
    regions = document["regions"]
    if region_code not in regions:
        raise RegistrationError(
            f"The file has no region {region_code!r}, it has {', '.join(regions)}."
        )
    template: dict[str, Any] = regions[region_code]["model_package_arguments"]
    return template


def model_package_arguments(
    template: Mapping[str, Any], registration: Registration, copies: Copies
) -> dict[str, Any]:
    """Complete the arguments of CreateModelPackage."""
    values = {
        "model_data_url": copies.model_artifact.destination.uri,
        "sample_payload_url": copies.sample_payload.destination.uri,
        "model_approval_status": registration.model_approval_status,
        "artifact_sha256": registration.artifact_sha256,
        "code_sha256": registration.code_sha256,
        "packaging_manifest_uri": copies.packaging_manifest.destination.uri,
        "registration_request_uri": copies.registration_request.destination.uri,
        "pipeline_execution_arn": registration.pipeline_execution_arn,
    }
    return {
        **fill_slots(template, values),
        "ModelPackageGroupName": registration.model_package_group_name,
        "ClientToken": registration.client_token,
    }


def fill_slots(template: Any, values: Mapping[str, str]) -> Any:
    """Replace each ``{"$slot": name}`` by its value."""
    if isinstance(template, list):
        return [fill_slots(item, values) for item in template]
    if not isinstance(template, dict):
        return template
    if SLOT in template:
        return values[template[SLOT]]
    return {name: fill_slots(member, values) for name, member in template.items()}


def copy_object(copy: Copy, *, clients: Clients, kms_key_id: str) -> None:
    """Copy an object to another region's bucket, unless that holds the same content already.

    The copy's metadata entry ``source-etag`` tells what it was made from: ETags of the two do not
    compare, because they depend on the encryption and on the parts that an object came in.

    Raises:
        RegistrationError: There is no such object, or the copy is not what was copied.
    """
    source, destination = copy
    original = _head(clients.source_s3, source)
    if original is None:
        raise RegistrationError(f"{source.uri} does not exist.")
    if _is_copy(_head(clients.destination_s3, destination), original):
        logger.info("%s is already a copy of %s", destination.uri, source.uri)
        return
    clients.destination_s3.copy(
        source.location,
        destination.bucket,
        destination.key,
        ExtraArgs={
            "CopySourceIfMatch": original["ETag"],
            "ContentType": original["ContentType"],
            "Metadata": {"source-etag": _etag(original)},
            "MetadataDirective": "REPLACE",
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": kms_key_id,
            "TaggingDirective": "REPLACE",
        },
        SourceClient=clients.source_s3,
        Config=_TRANSFER,
    )
    if not _is_copy(_head(clients.destination_s3, destination), original):
        raise RegistrationError("The copy's size or checksum is not the original's.")
    logger.info("Copied %s to %s", source.uri, destination.uri)


def _head(s3: Any, s3_object: S3Object) -> dict[str, Any] | None:
    """Return an object's headers, or None when there is no such object."""
    try:
        headers: dict[str, Any] = s3.head_object(**s3_object.location, ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return None
        raise
    return headers


def _is_copy(copy: Mapping[str, Any] | None, original: Mapping[str, Any]) -> bool:
    """Tell whether an object was copied from another, whole, as far as their headers show."""
    if copy is None:
        return False
    checksums, expected = _checksums(copy), _checksums(original)
    return (
        copy["ContentLength"] == original["ContentLength"]
        and copy["Metadata"].get("source-etag") == _etag(original)
        and all(checksums[name] == expected[name] for name in checksums.keys() & expected.keys())
    )


def _etag(headers: Mapping[str, Any]) -> str:
    return str(headers["ETag"]).strip('"')


def _checksums(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums of the whole content; those of parts depend on the parts' size."""
    if headers.get("ChecksumType") != "FULL_OBJECT":
        return {}
    return {
        name: value
        for name, value in headers.items()
        if name.startswith("Checksum") and name != "ChecksumType"
    }


def register_once(
    arguments: Mapping[str, Any], registration: Registration, copies: Copies, clients: Clients
) -> str:
    """Return the ARN of the model package of this execution, which is created if there is none."""
    artifact = clients.source_s3.head_object(**copies.model_artifact.source.location)
    arn = find_model_package(
        clients.sagemaker,
        group=registration.model_package_group_name,
        pipeline_execution_arn=registration.pipeline_execution_arn,
        not_before=artifact["LastModified"] - _CLOCK_DIFFERENCE,
    )
    if arn is not None:
        logger.info("This execution has already registered %s", arn)
        return arn
    arn = str(clients.sagemaker.create_model_package(**arguments)["ModelPackageArn"])
    logger.info("Registered %s", arn)
    return arn


def find_model_package(
    sagemaker: Any, *, group: str, pipeline_execution_arn: str, not_before: datetime
) -> str | None:
    """Find the model package that an execution has registered, by its metadata.

    Args:
        sagemaker: SageMaker client of the group's region.
        group: Model package group.
        pipeline_execution_arn: The execution.
        not_before: A time before the execution's first registration; the search ends at older
            model packages, so that a long history costs nothing.

    Returns:
        The model package's ARN, or None.
    """
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
    )
    for summary in (summary for page in pages for summary in page["ModelPackageSummaryList"]):
        if summary["CreationTime"] < not_before:
            return None
        arn = str(summary["ModelPackageArn"])
        package = sagemaker.describe_model_package(ModelPackageName=arn)
        properties = package.get("CustomerMetadataProperties", {})
        if properties.get(EXECUTION_PROPERTY) == pipeline_execution_arn:
            return arn
    return None


@contextmanager
def _working_on(registration: Registration, work: str) -> Iterator[None]:
    """Turn a failure into an error that a reader of the step's failure reason can act on."""
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError, RegistrationError) as error:
        raise RegistrationError(
            f"Registration in {registration.region_code} ({registration.aws_region}) failed while "
            f"{work}: {error}{_hint(error, registration.aws_region)}"
        ) from error


def _hint(error: Exception, aws_region: str) -> str:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code == "NoSuchBucket":
        return f" (is the registry stack of {aws_region} deployed?)"
    if code == "403":
        # What S3 says of a missing object to those who may not list its bucket.
        return " (the object does not exist, or the function may not read it)"
    return ""
