"""Stages a packaged model in a region, and registers it in the SageMaker Model Registry there.

The Lambda function behind the Stage steps of every region and behind the Registration steps of
every region but the home region. It runs in the pipeline's own region, outside the VPC, and needs
nothing but the standard library and boto3. The event is the step's arguments: ``action`` says which
of the two, :class:`Staging` or :class:`Registration` has the other members.

``stage``
    1. Does nothing when verification is enforced and the model has failed it.
    2. Claims the content (the digest of ``model.tar.gz``) for its execution, and looks for a model
       package of it in the region's group. While another execution that runs has claimed it, waits
       for that one to register it or to end.
    3. Puts the model artifact, its manifest, ``evaluation.json``, the sample payload and
       ``registration.json`` in the region's bucket, under the region's key: CreateModelPackage
       takes files of its own region only. At home they are in place already.
    4. Proves that what is there is what was packaged.

``register``
    Fills the slots of the region's CreateModelPackage arguments and registers, unless a model
    package of the same content is there.

What proves the content of an object, the first that applies:

- The SHA-256 that S3 computed over the whole object. Objects of up to 5 GiB are copied in one
  request that asks S3 for it, so nothing passes through here.
- Reading the object of the home region and hashing it, up to 16 GiB: that long a Lambda step has.
  The copy is then proven to be one by its size, by the ETag that S3 copied from, and by the
  checksums that S3 keeps of both.
- Larger objects: only that the copy is one. A log line says so.

A claim is an object beside the releases that names an execution. It is written on the condition
that there is none, or that the one of an execution that has ended is still the same. Nobody
removes it: it counts as long as its execution runs, so a killed one leaves nothing to clean up.
So two executions of the same content register it once, even by SageMaker's own RegisterModel step.

Each part may be repeated: what is in place is not copied again, and what is registered is found. So
starting the pipeline again with the same parameters completes what a failure left undone. A failure
names the region, the work and the cause; SageMaker shows it as the step's failure reason.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from urllib3.exceptions import HTTPError

SCHEMA_VERSION: Final = 1
"""The version of ``registration.json`` that this function reads."""

SLOT: Final = "$slot"
"""``{"$slot": name}`` stands where a value goes that is known only when the pipeline runs."""
JOIN: Final = "$join"
"""``{"$join": [...]}`` stands for one text made of texts and slots."""

NONE: Final = "none"
"""What an output holds when there is nothing: an empty one would fail the step."""

_GIB: Final = 1024**3
# CopyObject ends at 5 GiB and a pipeline step's function at 10 minutes: above, S3 copies parts,
# side by side and without a byte passing through here.
_TRANSFER: Final = TransferConfig(
    multipart_threshold=5 * _GIB, multipart_chunksize=256 * 1024**2, max_concurrency=20
)
_MOST_HASHED_BYTES: Final = 16 * _GIB
_READ_BYTES: Final = 8 * 1024**2
_READ_ATTEMPTS: Final = 4
_BROKEN_OFF: Final = (HTTPError, IncompleteReadError, ResponseStreamingError)
"""Errors while an answer's body is read: the clients retry requests, not this."""
# One request copies up to 5 GiB before it answers.
_CLIENT_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 6}, read_timeout=300
)
# Of the ten minutes of a Lambda step, this leaves most for copying.
_LONGEST_WAIT_SECONDS: Final = 240
_POLL_SECONDS: Final = 5
_RUNNING: Final = ("Executing", "Stopping")
"""Statuses of executions that may still register."""
_NO_EXECUTION: Final = ("ResourceNotFound", "ValidationException")
"""What SageMaker answers when the pipeline was deleted since, or the claim names none."""
_OVERTAKEN: Final = ("ConditionalRequestConflict", "PreconditionFailed")
"""What S3 answers when another one has written the object."""
_NOT_OURS: Final = ("403", "AccessDenied")
"""What S3 answers about objects in a bucket that this function may not read."""
_UNUSABLE: Final = ("Failed", "Deleting")
"""Statuses of model packages that nothing can be deployed from."""

_Read = TypeVar("_Read")

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class RegistrationError(Exception):
    """A step failed: the message names the region, the work and the cause."""


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
class Work:
    """What both actions are told: scalar strings; URIs are of S3 objects."""

    NAME: ClassVar[str]
    AFTERWARDS: ClassVar[str]
    """What a failure means for the other regions, and what to do."""

    region_code: str
    """Business region with an entry in ``registration.json``, for example ``EU``."""
    aws_region: str
    model_package_group_name: str
    pipeline_execution_arn: str
    artifact_sha256: str
    register_again: str
    """``yes`` or ``no``: whether content that is registered is registered once more."""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """Check the event of an invocation; members that it does not know are ignored.

        Raises:
            RegistrationError: Members are missing or empty.
        """
        fields = dataclasses.fields(cls)
        given = {field.name: event[field.name] for field in fields if event.get(field.name)}
        required = {field.name for field in fields if field.default is dataclasses.MISSING}
        if missing := sorted(required - given.keys()):
            raise RegistrationError(
                f"The step passes no value for {', '.join(missing)}; "
                f"it passes {', '.join(sorted(given)) or 'nothing'}."
            )
        return cls(**given)

    def is_registered_as(self, package: Mapping[str, Any]) -> bool:
        """Tell whether a model package is what this step is about to register.

        One of the same content is; or, when it is to be registered again, one that this very
        execution has registered.
        """
        properties = package.get("CustomerMetadataProperties", {})
        if properties.get("artifact_sha256") != self.artifact_sha256:
            return False
        return (
            self.register_again != "yes"
            or properties.get("pipeline_execution_arn") == self.pipeline_execution_arn
        )


@dataclass(frozen=True, kw_only=True)
class Staging(Work):
    """What a Stage step passes; the URIs are those of the home region."""

    NAME = "Staging"
    AFTERWARDS = (
        "Nothing is registered in any region by this execution. Start the pipeline again with the"
        " same parameters when the cause is gone."
    )

    destination_bucket: str
    kms_key_id: str
    """ARN of a KMS key of ``aws_region``, or of its alias."""
    model_artifact_uri: str
    packaging_manifest_uri: str
    registration_request_uri: str
    sample_payload_uri: str
    verification: str
    """``enforce``, ``warn`` or ``off``."""
    evaluation_uri: str = ""
    verdict: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the model may not be registered."""
        return self.verification == "enforce" and self.verdict != "passed"

    @property
    def claim(self) -> S3Object:
        """Where the execution that may register this content is named."""
        artifact = S3Object.from_uri(self.model_artifact_uri)
        releases = PurePosixPath(artifact.key).parents[1]
        name = f"claims/{self.model_package_group_name}/{self.artifact_sha256}"
        return S3Object(artifact.bucket, str(releases / name))

    def files(self) -> dict[str, Copy]:
        """Plan the copies by the name of the output that tells each: under the same keys."""
        names = [
            "model_artifact_uri",
            "packaging_manifest_uri",
            "registration_request_uri",
            "sample_payload_uri",
            *(["evaluation_uri"] if self.evaluation_uri else []),
        ]
        sources = {name: S3Object.from_uri(getattr(self, name)) for name in names}
        return {
            name: Copy(source, S3Object(self.destination_bucket, source.key))
            for name, source in sources.items()
        }


@dataclass(frozen=True, kw_only=True)
class Registration(Work):
    """What a Registration step passes; the URIs are those of the region to register in."""

    NAME = "Registration"
    AFTERWARDS = (
        "Other regions may have it. Start the pipeline again with the same parameters when the"
        " cause is gone: it registers where it is missing, and nowhere else."
    )

    code_sha256: str
    evaluation_uri: str
    """``none`` for a model that was not verified."""
    model_approval_status: str
    model_artifact_uri: str
    packaging_manifest_uri: str
    registration_request_uri: str
    sample_payload_uri: str
    source_model_artifact_uri: str
    training_job_arn: str = ""
    git_commit: str = "unknown"

    @property
    def client_token(self) -> str:
        """The idempotency token: of this execution's registration of the content in the region.

        One of the content alone would stand in the way of registering it again after its package
        was deleted or has failed.
        """
        group, region = self.model_package_group_name, self.aws_region
        name = f"{group}#{region}#{self.artifact_sha256}#{self.pipeline_execution_arn}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


class Copy(NamedTuple):
    """An object of the home region, and its place in the region to register in: maybe the same."""

    source: S3Object
    destination: S3Object


@dataclass(frozen=True)
class Clients:
    """The services that a step talks to, each in its region."""

    home_s3: Any
    home_sagemaker: Any
    s3: Any
    sagemaker: Any

    @classmethod
    def for_region(cls, aws_region: str) -> Clients:
        """Connect to this function's own region and to the one to register in."""
        return cls(
            home_s3=boto3.client("s3", config=_CLIENT_CONFIG),
            home_sagemaker=boto3.client("sagemaker", config=_CLIENT_CONFIG),
            s3=boto3.client("s3", region_name=aws_region, config=_CLIENT_CONFIG),
            sagemaker=boto3.client("sagemaker", region_name=aws_region, config=_CLIENT_CONFIG),
        )


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Do the work of a pipeline step: the function's entry point.

    Args:
        event: ``action``, and the members of :class:`Staging` or :class:`Registration`.

    Returns:
        ``statusCode`` and the step's outputs, all of the region's own.

    Raises:
        RegistrationError: The step fails, with this message as its reason.
    """
    action = event.get("action")
    outputs: dict[str, str]
    if action == "stage":
        staging = Staging.from_event(event)
        outputs = stage(staging, Clients.for_region(staging.aws_region))
    elif action == "register":
        registration = Registration.from_event(event)
        outputs = register(registration, Clients.for_region(registration.aws_region))
    else:
        raise RegistrationError(f"The action is {action!r}; allowed are 'stage' and 'register'.")
    return {"statusCode": 200, **outputs}


def stage(staging: Staging, clients: Clients) -> dict[str, str]:
    """Put in place and prove what the region needs.

    Returns:
        ``state``: ``staged``, ``registered`` or ``refused``; ``registered``: ARN of the model
        package of the same content, or ``none``; and the files' URIs.
    """
    files = staging.files()
    uris = {"evaluation_uri": NONE, **{name: copy.destination.uri for name, copy in files.items()}}
    if staging.is_refused:
        logger.info("The model failed its verification: nothing is copied")
        return {"state": "refused", "registered": NONE, **uris}
    found = find_or_claim(staging, clients)
    if found is not None:
        logger.info("The same content is registered as %s", found["ModelPackageArn"])
        return {
            "state": "registered",
            "registered": found["ModelPackageArn"],
            **uris,
            **_uris_of(found),
        }
    if "evaluation_uri" in files:
        evaluation = files["evaluation_uri"].source
        with _working_on(staging, f"reading {evaluation.uri}"):
            _refuse_evaluation_of_other_content(staging, evaluation, clients.home_s3)
    for name, copy in files.items():
        with _working_on(staging, f"putting {copy.source.uri} in place as {copy.destination.uri}"):
            sha256 = staging.artifact_sha256 if name == "model_artifact_uri" else None
            put_in_place(copy, sha256, clients=clients, kms_key_id=staging.kms_key_id)
    return {"state": "staged", "registered": NONE, **uris}


def find_or_claim(staging: Staging, clients: Clients) -> dict[str, Any] | None:
    """Find a model package of the content, or make sure that no other execution registers it.

    Raises:
        RegistrationError: Another execution goes on for longer than this one can wait.
    """
    group = staging.model_package_group_name
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while True:
        with _working_on(staging, f"claiming the content in {staging.claim.uri}"):
            holder = _running_holder(staging, clients)
        with _working_on(staging, f"looking for the content in the model package group {group}"):
            found = find_model_package(staging, clients)
        if found is not None or holder is None:
            return found
        with _working_on(staging, "waiting for another execution that registers the same content"):
            if time.monotonic() > deadline:
                raise RegistrationError(f"{holder} still runs.")
        logger.info("%s is registering the same content: waiting for it", holder)
        time.sleep(_POLL_SECONDS)


def _running_holder(staging: Staging, clients: Clients) -> str | None:
    """Return the running execution that has claimed the content; None when this one has now."""
    if staging.register_again == "yes":
        return None  # each execution that asks for it registers its own
    while True:
        claim = _read_claim(clients.home_s3, staging.claim)
        if claim is None:
            condition = {"IfNoneMatch": "*"}
        else:
            holder, etag = claim
            if holder == staging.pipeline_execution_arn:
                return None
            if _is_running(holder, clients.home_sagemaker):
                return holder
            condition = {"IfMatch": etag}
        try:
            clients.home_s3.put_object(
                **staging.claim.location, **condition, Body=staging.pipeline_execution_arn.encode()
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _OVERTAKEN:
                raise
            # By another execution; or by this one, when the answer to an attempt was lost.


def _read_claim(s3: Any, claim: S3Object) -> tuple[str, str] | None:
    """Return the execution that a claim names, and the claim's ETag."""

    def read() -> tuple[str, str]:
        answer = s3.get_object(**claim.location)
        return answer["Body"].read().decode(), answer["ETag"]

    try:
        return _read_whole(read)
    except s3.exceptions.NoSuchKey:
        return None


def _is_running(execution_arn: str, sagemaker: Any) -> bool:
    try:
        execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_EXECUTION:
            return False
        raise
    return execution["PipelineExecutionStatus"] in _RUNNING


def _refuse_evaluation_of_other_content(staging: Staging, evaluation: S3Object, s3: Any) -> None:
    verified = read_json(s3, evaluation)["artifact"]["sha256"]
    if verified != staging.artifact_sha256:
        raise RegistrationError(
            f"It is of an artifact with the SHA-256 {verified}; the packaged one has "
            f"{staging.artifact_sha256}."
        )


def register(registration: Registration, clients: Clients) -> dict[str, str]:
    """Register what was staged, unless it is registered; return the step's outputs."""
    group = registration.model_package_group_name
    with _working_on(registration, f"looking for the content in the model package group {group}"):
        found = find_model_package(registration, clients)
    if found is not None:
        logger.info("Registered already: %s", found["ModelPackageArn"])
        uris = _uris_of(found)
        return {
            "model_package_arn": found["ModelPackageArn"],
            "model_artifact_uri": uris["model_artifact_uri"],
            "sample_payload_uri": uris["sample_payload_uri"],
        }
    with _working_on(registration, f"reading what is staged for {registration.region_code}"):
        check_in_place(registration, clients.s3)
        arguments = model_package_arguments(registration, clients.s3)
    with _working_on(registration, f"registering in the model package group {group}"):
        arn = _create_model_package(arguments, registration, clients)
    return {
        "model_package_arn": arn,
        "model_artifact_uri": registration.model_artifact_uri,
        "sample_payload_uri": registration.sample_payload_uri,
    }


def _create_model_package(
    arguments: Mapping[str, Any], registration: Registration, clients: Clients
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
    """Check that what the model package will name is there; Stage has proven its content.

    Raises:
        RegistrationError: A file is missing, or the artifact is another one by now.
    """
    manifest = S3Object.from_uri(registration.packaging_manifest_uri)
    size_bytes = read_json(s3, manifest).get("size_bytes")
    artifact = S3Object.from_uri(registration.model_artifact_uri)
    headers = _required(s3, artifact)
    if size_bytes not in (None, headers["ContentLength"]):
        raise RegistrationError(
            f"{artifact.uri} has {headers['ContentLength']} bytes, its manifest says {size_bytes}."
        )
    if _sha256(headers) not in (None, registration.artifact_sha256):
        raise RegistrationError(
            f"{artifact.uri} has the SHA-256 {_sha256(headers)}; the packaged one has "
            f"{registration.artifact_sha256}."
        )
    _required(s3, S3Object.from_uri(registration.sample_payload_uri))


def model_package_arguments(registration: Registration, s3: Any) -> dict[str, Any]:
    """Complete the arguments of CreateModelPackage from what is staged in the region."""
    request_file = S3Object.from_uri(registration.registration_request_uri)
    template = read_template(s3, request_file, registration.region_code)
    values = {
        "model_data_url": registration.model_artifact_uri,
        "sample_payload_url": registration.sample_payload_uri,
        "model_approval_status": registration.model_approval_status,
        "artifact_sha256": registration.artifact_sha256,
        "code_sha256": registration.code_sha256,
        "git_commit": registration.git_commit,
        "packaging_manifest_uri": registration.packaging_manifest_uri,
        "registration_request_uri": registration.registration_request_uri,
        "pipeline_execution_arn": registration.pipeline_execution_arn,
        "source_model_artifact_uri": registration.source_model_artifact_uri,
        "training_job_arn": registration.training_job_arn,
        **_measured_values(registration, s3),
    }
    return {
        **fill_slots(template, values),
        "ModelPackageGroupName": registration.model_package_group_name,
        "ClientToken": registration.client_token,
    }


def _measured_values(registration: Registration, s3: Any) -> dict[str, str]:
    if registration.evaluation_uri == NONE:
        return {}
    evaluation = read_json(s3, S3Object.from_uri(registration.evaluation_uri))
    gate = evaluation["gate"]
    names = ("latency_p99_in_millisecond", "error_rate", "achieved_tps")
    return {
        "evaluation_uri": registration.evaluation_uri,
        "verdict": evaluation["verdict"],
        # It becomes a part of the model card's JSON text.
        "verification_summary": json.dumps(evaluation["summary"])[1:-1],
        **{name: json.dumps(gate[name]) for name in names},
    }


def read_template(s3: Any, request_file: S3Object, region_code: str) -> dict[str, Any]:
    """Read one region's CreateModelPackage arguments, with slots, from ``registration.json``."""
    document = read_json(s3, request_file)
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


def read_json(s3: Any, file: S3Object) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RegistrationError: It is none.
    """
    try:
        document = json.loads(_read(s3, file))
    except ValueError as error:
        raise RegistrationError(f"{file.uri} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise RegistrationError(f"{file.uri} is not a JSON object.")
    return document


def fill_slots(template: Any, values: Mapping[str, str]) -> Any:
    """Replace each ``{"$slot": name}`` by its value, and join what ``{"$join": [...]}`` lists."""
    if isinstance(template, list):
        return [fill_slots(item, values) for item in template]
    if not isinstance(template, dict):
        return template
    if SLOT in template:
        return values[template[SLOT]]
    if JOIN in template:
        return "".join(fill_slots(template[JOIN], values))
    return {name: fill_slots(member, values) for name, member in template.items()}


def find_model_package(work: Work, clients: Clients) -> dict[str, Any] | None:
    """Find the model package that makes a registration superfluous, the newest first.

    One whose artifact is no longer at its place does not count: nothing can be deployed from it.

    Returns:
        Its description, or None.
    """
    pages = clients.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=work.model_package_group_name,
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    for summary in (summary for page in pages for summary in page["ModelPackageSummaryList"]):
        if summary["ModelPackageStatus"] in _UNUSABLE:
            continue
        arn = summary["ModelPackageArn"]
        package: dict[str, Any] = clients.sagemaker.describe_model_package(ModelPackageName=arn)
        if work.is_registered_as(package):
            artifact = S3Object.from_uri(_uris_of(package)["model_artifact_uri"])
            missing = _why_missing(clients.s3, artifact)
            if missing is None:
                return package
            logger.warning("%s has the content, but %s %s", arn, artifact.uri, missing)
    return None


def _why_missing(s3: Any, artifact: S3Object) -> str | None:
    """Tell why nothing can be deployed from an artifact; None when it is at its place.

    The group may be older than the deployment: its artifacts can lie in a bucket that is deleted,
    or that has become another's, or that this function was never meant to read.
    """
    try:
        return "is gone" if _head(s3, artifact) is None else None
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_OURS:
            raise
        return "cannot be read here (403): it is registered again"


def _uris_of(package: Mapping[str, Any]) -> dict[str, str]:
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


def put_in_place(copy: Copy, sha256: str | None, *, clients: Clients, kms_key_id: str) -> None:
    """Copy an object to its place, unless it is there, and prove its content.

    Args:
        copy: From where to where; the same object twice is proven only.
        sha256: What its content has to have; None for what the object at home has.
        clients: S3 of both regions.
        kms_key_id: Key of the copy.

    Raises:
        RegistrationError: There is no such object, or its content is another.
    """
    original = _required(clients.home_s3, copy.source)
    expected = sha256 or _hash(clients.home_s3, copy.source)
    _refuse_other_content(copy.source, _sha256(original), expected)
    found = original
    if copy.source != copy.destination:
        present = _head(clients.s3, copy.destination)
        if present is not None and _is_copy(present, original, expected):
            found = present
        else:
            _copy(copy, original, clients=clients, kms_key_id=kms_key_id)
            found = _required(clients.s3, copy.destination)
            _refuse_other_content(copy.source, _sha256(found), expected)
            if not _is_copy(found, original, expected):
                raise RegistrationError("The copy's size or checksum is not the original's.")
    if sha256 is not None and _sha256(found) is None:
        _prove_by_reading(copy.source, original, sha256, clients.home_s3)


def _copy(copy: Copy, original: Mapping[str, Any], *, clients: Clients, kms_key_id: str) -> None:
    clients.s3.copy(
        copy.source.location,
        copy.destination.bucket,
        copy.destination.key,
        ExtraArgs={
            "ChecksumAlgorithm": "SHA256",
            "CopySourceIfMatch": original["ETag"],
            "ContentType": original["ContentType"],
            # ETags of the two do not compare: they depend on encryption and on the parts.
            "Metadata": {"source-etag": _etag(original)},
            "MetadataDirective": "REPLACE",
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": kms_key_id,
            "TaggingDirective": "REPLACE",
        },
        SourceClient=clients.home_s3,
        Config=_TRANSFER,
    )
    logger.info("Copied %s to %s", copy.source.uri, copy.destination.uri)


def _is_copy(copy: Mapping[str, Any], original: Mapping[str, Any], sha256: str) -> bool:
    """Tell whether an object holds what another does, as far as their headers show."""
    if copy["ContentLength"] != original["ContentLength"]:
        return False
    if (recorded := _sha256(copy)) is not None:
        return recorded == sha256
    checksums, expected = _checksums(copy), _checksums(original)
    return copy["Metadata"].get("source-etag") == _etag(original) and all(
        checksums[name] == expected[name] for name in checksums.keys() & expected.keys()
    )


def _prove_by_reading(file: S3Object, headers: Mapping[str, Any], sha256: str, s3: Any) -> None:
    if headers["ContentLength"] > _MOST_HASHED_BYTES:
        logger.warning("%s is too large to be hashed here: its digest is not proven", file.uri)
        return
    _refuse_other_content(file, _hash(s3, file), sha256)


def _refuse_other_content(file: S3Object, sha256: str | None, expected: str) -> None:
    if sha256 not in (None, expected):
        raise RegistrationError(
            f"{file.uri} has the SHA-256 {sha256}; its manifest says {expected}. Was it replaced?"
        )


def _hash(s3: Any, file: S3Object) -> str:
    def read() -> str:
        digest = hashlib.sha256()
        for chunk in s3.get_object(**file.location)["Body"].iter_chunks(_READ_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    return _read_whole(read)


def _read(s3: Any, file: S3Object) -> bytes:
    return _read_whole(lambda: bytes(s3.get_object(**file.location)["Body"].read()))


def _read_whole(read: Callable[[], _Read]) -> _Read:
    """Read anew when the connection broke off in the middle."""
    for _ in range(_READ_ATTEMPTS - 1):
        try:
            return read()
        except _BROKEN_OFF as error:
            logger.info("Reading again: %s", error)
    return read()


def _required(s3: Any, file: S3Object) -> dict[str, Any]:
    headers = _head(s3, file)
    if headers is None:
        raise RegistrationError(f"{file.uri} does not exist.")
    return headers


def _head(s3: Any, file: S3Object) -> dict[str, Any] | None:
    """Return an object's headers, or None when there is no such object."""
    try:
        headers: dict[str, Any] = s3.head_object(**file.location, ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return None
        raise
    return headers


def _etag(headers: Mapping[str, Any]) -> str:
    return str(headers["ETag"]).strip('"')


def _sha256(headers: Mapping[str, Any]) -> str | None:
    """Return the digest that S3 computed over the whole object, in hexadecimal, if it did."""
    # S3 has no SHA-256 of the whole of an object in parts, whose ETag ends in their number.
    checksum = None if "-" in headers["ETag"] else _checksums(headers).get("ChecksumSHA256")
    return base64.b64decode(checksum).hex() if checksum else None


def _checksums(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums of the whole content; those of parts depend on the parts' size."""
    return {
        name: value
        for name, value in headers.items()
        if name.startswith("Checksum")
        and name != "ChecksumType"
        # One that was put together from those of parts ends in their number.
        and "-" not in value
        and headers.get("ChecksumType") != "COMPOSITE"
    }


@contextmanager
def _working_on(work: Work, what: str) -> Iterator[None]:
    """Turn a failure into an error that a reader of the step's failure reason can act on."""
    try:
        yield
    except (
        Boto3Error,
        BotoCoreError,
        ClientError,
        HTTPError,
        KeyError,
        RegistrationError,
    ) as error:
        cause = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise RegistrationError(
            f"{work.NAME} in {work.region_code} ({work.aws_region}) failed while {what}: "
            f"{cause}{_hint(error, work.aws_region)} {work.AFTERWARDS}"
        ) from error


def _hint(error: Exception, aws_region: str) -> str:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code == "NoSuchBucket":
        return f" (is the registry stack of {aws_region} deployed?)"
    if code == "403":
        # What S3 says of a missing object to those who may not list its bucket.
        return " (the object does not exist, or the function may not read it)"
    return ""
