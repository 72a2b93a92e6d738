"""Amazon S3 where moto differs from it."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
import zlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws


@pytest.fixture
def bucket(aws: EmbeddedAws) -> str:
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


def deny(bucket: str, **statement: Any) -> str:
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    denied = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": resources}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**denied, **statement}]})


def test_a_denial_whose_condition_does_not_hold_denies_nothing(
    aws: EmbeddedAws, bucket: str
) -> None:
    s3 = aws.client("s3")
    tls_only = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=deny(bucket, Condition=tls_only))

    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_an_unconditional_denial_denies(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    s3.put_bucket_policy(Bucket=bucket, Policy=deny(bucket))

    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        s3.put_object(Bucket=bucket, Key="key", Body=b"content")


def test_access_logs_are_turned_on_but_not_delivered(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    logs = f"{bucket}-logs"
    s3.create_bucket(Bucket=logs)
    enabled = {"LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": ""}}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=enabled)

    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert s3.list_objects_v2(Bucket=logs)["KeyCount"] == 0


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


CHECKSUMS = {"ChecksumCRC32": crc32, "ChecksumSHA256": sha256}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_an_object_with_a_wrong_checksum_is_refused(
    aws: EmbeddedAws, bucket: str, name: str
) -> None:
    s3, of = aws.client("s3"), CHECKSUMS[name]

    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket=bucket, Key="key", Body=b"content", **{name: of(b"other")})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0

    s3.put_object(Bucket=bucket, Key="key", Body=b"content", **{name: of(b"content")})
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_part_with_a_wrong_checksum_is_refused(aws: EmbeddedAws, bucket: str, name: str) -> None:
    s3, of = aws.client("s3"), CHECKSUMS[name]
    upload = s3.create_multipart_upload(
        Bucket=bucket, Key="key", ChecksumAlgorithm=name.removeprefix("Checksum")
    )
    part = {"Bucket": bucket, "Key": "key", "UploadId": upload["UploadId"], "PartNumber": 1}

    with pytest.raises(ClientError, match="BadDigest"):
        s3.upload_part(**part, Body=b"content", **{name: of(b"other")})
    etag = s3.upload_part(**part, Body=b"content", **{name: of(b"content")})["ETag"]

    parts = [{"PartNumber": 1, "ETag": etag, name: of(b"other")}]
    del part["PartNumber"]
    with pytest.raises(ClientError, match="BadDigest"):
        s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    parts[0][name] = of(b"content")
    s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})


def test_a_completion_with_a_wrong_checksum_of_the_whole_is_refused(
    aws: EmbeddedAws, bucket: str
) -> None:
    s3 = aws.client("s3")
    upload = s3.create_multipart_upload(
        Bucket=bucket, Key="key", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
    )
    whole = {"Bucket": bucket, "Key": "key", "UploadId": upload["UploadId"]}
    contents = [b"a" * 5 * 2**20, b"b"]
    etags = [
        s3.upload_part(**whole, PartNumber=number, Body=content)["ETag"]
        for number, content in enumerate(contents, 1)
    ]
    parts = {"Parts": [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]}

    for given, error in ((crc32(b"other"), "BadDigest"), (crc32(b"".join(contents)), None)):
        arguments = {**whole, "MultipartUpload": parts, "ChecksumCRC32": given}
        if error is None:
            s3.complete_multipart_upload(**arguments, ChecksumType="FULL_OBJECT")
        else:
            with pytest.raises(ClientError, match=error):
                s3.complete_multipart_upload(**arguments, ChecksumType="FULL_OBJECT")
    assert s3.head_object(Bucket=bucket, Key="key")["ContentLength"] == 5 * 2**20 + 1


def test_no_call_writes_over_an_object_on_the_condition_that_there_is_none(
    aws: EmbeddedAws, bucket: str
) -> None:
    s3, there = aws.client("s3"), {"Bucket": bucket, "Key": "key"}
    s3.put_object(Bucket=bucket, Key="source", Body=b"second")
    upload = s3.create_multipart_upload(**there)["UploadId"]
    etag = s3.upload_part(**there, UploadId=upload, PartNumber=1, Body=b"third")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.put_object(**there, Body=b"first", IfNoneMatch="*")

    source = {"Bucket": bucket, "Key": "source"}
    completion = {"UploadId": upload, "MultipartUpload": parts}
    for write, arguments in (
        (s3.put_object, {"Body": b"second"}),
        (s3.copy_object, {"CopySource": source}),
        (s3.complete_multipart_upload, completion),
    ):
        with pytest.raises(ClientError, match="PreconditionFailed"):
            write(**there, **arguments, IfNoneMatch="*")
    assert s3.get_object(**there)["Body"].read() == b"first"


def test_a_copy_on_that_condition_is_made_where_there_is_none(
    aws: EmbeddedAws, bucket: str
) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key="source", Body=b"content")

    s3.copy_object(
        Bucket=bucket,
        Key="key",
        CopySource={"Bucket": bucket, "Key": "source"},
        IfNoneMatch="*",
    )

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def _copy_in_parts(s3: Any, bucket: str, content: bytes, **checksum: str) -> dict[str, Any]:
    """Copy an object as one part; returns what is told of the part."""
    s3.put_object(Bucket=bucket, Key="source", Body=content)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key", **checksum)["UploadId"]
    of_upload = {"Bucket": bucket, "Key": "key", "UploadId": upload}
    source = {"Bucket": bucket, "Key": "source"}
    part: dict[str, Any] = s3.upload_part_copy(**of_upload, PartNumber=1, CopySource=source)
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    s3.complete_multipart_upload(**of_upload, MultipartUpload={"Parts": parts})
    result: dict[str, Any] = part["CopyPartResult"]
    return result


def test_a_copied_part_has_the_checksum_that_its_upload_began_with(
    aws: EmbeddedAws, bucket: str
) -> None:
    s3 = aws.client("s3")

    part = _copy_in_parts(s3, bucket, b"content", ChecksumAlgorithm="SHA256")

    assert part["ChecksumSHA256"] == sha256(b"content")
    headers = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    of_digests = base64.b64encode(hashlib.sha256(hashlib.sha256(b"content").digest()).digest())
    assert headers["ChecksumSHA256"] == f"{of_digests.decode()}-1"
    assert headers["ChecksumType"] == "COMPOSITE"


def test_a_checksum_of_the_whole_is_told_as_such(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")

    part = _copy_in_parts(
        s3, bucket, b"content", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
    )

    assert part["ChecksumCRC32"] == crc32(b"content")
    headers = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert headers["ChecksumCRC32"] == crc32(b"content")
    assert headers["ChecksumType"] == "FULL_OBJECT"


def test_a_policy_that_demands_the_condition_refuses_whoever_writes_without(
    aws: EmbeddedAws, bucket: str
) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key="source", Body=b"content")
    conditions = {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    s3.put_bucket_policy(
        Bucket=bucket, Policy=deny(bucket, Action="s3:PutObject", Condition=conditions)
    )
    there = {"Bucket": bucket, "Key": "key"}
    upload = s3.create_multipart_upload(**there)["UploadId"]
    etag = s3.upload_part(**there, UploadId=upload, PartNumber=1, Body=b"new")["ETag"]
    whole = {"UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}

    for write, arguments in (
        (s3.put_object, {"Body": b"new"}),
        (s3.copy_object, {"CopySource": {"Bucket": bucket, "Key": "source"}}),
        (s3.complete_multipart_upload, whole),
    ):
        with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
            write(**there, **arguments)
    s3.complete_multipart_upload(**there, **whole, IfNoneMatch="*")
    assert s3.get_object(**there)["Body"].read() == b"new"
