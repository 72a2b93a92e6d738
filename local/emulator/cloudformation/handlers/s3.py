"""Amazon S3: buckets and bucket policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from local.emulator.cloudformation.handlers.documents import as_json, is_true, pick
from local.emulator.cloudformation.resources import (
    Context,
    Handler,
    Identity,
    Properties,
    Resource,
    refuse_unapplied,
    undone_on_failure,
)


def create_bucket(client: Any, bucket: str, region: str) -> None:
    """Create a bucket in the region of a client."""
    location = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    # In us-east-1 a bucket has no location constraint, and must not be given one.
    client.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else location))


def _create_bucket(context: Context, properties: Properties) -> Identity:
    bucket = properties.get("BucketName") or context.generated_name(63).lower()
    client, region = context.client("s3"), context.region
    create_bucket(client, bucket, region)
    with undone_on_failure(lambda: client.delete_bucket(Bucket=bucket)):
        _configure(client, bucket, {}, properties)
    return _bucket_identity(bucket, region)


def _update_bucket(context: Context, current: Resource, properties: Properties) -> Identity:
    _configure(context.client("s3"), current.physical_id, current.properties, properties)
    return current.identity


def _delete_bucket(context: Context, current: Resource) -> None:
    context.client("s3").delete_bucket(Bucket=current.physical_id)


def _bucket_identity(bucket: str, region: str) -> Identity:
    return Identity(
        bucket,
        {
            "Arn": f"arn:aws:s3:::{bucket}",
            "DomainName": f"{bucket}.s3.amazonaws.com",
            "DualStackDomainName": f"{bucket}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{bucket}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{bucket}.s3-website-{region}.amazonaws.com",
        },
    )


def _configure(client: Any, bucket: str, before: Properties, after: Properties) -> None:
    for name, apply in _SETTINGS.items():
        if before.get(name) != after.get(name):
            apply(client, bucket, after.get(name))


def _encryption(client: Any, bucket: str, setting: Any) -> None:
    if setting is None:
        client.delete_bucket_encryption(Bucket=bucket)
        return
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": is_true(rule.get("BucketKeyEnabled")),
        }
        for rule in setting["ServerSideEncryptionConfiguration"]
    ]
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _versioning(client: Any, bucket: str, setting: Any) -> None:
    status = "Suspended" if setting is None else setting["Status"]
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def _public_access(client: Any, bucket: str, setting: Any) -> None:
    if setting is None:
        client.delete_public_access_block(Bucket=bucket)
        return
    blocked = {name: is_true(value) for name, value in setting.items()}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)


def _ownership(client: Any, bucket: str, setting: Any) -> None:
    if setting is None:
        client.delete_bucket_ownership_controls(Bucket=bucket)
        return
    client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=setting)


def _lifecycle(client: Any, bucket: str, setting: Any) -> None:
    if setting is None:
        client.delete_bucket_lifecycle(Bucket=bucket)
        return
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [_lifecycle_rule(rule) for rule in setting["Rules"]]},
    )


_LIFECYCLE_RULE_PROPERTIES: Final = {
    "AbortIncompleteMultipartUpload",
    "ExpirationInDays",
    "ExpiredObjectDeleteMarker",
    "Id",
    "NoncurrentVersionExpiration",
    "Prefix",
    "Status",
    "TagFilters",
    "Transitions",
}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unapplied("an S3 lifecycle rule", rule, _LIFECYCLE_RULE_PROPERTIES)
    result = pick(rule, ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration", "Status"))
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule["ExpirationInDays"])
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = is_true(rule["ExpiredObjectDeleteMarker"])
    if expiration:
        result["Expiration"] = expiration
    if "Id" in rule:
        result["ID"] = rule["Id"]
    if "Transitions" in rule:
        result["Transitions"] = [
            {"StorageClass": item["StorageClass"], "Days": int(item["TransitionInDays"])}
            for item in rule["Transitions"]
        ]
    return result | {"Filter": _lifecycle_filter(rule)}


def _lifecycle_filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    prefix, tags = rule.get("Prefix", ""), rule.get("TagFilters", [])
    return {"And": {"Prefix": prefix, "Tags": tags}} if tags else {"Prefix": prefix}


def _logging(client: Any, bucket: str, setting: Any) -> None:
    status = {}
    if setting is not None:
        target = setting.get("DestinationBucketName", bucket)
        prefix = setting.get("LogFilePrefix", "")
        status = {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": prefix}}
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=status)


def _access_control(client: Any, bucket: str, setting: Any) -> None:
    words = "" if setting is None else setting
    canned = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in words)
    client.put_bucket_acl(Bucket=bucket, ACL=canned.removeprefix("-") or "private")


def _notification(client: Any, bucket: str, setting: Any) -> None:
    refuse_unapplied("an S3 notification", setting or {}, {"EventBridgeConfiguration"})
    enabled = (setting or {}).get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", False)
    client.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"EventBridgeConfiguration": {}} if is_true(enabled) else {},
    )


def _tags(client: Any, bucket: str, setting: Any) -> None:
    if setting:
        client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": setting})
    else:
        client.delete_bucket_tagging(Bucket=bucket)


_SETTINGS: Final[Mapping[str, Callable[[Any, str, Any], None]]] = {
    "OwnershipControls": _ownership,
    "AccessControl": _access_control,
    "BucketEncryption": _encryption,
    "VersioningConfiguration": _versioning,
    "PublicAccessBlockConfiguration": _public_access,
    "LifecycleConfiguration": _lifecycle,
    "LoggingConfiguration": _logging,
    "NotificationConfiguration": _notification,
    "Tags": _tags,
}


def _put_bucket_policy(context: Context, properties: Properties) -> Identity:
    bucket = properties["Bucket"]
    context.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=as_json(properties["PolicyDocument"])
    )
    return Identity(bucket, {})


def _update_bucket_policy(context: Context, _current: Resource, properties: Properties) -> Identity:
    return _put_bucket_policy(context, properties)


def _delete_bucket_policy(context: Context, current: Resource) -> None:
    context.client("s3").delete_bucket_policy(Bucket=current.physical_id)


HANDLERS: Final = {
    "AWS::S3::Bucket": Handler(
        _create_bucket,
        _delete_bucket,
        _update_bucket,
        applied=frozenset({"BucketName", *_SETTINGS}),
    ),
    "AWS::S3::BucketPolicy": Handler(
        _put_bucket_policy, _delete_bucket_policy, _update_bucket_policy
    ),
}
