"""What operations of Amazon S3 need: their actions have other names, and keys lie behind objects.

Sources: "Required permissions for Amazon S3 API operations" and "Protecting data with server-side
encryption using AWS KMS keys" in the Amazon S3 user guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from local.emulator.authorization.encryption import (
    is_missing,
    new_key_use,
    object_key_use,
    part_key_use,
)
from local.emulator.authorization.operations import Operation
from local.emulator.authorization.reference import is_action
from local.emulator.authorization.uses import Use

_ACTIONS: Final = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
"""Actions that are not named like their operation."""
_OF_VERSIONS: Final = frozenset({"DeleteObject", "GetObject", "GetObjectTagging"})
"""Actions with one of their own for a version that is named."""
_TELLING: Final = frozenset({"GetObject", "HeadObject"})
_NEW_OBJECTS: Final = frozenset({"CopyObject", "CreateMultipartUpload", "PutObject"})
_NEXT_PARTS: Final = frozenset({"CompleteMultipartUpload", "UploadPart", "UploadPartCopy"})
_HEADERS: Final = {
    "ACL": "s3:x-amz-acl",
    "CopySource": "s3:x-amz-copy-source",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "StorageClass": "s3:x-amz-storage-class",
    "Delimiter": "s3:delimiter",
    "MaxKeys": "s3:max-keys",
    "Prefix": "s3:prefix",
    "VersionId": "s3:versionid",
}
"""Condition keys that hold what a parameter says."""
_CREATES: Final = {
    "CompleteMultipartUpload": "true",
    "CopyObject": "true",
    "CreateMultipartUpload": "false",
    "PutObject": "true",
    "UploadPart": "false",
    "UploadPartCopy": "false",
}
"""Of the calls that need ``s3:PutObject``: whether an object comes of it."""


def s3_uses(operation: Operation) -> Iterator[Use]:
    """List what an operation needs: of the objects and of the keys that encrypt them."""
    context = {
        key: str(operation.parameters[name])
        for name, key in _HEADERS.items()
        if operation.parameters.get(name) is not None
    }
    if operation.name in _CREATES:
        context["s3:ObjectCreationOperation"] = _CREATES[operation.name]
    for key in _keys(operation):
        yield Use(_action(operation), _resource(operation, key), context)
    yield from _missing(operation)
    if "CopySource" in operation.parameters:
        yield from _copied(operation)
    yield from _keys_behind(operation)


def _keys(operation: Operation) -> list[str | None]:
    if operation.name != "DeleteObjects":
        return [operation.text("Key")]
    return [each["Key"] for each in operation.parameters.get("Delete", {}).get("Objects", ())]


def _action(operation: Operation) -> str:
    name = _ACTIONS.get(operation.name, operation.name)
    if operation.text("VersionId") and name in _OF_VERSIONS:
        name = name.replace("Object", "ObjectVersion", 1)
    return f"s3:{name}" if is_action(f"s3:{name}") else "s3:*"


def _resource(operation: Operation, key: str | None) -> str:
    bucket = operation.text("Bucket")
    if bucket is None:
        return "*"
    return f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")


def _missing(operation: Operation) -> Iterator[Use]:
    """Tell of an object that is not there, instead of refusing it, to who may list its bucket.

    Source: "Permissions" of HeadObject and GetObject in the Amazon S3 API reference.
    """
    bucket, key = operation.text("Bucket"), operation.text("Key")
    if operation.name not in _TELLING or bucket is None or key is None:
        return
    if is_missing(operation.account, bucket, key, operation.text("VersionId")):
        yield Use("s3:ListBucket", f"arn:aws:s3:::{bucket}")


def _copied(operation: Operation) -> Iterator[Use]:
    path, _, version = str(operation.parameters["CopySource"]).partition("?versionId=")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    yield Use(action, f"arn:aws:s3:::{bucket}/{key}", {"s3:versionid": version} if version else {})
    yield from object_key_use(operation, bucket, key, version or None)


def _keys_behind(operation: Operation) -> Iterator[Use]:
    bucket, key = operation.text("Bucket"), operation.text("Key")
    if bucket is None or key is None:
        return
    if operation.name == "GetObject":
        yield from object_key_use(operation, bucket, key, operation.text("VersionId"))
    elif operation.name in _NEW_OBJECTS:
        yield from new_key_use(operation, bucket, key)
    elif operation.name in _NEXT_PARTS:
        yield from part_key_use(operation, bucket, key)
