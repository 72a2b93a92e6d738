"""Copies the artifact into a region's bucket, where it appears only when S3 has proven it.

S3 copies parts, side by side and without a byte passing through here, and compares a checksum while
it completes the upload. A digest it has for parts only, so what fits one part is proven by its
SHA-256, and what does not by the CRC-32 of the whole.

CopyObject would do for what fits one part, but not under a bucket's policy that demands
``If-None-Match``: it answers 501 then (Amazon S3 user guide, "Enforce conditional writes").
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from .clients import RegionClients
from .errors import RegistrationError, code_of
from .events import Copy
from .objects import OVERTAKEN, S3Object, encryption, exists, required, sha256_of

_GIB: Final = 1024**3
LARGEST_PART_BYTES: Final = 5 * _GIB
PART_BYTES: Final = 256 * 1024**2
"""Of what does not fit one: a pipeline step's function has ten minutes."""
MOST_HASHED_BYTES: Final = 16 * _GIB
CONCURRENT_PARTS: Final = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackagedArtifact:
    """What Package says of the artifact."""

    sha256: str
    crc32: str | None
    """CRC-32 in hexadecimal; None where a packaging script of the user's own computes none."""
    size_bytes: int | None

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> PackagedArtifact:
        """Read what ``manifest.json`` says."""
        return cls(manifest["sha256"], manifest.get("crc32"), manifest.get("size_bytes"))

    def checksums(self, size_bytes: int) -> dict[str, str]:
        """Return what S3 has of an object of that size that is this one.

        Raises:
            RegistrationError: Nothing could prove it.
        """
        if size_bytes <= LARGEST_PART_BYTES:
            # S3 digests the digests of the parts: here, of the only one.
            digest = hashlib.sha256(bytes.fromhex(self.sha256)).digest()
            return {"ChecksumSHA256": f"{_encoded(digest)}-1"}
        if self.crc32 is None:
            raise RegistrationError(
                f"The artifact has {size_bytes} bytes, and above {LARGEST_PART_BYTES} nothing but"
                ' the member "crc32" of manifest.json can prove it, which is missing. Let the'
                " packaging script write it: the CRC-32 of the archive, eight hexadecimal digits."
            )
        return {"ChecksumCRC32": _encoded(bytes.fromhex(self.crc32))}


def put_artifact(
    copy: Copy, packaged: PackagedArtifact, *, clients: RegionClients, kms_key_id: str
) -> None:
    """Copy the artifact to its place, unless it is there.

    Args:
        copy: From where to where.
        packaged: What its content has to be.
        clients: S3 of both regions.
        kms_key_id: Key of the copy.

    Raises:
        RegistrationError: There is no such object, or its content is another.
    """
    original = required(clients.home_s3, copy.source)
    size_bytes = original["ContentLength"]
    if packaged.size_bytes not in (None, size_bytes):
        raise _other_content(copy.source, f"{size_bytes} bytes", f"{packaged.size_bytes}")
    expected = packaged.checksums(size_bytes)
    if not exists(clients.s3, copy.destination):
        if size_bytes > LARGEST_PART_BYTES:
            _prove_by_reading(copy.source, size_bytes, packaged.sha256, clients.home_s3)
        _Upload(copy, original, clients, packaged, kms_key_id).run()
        logger.info("Copied %s to %s", copy.source.uri, copy.destination.uri)
    refuse_other_content(required(clients.s3, copy.destination), copy.destination, expected)


def refuse_other_content(
    headers: Mapping[str, Any], file: S3Object, expected: Mapping[str, str]
) -> None:
    """Refuse an object of which S3 does not have the checksum that proves it.

    Raises:
        RegistrationError: It has another, or none.
    """
    for name, value in expected.items():
        if headers.get(name) != value:
            raise RegistrationError(
                f"{file.uri} has the {name} {headers.get(name, 'none')}, its manifest says {value}."
                " What is released is never written over: a new execution has a place of its own."
            )


@dataclass(frozen=True)
class _Upload:
    """One upload of parts that S3 copies."""

    copy: Copy
    original: Mapping[str, Any]
    clients: RegionClients
    packaged: PackagedArtifact
    kms_key_id: str

    def run(self) -> None:
        """Copy, and let S3 compare; nothing is left when it fails."""
        with self._upload() as upload:
            parts = self._parts(upload)
            self._complete(upload, parts)

    @contextmanager
    def _upload(self) -> Iterator[dict[str, str]]:
        started = self.clients.s3.create_multipart_upload(
            **self.copy.destination.location,
            **self._algorithm(),
            **encryption(self.kms_key_id),
            ContentType=self.original["ContentType"],
        )
        upload = {**self.copy.destination.location, "UploadId": started["UploadId"]}
        try:
            yield upload
        except Exception:
            self._abort(upload)
            raise

    def _abort(self, upload: Mapping[str, str]) -> None:
        """End an upload; the bucket's lifecycle ends what this cannot."""
        try:
            self.clients.s3.abort_multipart_upload(**upload)
        except (BotoCoreError, ClientError) as error:
            logger.warning("The upload to %s is left: %s", self.copy.destination.uri, error)

    def _algorithm(self) -> dict[str, str]:
        if self._is_one_part:
            return {"ChecksumAlgorithm": "SHA256"}
        return {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}

    @property
    def _size_bytes(self) -> int:
        return int(self.original["ContentLength"])

    @property
    def _is_one_part(self) -> bool:
        return self._size_bytes <= LARGEST_PART_BYTES

    def _parts(self, upload: Mapping[str, str]) -> list[dict[str, Any]]:
        size = max(self._size_bytes if self._is_one_part else PART_BYTES, 1)
        starts = range(0, self._size_bytes, size)
        with ThreadPoolExecutor(CONCURRENT_PARTS) as executor:
            copied = executor.map(
                lambda start: self._part(upload, start // size + 1, start, start + size), starts
            )
            return list(copied)

    def _part(self, upload: Mapping[str, str], number: int, start: int, end: int) -> dict[str, Any]:
        last = min(end, self._size_bytes) - 1
        result = self.clients.s3.upload_part_copy(
            **upload,
            PartNumber=number,
            CopySource=self.copy.source.location,
            CopySourceIfMatch=self.original["ETag"],
            CopySourceRange=f"bytes={start}-{last}",
        )["CopyPartResult"]
        part = {"PartNumber": number, "ETag": result["ETag"]}
        if not self._is_one_part:
            return part
        expected = _encoded(bytes.fromhex(self.packaged.sha256))
        if result.get("ChecksumSHA256", expected) != expected:
            found = base64.b64decode(result["ChecksumSHA256"]).hex()
            raise _other_content(self.copy.source, f"the SHA-256 {found}", self.packaged.sha256)
        return {**part, "ChecksumSHA256": expected}

    def _complete(self, upload: Mapping[str, str], parts: list[dict[str, Any]]) -> None:
        proof = (
            {}
            if self._is_one_part
            else {**self.packaged.checksums(self._size_bytes), "ChecksumType": "FULL_OBJECT"}
        )
        try:
            self.clients.s3.complete_multipart_upload(
                **upload, **proof, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except ClientError as error:
            if code_of(error) in (*OVERTAKEN, "NoSuchUpload"):
                # By an attempt whose answer was lost: the object is looked at next.
                self._abort(upload)
            elif code_of(error) == "BadDigest":
                raise _other_content(
                    self.copy.source, "another checksum", f"{self.packaged.crc32}"
                ) from error
            else:
                raise


def _prove_by_reading(file: S3Object, size_bytes: int, sha256: str, s3: Any) -> None:
    if size_bytes > MOST_HASHED_BYTES:
        logger.info("%s is too large to be read here: its CRC-32 proves it", file.uri)
        return
    found = sha256_of(s3, file)
    if found != sha256:
        raise _other_content(file, f"the SHA-256 {found}", sha256)


def _other_content(file: S3Object, found: str, expected: str) -> RegistrationError:
    return RegistrationError(
        f"{file.uri} has {found}; its manifest says {expected}. Was it replaced?"
    )


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
