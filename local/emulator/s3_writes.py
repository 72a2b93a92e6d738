"""What Amazon S3 checks before it writes, and moto does not: checksums and ``If-None-Match``.

Sources: "Checking object integrity" and "Conditional writes" in the Amazon S3 user guide;
CompleteMultipartUpload in the API reference.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from threading import Lock
from typing import Any, Final
from xml.etree import ElementTree

_ALGORITHMS: Final = ("CRC32", "SHA1", "SHA256")
"""Those that are computed here; of the others, moto lacks the libraries."""
_TRAILER: Final = re.compile(rb"x-amz-checksum-(\w+):([A-Za-z0-9+/=]+)\s*$")
_TRAILER_BYTES: Final = 256

_writing_on_condition: Final = Lock()
"""Between its look and its write, nobody else may write."""


def check_writes() -> None:
    """Refuse wrong checksums, and writes on the condition that there is no such object yet."""
    from moto.s3.responses import S3Response

    for name in ("copy_object", "put_object", "upload_part"):
        setattr(S3Response, name, _checked(getattr(S3Response, name)))
    complete = S3Response._key_response_post

    @wraps(complete)
    def key_response_post(
        response: Any, request: Any, body: bytes, bucket_name: str, query: Any, key_name: str
    ) -> Any:
        with _writing_on_condition:
            if query.get("uploadId"):
                _check_completion(response, body, query["uploadId"][0])
            return complete(response, request, body, bucket_name, query, key_name)

    S3Response._key_response_post = key_response_post


def _checked(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(write)
    def write_checked(response: Any) -> Any:
        if "x-amz-copy-source" not in response.headers:
            _check_body(response)
        if "If-None-Match" not in response.headers and "If-Match" not in response.headers:
            return write(response)
        with _writing_on_condition:
            _check_absence(response)
            return write(response)

    return write_checked


def _check_absence(response: Any) -> None:
    from moto.s3.exceptions import PreconditionFailed

    if response.headers.get("If-None-Match") != "*":
        return
    if response.backend.get_object(response.bucket_name, response.parse_key_name()) is not None:
        raise PreconditionFailed("If-None-Match")


def _check_body(response: Any) -> None:
    for algorithm, given in _given(response):
        _compare(algorithm, given, response.body or b"")


def _given(response: Any) -> Iterator[tuple[str, str]]:
    """Return the checksums that a request names, in its headers or behind its body."""
    yield from _in_headers(response.headers)
    if "x-amz-trailer" in response.headers:
        found = _TRAILER.search(response.raw_body[-_TRAILER_BYTES:])
        if found is not None:
            yield found[1].decode().upper(), found[2].decode()


def _in_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for algorithm in _ALGORITHMS:
        given = headers.get(f"x-amz-checksum-{algorithm.lower()}")
        if given:
            yield algorithm, given


def _check_completion(response: Any, body: bytes, upload_id: str) -> None:
    """Compare the checksums of the parts, and that of the whole, with what was uploaded."""
    upload = response.backend.get_bucket(response.bucket_name).multiparts.get(upload_id)
    if upload is None:
        return  # completed before, or unknown: moto tells
    numbers: list[int] = []
    document = ElementTree.fromstring(body)  # noqa: S314 - of somebody who has the key
    for part in (each for each in document.iter() if _tag(each) == "Part"):
        members = {_tag(member): member.text or "" for member in part}
        numbers.append(int(members["PartNumber"]))
        uploaded = upload.parts.get(numbers[-1])
        for algorithm in _ALGORITHMS if uploaded else ():
            if f"Checksum{algorithm}" in members:
                _compare(algorithm, members[f"Checksum{algorithm}"], uploaded.value)
    values = [upload.parts[number].value for number in numbers if number in upload.parts]
    for algorithm, given in _in_headers(response.headers):
        _compare(algorithm, given.partition("-")[0], _whole(response.headers, algorithm, values))


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _whole(headers: Mapping[str, str], algorithm: str, parts: list[bytes]) -> bytes:
    """Return what the checksum of an upload is of: the object, or the checksums of its parts."""
    if headers.get("x-amz-checksum-type") == "FULL_OBJECT":
        return b"".join(parts)
    return b"".join(base64.b64decode(_checksum(algorithm, part)) for part in parts)


def _compare(algorithm: str, given: str, content: bytes) -> None:
    from moto.s3.exceptions import S3ClientError

    if algorithm in _ALGORITHMS and given != _checksum(algorithm, content):
        raise S3ClientError(
            "BadDigest",
            f"The {algorithm} you specified did not match the calculated checksum.",
        )


def _checksum(algorithm: str, content: bytes) -> str:
    from moto.s3.utils import compute_checksum

    return str(compute_checksum(content, algorithm).decode())
