"""Where models come in and packaged models stay."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from constructs import Construct

from constructs_lib.infrastructure.buckets import DataBucket
from constructs_lib.infrastructure.encryption import DataKey
from constructs_lib.infrastructure.iam.arns import StackArns
from constructs_lib.infrastructure.iam.released_artifacts import ReleasedArtifacts
from constructs_lib.infrastructure.log_groups import LogOptions
from constructs_lib.s3_layout import TEMPORARY
from constructs_lib.settings import Settings


class StorageStack(Stack):
    """The home region's KMS key and artifact bucket.

    Attributes:
        encryption_key: Key of models, job outputs, volumes, logs and messages.
        artifact_bucket: Where models come in and released artifacts stay.
        artifact_bucket_name: Its name.
        artifacts: The bucket as policies name it.
        log_options: How the app's functions and its network keep their logs.
        arns: ARNs in the home region.
    """

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
        self.encryption_key = self._create_key(settings, removal_policy)
        self.artifact_bucket = self._create_bucket(settings, removal_policy)
        self.log_options = LogOptions(
            encryption_key=self.encryption_key, retention_days=settings.log_retention_days
        )
        # Read once: each access is a call to Node, and every pipeline needs them.
        self.arns = StackArns(self)
        self.artifact_bucket_name = self.artifact_bucket.bucket_name
        self.artifacts = ReleasedArtifacts(
            bucket_arn=self.artifact_bucket.bucket_arn,
            key_arn=self.encryption_key.key_arn,
            additional_key_arns=settings.additional_key_arns,
        )
        CfnOutput(
            self,
            "ArtifactBucketName",
            value=self.artifact_bucket_name,
            description="Upload model.tar.gz here and pass its S3 URI as ModelS3Uri",
        )

    def _create_key(self, settings: Settings, removal_policy: RemovalPolicy) -> DataKey:
        key = DataKey(
            self,
            "EncryptionKey",
            alias=f"alias/{settings.app_name}",
            description="Encrypts model artifacts, job volumes, job outputs and logs",
            removal_policy=removal_policy,
        )
        key.allow_volumes()
        key.allow_outputs()
        key.allow_logs(settings.home_region, f"{settings.app_name}-*")
        return key

    def _create_bucket(self, settings: Settings, removal_policy: RemovalPolicy) -> DataBucket:
        return DataBucket(
            self,
            "ArtifactBucket",
            encryption_key=self.encryption_key,
            accepted_key_arns=[self.encryption_key.key_arn, *settings.additional_key_arns],
            removal_policy=removal_policy,
            expiring_prefix=f"{TEMPORARY}/",
        )
