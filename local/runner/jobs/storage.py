"""Moves folders between S3 and a job's container, as SageMaker's agents do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from boto3.exceptions import S3UploadFailedError

from local.runner.language.errors import StepFailedError


@dataclass(frozen=True)
class S3Location:
    """A bucket and a key or key prefix."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> S3Location:
        """Read an ``s3://bucket/key`` URI.

        Raises:
            StepFailedError: it is none.
        """
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket:
            raise StepFailedError(f"ClientError: '{uri}' is not an S3 URI (s3://bucket/key).")
        return cls(bucket, key)


def is_object(s3: Any, uri: str) -> bool:
    """Whether there is an object at ``uri``."""
    location = S3Location.parse(uri)
    return next(_keys(s3, location), None) == location.key


def has_objects(s3: Any, uri: str) -> bool:
    """Whether there is an object whose URI begins with ``uri``."""
    return next(_keys(s3, S3Location.parse(uri)), None) is not None


def read_object(s3: Any, uri: str) -> bytes:
    """Return the content of the object at ``uri``."""
    location = S3Location.parse(uri)
    content: bytes = s3.get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
    return content


def download(s3: Any, uri: str, folder: Path) -> None:
    """Download every object whose URI begins with ``uri`` into ``folder``.

    A folder has to end in ``/``: S3 compares texts, so ``train`` brings ``training/x`` along. AWS
    does not say under which name; here it keeps the one it has beside ``train``.

    Raises:
        StepFailedError: there is none.
    """
    location = S3Location.parse(uri)
    keys = list(_keys(s3, location))
    if not keys:
        raise StepFailedError(
            "ClientError: Data download failed: No S3 objects found under S3 URL "
            f'"{uri}" given in input data source.'
        )
    for key in keys:
        target = child_path(folder, _below(key, location.key))
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(location.bucket, key, str(target))


def upload_folder(s3: Any, folder: Path, uri: str, *, kms_key_id: str | None) -> None:
    """Upload every file below ``folder`` to below ``uri``, encrypted with the key if given."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            relative = path.relative_to(folder).as_posix()
            upload_file(s3, path, f"{uri.rstrip('/')}/{relative}", kms_key_id=kms_key_id)


def upload_file(s3: Any, path: Path, uri: str, *, kms_key_id: str | None) -> None:
    """Upload a file, with SSE-KMS if a key is given."""
    location = S3Location.parse(uri)
    encryption = (
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    )
    try:
        s3.upload_file(str(path), location.bucket, location.key, ExtraArgs=encryption)
    except S3UploadFailedError as error:
        # boto3 hides the service's error, on which retries depend.
        raise (error.__context__ or error) from None


def child_path(folder: Path, relative: str) -> Path:
    """Return a path below ``folder``.

    Raises:
        StepFailedError: ``relative`` leads out of the folder.
    """
    path = (folder / relative.lstrip("/")).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise StepFailedError(f"ClientError: '{relative}' leads out of its folder.")
    return path


def _below(key: str, prefix: str) -> str:
    """Return the path of an object in the folder that a prefix is downloaded to."""
    rest = key.removeprefix(prefix)
    if prefix.endswith("/") or rest.startswith("/") or not prefix:
        return rest.lstrip("/")
    return PurePosixPath(prefix).name + rest


def _keys(s3: Any, location: S3Location) -> Iterator[str]:
    """Return the keys that begin with a text, in their order, without folder markers."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=location.bucket, Prefix=location.key
    )
    for page in pages:
        for item in page.get("Contents", ()):
            key: str = item["Key"]
            if not key.endswith("/"):
                yield key
