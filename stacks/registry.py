"""One registration region: the model package groups, and outside home their artifacts."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from constructs_lib.infrastructure.buckets import DataBucket
from constructs_lib.infrastructure.encryption import DataKey
from constructs_lib.infrastructure.iam.arns import ACCOUNT
from constructs_lib.settings import Settings


class RegistryStack(Stack):
    """The SageMaker Model Registry of one region.

    Other regions' stacks know the bucket and the key by name: no cross-region reference is needed.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        aws_region: str,
        **kwargs: Any,
    ) -> None:
        """Create, in a region other than home, key and bucket.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            aws_region: The registration region.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        super().__init__(scope, construct_id, **kwargs)
        self._removal_policy = (
            RemovalPolicy.RETAIN if settings.retain_data else RemovalPolicy.DESTROY
        )
        self._encryption_key: DataKey | None = None
        if aws_region != settings.home_region:
            self._encryption_key = self._add_artifacts(settings, aws_region)

    def add_model_package_group(self, name: str) -> None:
        """Create the group in which a pipeline registers its models here.

        Args:
            name: Name of the group.
        """
        group = sagemaker.CfnModelPackageGroup(
            self,
            f"ModelPackageGroup-{name}",
            model_package_group_name=name,
            model_package_group_description=f"Released versions of {name}",
        )
        group.apply_removal_policy(self._removal_policy)

    def allow_endpoints(self) -> None:
        """Let the volumes of endpoints be under the region's key; at home that is the app's."""
        if self._encryption_key is not None:
            self._encryption_key.allow_volumes()

    def _add_artifacts(self, settings: Settings, aws_region: str) -> DataKey:
        key = DataKey(
            self,
            "EncryptionKey",
            alias=settings.registry_key_alias,
            description="Encrypts the artifacts of models registered in this region",
            removal_policy=self._removal_policy,
        )
        DataBucket(
            self,
            "ArtifactBucket",
            bucket_name=settings.registry_bucket_name(ACCOUNT, aws_region),
            encryption_key=key,
            # The registration function knows the key by its alias.
            accepted_key_arns=[
                key.key_arn,
                self.format_arn(
                    service="kms",
                    resource=settings.registry_key_alias,
                    arn_format=ArnFormat.NO_RESOURCE_NAME,
                ),
            ],
            removal_policy=self._removal_policy,
        )
        return key
