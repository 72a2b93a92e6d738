"""A registered version on this machine: its artifact, proven and unpacked, and what it declares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.aws.registry import ModelPackage
from constructs_lib.direct_server import WalledModel
from constructs_lib.errors import ReleaseError
from constructs_lib.jobs.common.errors import JobError
from constructs_lib.jobs.common.limits import MIB, Limits
from constructs_lib.jobs.verify_model.findings import RefusedModelError
from constructs_lib.jobs.verify_model.job import read_container, read_own_samples, read_request
from constructs_lib.jobs.verify_model.layout import lay_out, layout_finding
from constructs_lib.jobs.verify_model.payloads import read_payloads
from constructs_lib.jobs.verify_model.server.starting import ServingContainer
from constructs_lib.replay.requests import ReplayRequest
from constructs_lib.s3_layout import (
    MODEL,
    REGISTRATION_REQUEST,
    SAMPLE_PAYLOAD,
    bucket_and_key,
)

OnBytes = Callable[[int], None]
_REGION: Final = "model_registration_region"


class ReplayedVersionError(ReleaseError):
    """A registered version cannot be asked on this machine."""


@dataclass(frozen=True)
class RegisteredFiles:
    """The files of a version in S3, as its model package names them."""

    package: ModelPackage
    s3: Any
    """A client of the package's region."""
    folder: Path
    """Where they go; there already."""

    def size_bytes(self) -> int:
        """Return how large the artifact is.

        Raises:
            ReplayedVersionError: The package names none, or no digest of it.
            botocore.exceptions.ClientError: AWS refused.
        """
        bucket, key = self._place(self.package.artifact_uri, "artifact")
        return int(self.s3.head_object(Bucket=bucket, Key=key)["ContentLength"])

    def fetch(self, on_bytes: OnBytes) -> ReplayedVersion:
        """Read the files, compare the artifact with its digest, and unpack it.

        Args:
            on_bytes: Takes how many bytes of the artifact came since it was called last.

        Raises:
            ReplayedVersionError: Something is missing or another one, or the model is one that
                cannot be asked here.
            botocore.exceptions.ClientError: AWS refused.
        """
        registration = self._file("registration_request", REGISTRATION_REQUEST)
        archive = self._artifact(on_bytes)
        try:
            request = read_request(registration, self.package.metadata.get(_REGION))
            container = read_container(registration)
            own = read_own_samples(registration)
        except (JobError, ValueError) as error:
            raise self._refused(str(error).replace(f"{self.folder}/", "")) from error
        model = WalledModel(self.folder, request["environment"], {}, is_isolated=True)
        version = ReplayedVersion(self.package, model, request, container, own)
        model.model.parent.mkdir(parents=True)
        try:
            lay_out(archive, model.model, Limits())
        except RefusedModelError as error:
            raise self._refused(str(error)) from error
        archive.unlink()
        version.refuse_foreign_server()
        return version

    def sample_payload(self) -> Path:
        """Read the archive of the version's own sample requests; returns where it is.

        Raises:
            ReplayedVersionError: The package names none.
            botocore.exceptions.ClientError: AWS refused.
        """
        return self._copied(self.package.sample_payload_uri, "sample payload", SAMPLE_PAYLOAD)

    def _file(self, name: str, file_name: str) -> Path:
        return self._copied(self.package.metadata.get(name), name, file_name)

    def _copied(self, uri: str | None, what: str, file_name: str) -> Path:
        bucket, key = self._place(uri, what)
        path = self.folder / file_name
        path.write_bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        return path

    def _artifact(self, on_bytes: OnBytes) -> Path:
        expected = self.package.artifact_sha256
        if expected is None:
            raise self._refused(
                "its metadata has no artifact_sha256, so nobody knows what its artifact has to be."
                " A version that a pipeline has registered has one"
            )
        bucket, key = self._place(self.package.artifact_uri, "artifact")
        path, digest = self.folder / MODEL, hashlib.sha256()
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"]
        with path.open("wb") as file:
            for chunk in body.iter_chunks(MIB):
                digest.update(chunk)
                file.write(chunk)
                on_bytes(len(chunk))
        if digest.hexdigest() != expected:
            raise self._refused(
                f"{self.package.artifact_uri} has the SHA-256 {digest.hexdigest()}, and was"
                f" registered with {expected}: it was replaced, and is not run"
            )
        return path

    def _place(self, uri: str | None, what: str) -> tuple[str, str]:
        bucket, key = bucket_and_key(uri or "")
        if not bucket or not key:
            raise self._refused(f"its model package names no {what}")
        return bucket, key

    def _refused(self, why: str) -> ReplayedVersionError:
        return refused(self.package, why)


def refused(package: ModelPackage, why: str) -> ReplayedVersionError:
    """Return the error for a version that cannot be asked."""
    return ReplayedVersionError(
        f"Version {package.version} in {package.region} cannot be asked on this machine: {why}."
    )


@dataclass(frozen=True)
class ReplayedVersion:
    """A version that can be asked on this machine."""

    package: ModelPackage
    model: WalledModel
    request: Mapping[str, Any]
    """Its registration request."""
    container: ServingContainer
    own_samples: Mapping[str, Any] | None
    """What its registration file says of the user's own sample requests."""

    @property
    def names(self) -> list[str]:
        """The declared output variables."""
        return [name for name, _ in self.request["output_variables"]]

    @property
    def kinds(self) -> dict[str, str]:
        """What they are: ``NUMERIC`` or ``TEXT``."""
        return dict(self.request["output_variables"])

    @property
    def tolerances(self) -> Mapping[str, Mapping[str, float]]:
        """How far numbers may be from expected ones, where the user has sample requests."""
        return self.own_samples["tolerances"] if self.own_samples else {}

    @property
    def entry_point(self) -> str:
        """The module in ``code/`` whose functions are called."""
        return str(self.request["environment"].get("SAGEMAKER_PROGRAM", "inference.py"))

    def refuse_foreign_server(self) -> None:
        """Refuse a model that is served by nothing but what its image has.

        Raises:
            ReplayedVersionError: It has no functions that could be called.
        """
        if not self.container.has_functions:
            raise refused(
                self.package,
                f"its container has a server of its own, in its image only"
                f" ({self.package.image_uri}). Ask its endpoint by release invoke instead",
            )
        if finding := layout_finding(self.model.model, self.entry_point):
            raise refused(self.package, f"{finding.message} {finding.fix}".rstrip("."))

    def sample_requests(self, archive: Path) -> Iterator[ReplayRequest]:
        """Yield the sample requests of an archive, each with each declared response type.

        Raises:
            ReplayedVersionError: It is no archive of this version's sample requests.
        """
        try:
            payloads = read_payloads(archive, self.request, self.own_samples)
        except JobError as error:
            raise refused(self.package, str(error)) from error
        for each in payloads:
            yield ReplayRequest(str(each), each.body, each.content_type, each.accept)
