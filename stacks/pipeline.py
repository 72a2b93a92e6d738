"""One pipeline: its assets, its roles, and the pipeline itself."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.pipeline import SageMakerPipeline
from constructs_lib.regions import RegionCode
from constructs_lib.release_files import ReleaseFiles
from stacks.data_locations import readable_s3_uris, writable_s3_uris
from stacks.network import NetworkStack
from stacks.permissions import PipelineResources, grant_execution
from stacks.registration_function import RegistrationFunction
from stacks.settings import Settings
from stacks.storage import StorageStack


class PipelineStack(Stack):
    """The release pipeline of one model."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        configs: PipelineConfigs,
        compiled: CompiledPipeline,
        files: ReleaseFiles,
        network: NetworkStack,
        storage: StorageStack,
        **kwargs: Any,
    ) -> None:
        """Create the pipeline and what only it needs.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            configs: The model's configs.
            compiled: The pipeline compiled from them.
            files: The files released with it.
            network: Where jobs run.
            storage: Where models are.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        super().__init__(scope, construct_id, **kwargs)
        assets = self._upload(files)
        self.registration_function = self._create_registration_function(settings, compiled, storage)
        self.execution_role = iam.Role(
            self,
            "ExecutionRole",
            # Not for SageMaker on behalf of another account.
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            description=f"Runs the steps of {compiled.name}",
        )
        self.pipeline = SageMakerPipeline(
            self,
            "Pipeline",
            pipeline_name=compiled.name,
            description=configs.base.pipeline_description,
            definition_body=compiled.body,
            variables={
                "ExecutionRoleName": self.execution_role.role_name,
                "ArtifactBucketName": storage.artifact_bucket.bucket_name,
                "EncryptionKeyArn": storage.encryption_key.key_arn,
                "SubnetId": network.subnet_ids[0],
                "SecurityGroupId": network.security_group_id,
                **_asset_variables(assets),
                **self._registry_variables(settings, compiled),
            },
            role=self.execution_role,
        )
        grant_execution(
            PipelineResources(
                stack=self,
                pipeline_name=compiled.name,
                definition=compiled.definition,
                role=self.execution_role,
                artifact_bucket=storage.artifact_bucket,
                encryption_key=storage.encryption_key,
                additional_key_arns=settings.additional_key_arns,
                assets=list(assets.values()),
                model_package_group_name=_group_name(compiled),
                registration_function=self.registration_function,
                readable_s3_uris=list(readable_s3_uris(configs)),
                writable_s3_uris=list(writable_s3_uris(configs, settings)),
            )
        )
        CfnOutput(self, "PipelineName", value=self.pipeline.pipeline_name)

    def _upload(self, files: ReleaseFiles) -> dict[str, s3_assets.Asset]:
        """Make an asset of each file, by the name of its variable in the definition."""
        contents = {
            "PackagingScript": ("package_model.py", files.packaging_script),
            "VerificationScript": ("verify_model.py", files.verification_script),
            "InferenceCode": ("inference_code.tar.gz", files.inference_code),
            "TrainingCode": ("training_code.tar.gz", files.training_code),
            "SamplePayload": ("sample_payload.tar.gz", files.sample_payload),
            "RegistrationRequest": ("registration.json", files.registration_request),
        }
        assets = {}
        # CDK copies the files at once, so the folder need not outlive this.
        with tempfile.TemporaryDirectory() as folder:
            for name, (file_name, content) in contents.items():
                if content is not None:
                    path = Path(folder) / file_name
                    path.write_bytes(content)
                    assets[name] = s3_assets.Asset(self, name, path=str(path))
        return assets

    def _create_registration_function(
        self,
        settings: Settings,
        compiled: CompiledPipeline,
        storage: StorageStack,
    ) -> RegistrationFunction:
        return RegistrationFunction(
            self,
            "RegistrationFunction",
            settings=settings,
            requests=list(compiled.registration_requests.values()),
            artifact_bucket=storage.artifact_bucket,
            encryption_key=storage.encryption_key,
        )

    def _registry_variables(self, settings: Settings, compiled: CompiledPipeline) -> dict[str, str]:
        variables = {"RegistrationFunctionArn": self.registration_function.function.function_arn}
        for code in _other_regions(settings, compiled):
            region = code.aws_region
            variables[f"RegistryBucketName{code}"] = settings.registry_bucket_name(
                Aws.ACCOUNT_ID, region
            )
            variables[f"RegistryKeyArn{code}"] = (
                f"arn:{Aws.PARTITION}:kms:{region}:{Aws.ACCOUNT_ID}:{settings.registry_key_alias}"
            )
        return variables


def _asset_variables(assets: Mapping[str, s3_assets.Asset]) -> dict[str, str]:
    any_asset = next(iter(assets.values()))
    keys = {f"{name}Key": asset.s3_object_key for name, asset in assets.items()}
    return {"AssetBucketName": any_asset.s3_bucket_name, **keys}


def _group_name(compiled: CompiledPipeline) -> str:
    return next(iter(compiled.registration_requests.values())).model_package_group_name


def _other_regions(settings: Settings, compiled: CompiledPipeline) -> list[RegionCode]:
    return [code for code in compiled.registration_requests if code != settings.home_code]
