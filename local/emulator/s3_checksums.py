"""What Amazon S3 tells of checksums, and moto does not.

Sources: HeadObject and UploadPartCopy in the API reference; "Checking object integrity" in the
Amazon S3 user guide.
"""

from __future__ import annotations

from functools import wraps
from typing import Any, Final

_COMPUTED: Final = ("CRC32", "SHA1", "SHA256")
"""Those that moto computes without further libraries."""


def tell_checksums() -> None:
    """Say of which kind an object's checksum is, and of each copied part the checksum."""
    from moto.s3.responses import S3Response

    head, copy = S3Response.head_object, S3Response.upload_part_copy

    @wraps(head)
    def head_object(
        response: Any, bucket_name: str, query: Any, key_name: str, headers: Any
    ) -> Any:
        status, told, body = head(response, bucket_name, query, key_name, headers)
        if status == 200 and headers.get("x-amz-checksum-mode") == "ENABLED":
            version = query.get("versionId", [None])[0]
            key = response.backend.head_object(bucket_name, key_name, version_id=version)
            told = {**told, **_checksum_headers(key)}
        return status, told, body

    @wraps(copy)
    def upload_part_copy(response: Any) -> Any:
        status, headers, body = copy(response)
        if status == 200:
            body = body.replace("</CopyPartResult>", f"{_of_part(response)}</CopyPartResult>")
            headers["content-length"] = str(len(body))
        return status, headers, body

    S3Response.head_object, S3Response.upload_part_copy = head_object, upload_part_copy


def _checksum_headers(key: Any) -> dict[str, str]:
    """Return the headers of an object that was uploaded in parts, or copied so."""
    if not (key.checksum_algorithm and key.checksum_type):
        return {}
    # A checksum of checksums ends in their number.
    count = f"-{key.checksum_parts}" if key.checksum_type == "COMPOSITE" else ""
    return {
        f"x-amz-checksum-{key.checksum_algorithm.lower()}": f"{key.checksum_value}{count}",
        "x-amz-checksum-type": key.checksum_type,
    }


def _of_part(response: Any) -> str:
    """Write the checksum of a part, by the algorithm that its upload began with."""
    from moto.s3.utils import compute_checksum

    bucket = response.backend.get_bucket(response.bucket_name)
    upload = bucket.multiparts[response._get_param("uploadId")]
    algorithm = upload.metadata.get("x-amz-checksum-algorithm")
    if algorithm not in _COMPUTED:
        return ""
    part = upload.parts[response._get_int_param("partNumber")]
    checksum = compute_checksum(part.value, algorithm).decode()
    return f"<Checksum{algorithm}>{checksum}</Checksum{algorithm}>"
