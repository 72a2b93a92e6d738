"""The one way in which this app makes a bucket for data."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


class DataBucket(s3.Bucket):
    """A private, versioned bucket under the app's own key, TLS only, its access logged.

    The access logs lie in a second bucket beside it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        encryption_key: kms.IKey,
        removal_policy: RemovalPolicy,
        bucket_name: str | None = None,
        expiring_prefix: str | None = None,
    ) -> None:
        """Create the bucket.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            encryption_key: Key of every object.
            removal_policy: What happens to the data when the stack is deleted.
            bucket_name: Fixed name, for a bucket that another region's stack has to know.
            expiring_prefix: Objects below it are deleted after 60 days: no cached step refers to
                them then.
        """
        access_logs = s3.Bucket(
            scope,
            f"{construct_id}AccessLogs",
            # Log delivery writes with the bucket's default encryption and cannot use the key.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(365))],
            removal_policy=removal_policy,
        )
        super().__init__(
            scope,
            construct_id,
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=encryption_key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            lifecycle_rules=_lifecycle_rules(expiring_prefix),
            removal_policy=removal_policy,
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
