"""The AWS KMS keys that services use for a caller, who has to be allowed their use.

Sources: "Protecting data with server-side encryption using AWS KMS keys" in the Amazon S3 user
guide; "Key management" of encryption at rest in the guides of Amazon SNS and Amazon SQS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from local.emulator.authorization.operations import Operation
from local.emulator.authorization.policies import key_arn, message_key
from local.emulator.authorization.uses import Use

_MESSAGE_ACTIONS: Final = {
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
}
"""What a caller of an encrypted topic or queue does with its key."""


def message_key_uses(use: Use, region: str) -> Iterator[Use]:
    """List the uses of the key of a topic or queue."""
    for action in _MESSAGE_ACTIONS.get(use.action, ()):
        key = message_key(use.resource)
        if key is not None:
            arn = key_arn(key, region, use.resource.split(":")[4])
            context = {f"kms:EncryptionContext:aws:{use.service}:arn": use.resource}
            yield from _use(action, arn, use.service, region, context)


def object_key_use(
    operation: Operation, bucket: str, key: str, version: str | None
) -> Iterator[Use]:
    """Read an object: that needs the key that it is encrypted with."""
    found = _object(operation.account, bucket, key, version)
    if found is not None and found.encryption == "aws:kms" and found.kms_key_id:
        region = _region(operation.account, bucket)
        arn = key_arn(found.kms_key_id, region, operation.account)
        has_bucket_key = str(found.bucket_key_enabled).lower() == "true"
        context = _object_context(bucket, key, has_bucket_key=has_bucket_key)
        yield from _use("kms:Decrypt", arn, "s3", region, context)


def is_missing(account: str, bucket: str, key: str, version: str | None) -> bool:
    """Tell whether a bucket lacks an object, or the version of it that is named."""
    if _bucket(account, bucket) is None:
        return False
    return _object(account, bucket, key, version) is None


def new_key_use(operation: Operation, bucket: str, key: str) -> Iterator[Use]:
    """Write an object: that needs the key that the request names, or else the bucket's."""
    algorithm, named = operation.text("ServerSideEncryption"), operation.text("SSEKMSKeyId")
    yield from _written(operation, bucket, key, "kms:GenerateDataKey", (algorithm, named))


def part_key_use(operation: Operation, bucket: str, key: str) -> Iterator[Use]:
    """Write a part: that needs the data key that the upload began with."""
    found = _bucket(operation.account, bucket)
    upload = None if found is None else found.multiparts.get(operation.text("UploadId"))
    if upload is not None:
        named = (upload.sse_encryption, upload.kms_key_id)
        yield from _written(operation, bucket, key, "kms:Decrypt", named)


def _written(
    operation: Operation, bucket: str, key: str, action: str, named: tuple[str | None, str | None]
) -> Iterator[Use]:
    algorithm, key_id = named
    default, has_bucket_key = _default_key(operation.account, bucket)
    if algorithm is None:
        key_id = key_id or default
    if key_id is not None and algorithm in (None, "aws:kms"):
        region = _region(operation.account, bucket)
        context = _object_context(bucket, key, has_bucket_key=has_bucket_key)
        arn = key_arn(key_id, region, operation.account)
        yield from _use(action, arn, "s3", region, context)


def _use(
    action: str, arn: str, service: str, region: str, context: dict[str, str]
) -> Iterator[Use]:
    if ":alias/aws/" not in arn:  # AWS lets everybody in the account use the keys it manages
        yield Use(action, arn, context, via=f"{service}.{region}.amazonaws.com")


def _object_context(bucket: str, key: str, *, has_bucket_key: bool) -> dict[str, str]:
    arn = f"arn:aws:s3:::{bucket}" + ("" if has_bucket_key else f"/{key}")
    return {"kms:EncryptionContext:aws:s3:arn": arn}


def _bucket(account: str, name: str) -> Any:
    from moto.s3.models import s3_backends

    return s3_backends[account]["aws"].buckets.get(name)


def _region(account: str, name: str) -> str:
    bucket = _bucket(account, name)
    return "us-east-1" if bucket is None else str(bucket.region_name)


def _object(account: str, bucket: str, key: str, version: str | None) -> Any:
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import s3_backends

    try:
        return s3_backends[account]["aws"].get_object(bucket, key, version_id=version)
    except S3ClientError:
        return None


def _default_key(account: str, name: str) -> tuple[str | None, bool]:
    """Find the key of objects that name none, and whether the bucket has a data key of its own."""
    bucket = _bucket(account, name)
    rule = ((bucket and bucket.encryption) or {}).get("Rule", {})
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    has_bucket_key = str(rule.get("BucketKeyEnabled", False)).lower() == "true"
    return default.get("KMSMasterKeyID"), has_bucket_key
