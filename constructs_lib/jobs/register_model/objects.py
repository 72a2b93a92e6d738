"""Objects of Amazon S3: reading them whole, and writing them once."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError
from urllib3.exceptions import HTTPError

from .errors import RegistrationError, code_of

_READ_BYTES: Final = 8 * 1024**2
_READ_ATTEMPTS: Final = 4
_BROKEN_OFF: Final = (HTTPError, IncompleteReadError, ResponseStreamingError)
"""Errors while an answer's body is read: the clients retry requests, not this."""
_NOT_SEEN: Final = ("403", "404", "AccessDenied", "NoSuchKey")
"""What S3 answers for an object that is not there, or that may not be read."""
NO_BUCKET: Final = "NoSuchBucket"
OVERTAKEN: Final = ("ConditionalRequestConflict", "PreconditionFailed")
"""What S3 answers when there is such an object already, or somebody is writing one."""

_Read = TypeVar("_Read")

logger = logging.getLogger(__name__)


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
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def folder(self) -> S3Object:
        """What the object lies in."""
        return self._replace(key=self.key.rpartition("/")[0])

    @property
    def location(self) -> dict[str, str]:
        """The object as the S3 API's arguments name it."""
        return {"Bucket": self.bucket, "Key": self.key}

    def within(self, *names: str) -> S3Object:
        """Name an object in this folder."""
        return self._replace(key="/".join([self.key, *names]))


class ObjectContent(NamedTuple):
    """What is in an object, and of which type it is."""

    body: bytes
    content_type: str


def read(s3: Any, file: S3Object) -> ObjectContent:
    """Read an object.

    Raises:
        RegistrationError: There is no such object.
    """

    def whole() -> ObjectContent:
        answer = s3.get_object(**file.location)
        return ObjectContent(bytes(answer["Body"].read()), str(answer["ContentType"]))

    with _telling_of_missing(s3, file):
        return _read_whole(whole)


def read_json(s3: Any, file: S3Object) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RegistrationError: It is none.
    """
    return as_json(file, read(s3, file).body)


def as_json(file: S3Object, body: bytes) -> dict[str, Any]:
    """Parse what was read.

    Raises:
        RegistrationError: It is no JSON object.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise RegistrationError(f"{file.uri} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise RegistrationError(f"{file.uri} is not a JSON object.")
    return document


def sha256_of(s3: Any, file: S3Object) -> str:
    """Read an object and return its SHA-256 in hexadecimal."""

    def digest() -> str:
        sha256 = hashlib.sha256()
        for chunk in s3.get_object(**file.location)["Body"].iter_chunks(_READ_BYTES):
            sha256.update(chunk)
        return sha256.hexdigest()

    return _read_whole(digest)


def _read_whole(read: Callable[[], _Read]) -> _Read:
    """Read anew when the connection broke off in the middle."""
    for _ in range(_READ_ATTEMPTS - 1):
        try:
            return read()
        except _BROKEN_OFF as error:
            logger.info("Reading again: %s", error)
    return read()


def list_objects(s3: Any, folder: S3Object) -> dict[S3Object, datetime]:
    """List what is in a folder, wherever below it, with the time of its writing."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=folder.bucket, Prefix=f"{folder.key}/"
    )
    return {
        S3Object(folder.bucket, each["Key"]): each["LastModified"]
        for page in pages
        for each in page.get("Contents", ())
    }


def required(s3: Any, file: S3Object) -> dict[str, Any]:
    """Return an object's headers, with its checksums.

    Raises:
        RegistrationError: There is no such object.
    """
    with _telling_of_missing(s3, file):
        headers: dict[str, Any] = s3.head_object(**file.location, ChecksumMode="ENABLED")
    return headers


def exists(s3: Any, file: S3Object) -> bool:
    """Tell whether there is an object.

    By a list of what begins with its key, in whose order it is the first: S3 tells of a missing
    object, instead of refusing it, only to who may list the whole bucket, which nobody here may
    ("Permissions" of HeadObject in the Amazon S3 API reference).
    """
    listed = s3.list_objects_v2(Bucket=file.bucket, Prefix=file.key, MaxKeys=1)
    return any(each["Key"] == file.key for each in listed.get("Contents", ()))


@contextmanager
def _telling_of_missing(s3: Any, file: S3Object) -> Iterator[None]:
    """Say of an object that is refused or not found whether there is one at all."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in _NOT_SEEN and _is_missing(s3, file):
            raise RegistrationError(f"{file.uri} does not exist.") from error
        raise


def _is_missing(s3: Any, file: S3Object) -> bool:
    try:
        return not exists(s3, file)
    except ClientError as error:
        # What may not be listed, nobody knows: the first refusal says more.
        return code_of(error) == NO_BUCKET


def put_new(s3: Any, file: S3Object, content: ObjectContent, **arguments: str) -> bool:
    """Write an object where there is none.

    Returns:
        False when there is one: that stays as it is.
    """
    digest = base64.b64encode(hashlib.sha256(content.body).digest()).decode()
    try:
        s3.put_object(
            **file.location,
            Body=content.body,
            ContentType=content.content_type,
            ChecksumSHA256=digest,
            IfNoneMatch="*",
            **arguments,
        )
    except ClientError as error:
        if code_of(error) not in OVERTAKEN:
            raise
        return False
    return True


def encryption(kms_key_id: str) -> Mapping[str, str]:
    """Return the arguments that encrypt an object with a key."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id}
