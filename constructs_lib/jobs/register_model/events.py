"""What the steps pass: the members of the events."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from .errors import RegistrationError
from .objects import S3Object

NONE: Final = "none"
"""What an output holds when there is nothing: an empty one would fail the step."""


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
    code_sha256: str
    register_again: str
    """``yes`` or ``no``: whether content that is registered is registered once more."""
    release_folder: str
    """Where the execution's release is in the home region: ``s3://bucket/.../<execution>``."""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """Check the event of an invocation; members that it does not know are ignored.

        Raises:
            RegistrationError: Members are missing or empty.
        """
        fields = dataclasses.fields(cls)
        given = {field.name: event[field.name] for field in fields if event.get(field.name)}
        needed = {field.name for field in fields if field.default is dataclasses.MISSING}
        if missing := sorted(needed - given.keys()):
            raise RegistrationError(
                f"The step passes no value for {', '.join(missing)}; "
                f"it passes {', '.join(sorted(given)) or 'nothing'}."
            )
        return cls(**given)

    @property
    def registers_again(self) -> bool:
        """Whether content that is registered is registered once more by this execution."""
        return self.register_again == "yes"

    @property
    def claims(self) -> S3Object:
        """The folder that names the executions that may register this content.

        An execution that registers it once more has one of its own.
        """
        execution = self.pipeline_execution_arn.rpartition("/")[2]
        own = f"-again-{execution}" if self.registers_again else ""
        content = f"{self.artifact_sha256}{own}"
        return self._releases.within("claims", self.model_package_group_name, content)

    @property
    def records(self) -> S3Object:
        """The folder that names the versions of the region's group, by their content."""
        group, region = self.model_package_group_name, self.aws_region
        return self._releases.within("registered", group, region)

    @property
    def _releases(self) -> S3Object:
        return S3Object.from_uri(self.release_folder).folder

    def is_registered_as(self, package: Mapping[str, Any]) -> bool:
        """Tell whether a model package is what this step is about to register.

        One of the same content is; or, when it is to be registered again, one that this very
        execution has registered.
        """
        properties = package.get("CustomerMetadataProperties", {})
        if properties.get("artifact_sha256") != self.artifact_sha256:
            return False
        return (
            not self.registers_again
            or properties.get("pipeline_execution_arn") == self.pipeline_execution_arn
        )


@dataclass(frozen=True, kw_only=True)
class Staging(Work):
    """What a Stage step passes; the URIs are of what the jobs have written."""

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
    registration_folder: str
    """Where the last two belong in ``destination_bucket``: a key that ends in their digest."""
    verification: str
    """``enforce``, ``warn`` or ``off``."""
    evaluation_uri: str = ""
    verdict: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the model may not be registered."""
        return self.verification == "enforce" and self.verdict != "passed"

    def files(self) -> dict[str, Copy]:
        """Plan the copies, by the name of the output that tells each."""
        release = S3Object.from_uri(self.release_folder)._replace(bucket=self.destination_bucket)
        registration = S3Object(self.destination_bucket, self.registration_folder)
        folders = {
            "model_artifact_uri": release,
            "packaging_manifest_uri": release,
            **({"evaluation_uri": release} if self.evaluation_uri else {}),
            "registration_request_uri": registration,
            "sample_payload_uri": registration,
        }
        sources = {name: S3Object.from_uri(getattr(self, name)) for name in folders}
        return {
            name: Copy(source, folders[name].within(source.name))
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


@dataclass(frozen=True)
class Copy:
    """What a job has written, and its place in the region to register in."""

    source: S3Object
    destination: S3Object
