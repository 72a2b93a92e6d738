"""One registration region: the model package groups, and outside home their artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import ArnFormat, Aws, RemovalPolicy, Stack
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.buckets import DataBucket
from stacks.encryption import DataKey
from stacks.settings import Settings


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
        model_package_group_names: Sequence[str],
        **kwargs: Any,
    ) -> None:
        """Create the groups and, in a region other than home, key and bucket.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            aws_region: The registration region.
            model_package_group_names: One group per pipeline that registers here.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        super().__init__(scope, construct_id, **kwargs)
        removal_policy = RemovalPolicy.RETAIN if settings.retain_data else RemovalPolicy.DESTROY
        for name in model_package_group_names:
            group = sagemaker.CfnModelPackageGroup(
                self,
                f"ModelPackageGroup-{name}",
                model_package_group_name=name,
                model_package_group_description=f"Released versions of {name}",
            )
            group.apply_removal_policy(removal_policy)
        if aws_region != settings.home_region:
            self._add_artifacts(settings, aws_region, removal_policy)

    def _add_artifacts(
        self, settings: Settings, aws_region: str, removal_policy: RemovalPolicy
    ) -> None:
        key = DataKey(
            self,
            "EncryptionKey",
            alias=settings.registry_key_alias,
            description="Encrypts the artifacts of models registered in this region",
            removal_policy=removal_policy,
        )
        DataBucket(
            self,
            "ArtifactBucket",
            bucket_name=settings.registry_bucket_name(Aws.ACCOUNT_ID, aws_region),
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
            removal_policy=removal_policy,
        )
