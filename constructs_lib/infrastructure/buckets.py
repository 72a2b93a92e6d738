"""The one way in which this app makes a bucket for data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.infrastructure.iam.acknowledgements import acknowledge
from constructs_lib.s3_layout import WRITTEN_ONCE

_ACCEPTED_FINDINGS: Final = {
    "NIST.800.53.R5-S3BucketReplicationEnabled": (
        "Each release copies the packaged model to every registration region itself;"
        " replication would copy temporary files and unreleased models too"
    )
}
_ACCEPTED_OF_ACCESS_LOGS: Final = {
    "NIST.800.53.R5-S3DefaultEncryptionKMS": (
        "S3 delivers access logs only to buckets that are encrypted with SSE-S3"
    ),
    "NIST.800.53.R5-S3BucketReplicationEnabled": (
        "Access logs are kept for a year in one region; no release depends on them"
    ),
}
_PRIVATE: Final[dict[str, Any]] = {
    "block_public_access": s3.BlockPublicAccess.BLOCK_ALL,
    "enforce_ssl": True,
    "versioned": True,
}


class DataBucket(s3.Bucket):
    """A private, versioned bucket under the app's own key, TLS only, its access logged.

    Objects that name no encryption get the app's key; requests for another encryption are refused.
    What is released is written where there is no such object, and never over one.

    The access logs lie in a second bucket beside it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        encryption_key: kms.IKey,
        accepted_key_arns: Sequence[str],
        removal_policy: RemovalPolicy,
        bucket_name: str | None = None,
        expiring_prefix: str | None = None,
    ) -> None:
        """Create the bucket.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            encryption_key: Key of every object that is written without naming one.
            accepted_key_arns: Keys that a request may name: ARNs, of keys or of their aliases.
            removal_policy: What happens to the data when the stack is deleted.
            bucket_name: Fixed name, for a bucket that another region's stack has to know.
            expiring_prefix: Objects below it are deleted after 60 days: no cached step refers to
                them then.
        """
        access_logs = _access_logs(scope, f"{construct_id}AccessLogs", removal_policy)
        super().__init__(
            scope,
            construct_id,
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=encryption_key,
            bucket_key_enabled=True,
            **_PRIVATE,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            lifecycle_rules=_lifecycle_rules(expiring_prefix),
            removal_policy=removal_policy,
        )
        for statement in _refused_encryption(self.arn_for_objects("*"), accepted_key_arns):
            self.add_to_resource_policy(statement)
        self.add_to_resource_policy(_written_once(map(self.arn_for_objects, WRITTEN_ONCE)))
        acknowledge(self, _ACCEPTED_FINDINGS)


def _access_logs(scope: Construct, construct_id: str, removal_policy: RemovalPolicy) -> s3.Bucket:
    bucket = s3.Bucket(
        scope,
        construct_id,
        # Log delivery writes with the bucket's default encryption and cannot use the key.
        encryption=s3.BucketEncryption.S3_MANAGED,
        **_PRIVATE,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=Duration.days(365), noncurrent_version_expiration=Duration.days(90)
            )
        ],
        removal_policy=removal_policy,
    )
    acknowledge(bucket, _ACCEPTED_OF_ACCESS_LOGS)
    return bucket


def _refused_encryption(
    objects: str, accepted_key_arns: Sequence[str]
) -> Iterator[iam.PolicyStatement]:
    """Deny encryption that a request names; one that names none gets the bucket's default."""
    algorithm = "s3:x-amz-server-side-encryption"
    key_id = f"{algorithm}-aws-kms-key-id"
    customer_algorithm = f"{algorithm}-customer-algorithm"
    # A negated operator matches a missing key, too: Null tells that the header is there.
    refused: dict[str, dict[str, Any]] = {
        "DenyOtherAlgorithms": {
            "Null": {algorithm: "false"},
            "StringNotEquals": {algorithm: "aws:kms"},
        },
        "DenyOtherKeys": {
            "Null": {key_id: "false"},
            "StringNotEquals": {key_id: list(accepted_key_arns)},
        },
        # S3 then takes the key that AWS manages, not the bucket's default.
        "DenyUnnamedKeys": {"Null": {key_id: "true"}, "StringEquals": {algorithm: "aws:kms"}},
        "DenyCustomerKeys": {"Null": {customer_algorithm: "false"}},
    }
    for sid, conditions in refused.items():
        yield iam.PolicyStatement(
            sid=sid,
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:PutObject"],
            resources=[objects],
            conditions=conditions,
        )


def _written_once(objects: Iterable[str]) -> iam.PolicyStatement:
    """Deny writing without ``If-None-Match``: also to those whose policies allow them to write.

    Source: "Enforce conditional writes on Amazon S3 buckets" in the Amazon S3 user guide. The calls
    that create no object, those of parts, take no such header.
    """
    return iam.PolicyStatement(
        sid="DenyWritingOver",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["s3:PutObject"],
        resources=list(objects),
        conditions={
            "Null": {"s3:if-none-match": "true"},
            "Bool": {"s3:ObjectCreationOperation": "true"},
        },
    )


def _lifecycle_rules(expiring_prefix: str | None) -> list[s3.LifecycleRule]:
    rules = [
        s3.LifecycleRule(
            id="SupersededAndAborted",
            noncurrent_version_expiration=Duration.days(90),
            abort_incomplete_multipart_upload_after=Duration.days(7),
        )
    ]
    if expiring_prefix:
        rules.append(
            s3.LifecycleRule(id="Temporary", prefix=expiring_prefix, expiration=Duration.days(60))
        )
    return rules
