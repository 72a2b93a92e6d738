"""Where models come in and packaged models stay."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from constructs import Construct

from constructs_lib.infrastructure.buckets import DataBucket
from constructs_lib.infrastructure.encryption import DataKey
from constructs_lib.infrastructure.iam.arns import StackArns
from constructs_lib.settings import Settings


class StorageStack(Stack):
    """The home region's KMS key and artifact bucket."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, **kwargs: Any
    ) -> None:
        """Create the key and the bucket.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        super().__init__(scope, construct_id, **kwargs)
        removal_policy = RemovalPolicy.RETAIN if settings.retain_data else RemovalPolicy.DESTROY
        self.encryption_key = DataKey(
            self,
            "EncryptionKey",
            alias=f"alias/{settings.app_name}",
            description="Encrypts model artifacts, job volumes, job outputs and logs",
            removal_policy=removal_policy,
        )
        self.encryption_key.allow_volumes()
        self.encryption_key.allow_logs(settings.home_region, f"{settings.app_name}-*")
        self.artifact_bucket = DataBucket(
            self,
            "ArtifactBucket",
            encryption_key=self.encryption_key,
            accepted_key_arns=[self.encryption_key.key_arn, *settings.additional_key_arns],
            removal_policy=removal_policy,
            expiring_prefix="tmp/",
        )
        # Read once: each access is a call to Node, and every pipeline needs them.
        self.arns = StackArns(self)
        self.encryption_key_arn = self.encryption_key.key_arn
        self.artifact_bucket_arn = self.artifact_bucket.bucket_arn
        self.artifact_bucket_name = self.artifact_bucket.bucket_name
        CfnOutput(
            self,
            "ArtifactBucketName",
            value=self.artifact_bucket_name,
            description="Upload model.tar.gz here and pass its S3 URI as ModelS3Uri",
        )
