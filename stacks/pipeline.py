"""One pipeline: its assets, its roles, and the pipeline itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.infrastructure.assets import file_asset
from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.iam.data_locations import readable_s3_uris, writable_s3_uris
from constructs_lib.infrastructure.iam.permissions import PipelineResources, grant_execution
from constructs_lib.infrastructure.registration_function import RegistrationFunction
from constructs_lib.pipeline import SageMakerPipeline
from constructs_lib.regions import RegionCode
from constructs_lib.release.files import ReleaseFiles
from constructs_lib.settings import Settings
from stacks.network import NetworkStack
from stacks.storage import StorageStack

if TYPE_CHECKING:
    from constructs_lib.infrastructure.load_test import LoadTestFunction

# Not on behalf of another account.
_SAGEMAKER: Final = iam.ServicePrincipal(
    "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT}}
)


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
        asset_bucket_name = next(iter(assets.values())).s3_bucket_name
        asset_keys = {name: asset.s3_object_key for name, asset in assets.items()}
        self.registration_function = self._create_registration_function(settings, compiled, storage)
        self.load_test_function = self._create_load_test_function(
            settings, configs, compiled, network, storage
        )
        self.execution_role = self._create_execution_role(compiled)
        self.pipeline = SageMakerPipeline(
            self,
            "Pipeline",
            pipeline_name=compiled.name,
            description=configs.base.pipeline_description,
            definition_body=compiled.body,
            variables={
                **self._shared_variables(network, storage),
                "AssetBucketName": asset_bucket_name,
                **{f"{name}Key": key for name, key in asset_keys.items()},
                **self._registry_variables(settings, compiled),
                **self._load_test_variables(),
            },
            role=self.execution_role,
        )
        grant_execution(
            PipelineResources(
                arns=storage.arns,
                pipeline_name=compiled.name,
                definition=compiled.definition,
                role=self.execution_role,
                artifact_bucket_arn=storage.artifact_bucket_arn,
                encryption_key_arn=storage.encryption_key_arn,
                additional_key_arns=settings.additional_key_arns,
                asset_bucket_name=asset_bucket_name,
                asset_keys=list(asset_keys.values()),
                model_package_group_name=_group_name(compiled),
                function_arns=[each.function.function_arn for each in self._functions()],
                readable_s3_uris=list(readable_s3_uris(configs)),
                writable_s3_uris=list(writable_s3_uris(configs, settings)),
            )
        )
        CfnOutput(self, "PipelineName", value=self.pipeline.pipeline_name)

    def _create_execution_role(self, compiled: CompiledPipeline) -> iam.Role:
        return iam.Role(
            self,
            "ExecutionRole",
            assumed_by=_SAGEMAKER,
            description=f"Runs the steps of {compiled.name}",
        )

    def _shared_variables(self, network: NetworkStack, storage: StorageStack) -> dict[str, str]:
        return {
            "ExecutionRoleName": self.execution_role.role_name,
            "ArtifactBucketName": storage.artifact_bucket_name,
            "EncryptionKeyArn": storage.encryption_key_arn,
            "SubnetId": network.subnet_ids[0],
            "SecurityGroupId": network.security_group_id,
        }

    def _upload(self, files: ReleaseFiles) -> dict[str, s3_assets.Asset]:
        """Make an asset of each file, by the name of its variable in the definition."""
        contents = {
            "PackagingScript": (files.packaging_script_name, files.packaging_script),
            "VerificationScript": ("verify_model.zip", files.verification_script),
            "InferenceCode": ("inference_code.tar.gz", files.inference_code),
            "TrainingCode": ("training_code.tar.gz", files.training_code),
            "SamplePayload": ("sample_payload.tar.gz", files.sample_payload),
            "RegistrationRequest": ("registration.json", files.registration_request),
        }
        return {
            name: file_asset(self, name, name=file_name, content=content)
            for name, (file_name, content) in contents.items()
            if content is not None
        }

    def _functions(self) -> list[RegistrationFunction | LoadTestFunction]:
        return [
            self.registration_function,
            *([self.load_test_function] if self.load_test_function else []),
        ]

    def _create_load_test_function(
        self,
        settings: Settings,
        configs: PipelineConfigs,
        compiled: CompiledPipeline,
        network: NetworkStack,
        storage: StorageStack,
    ) -> LoadTestFunction | None:
        request = compiled.registration_requests.get(settings.home_code)
        if request is None or not configs.payload.load_test_in_aws:
            return None
        # Here: an app that does not use it starts without what it imports.
        from constructs_lib.infrastructure.load_test import LoadTestFunction

        return LoadTestFunction(
            self,
            "LoadTest",
            settings=settings,
            request=request,
            network=network,
            artifact_bucket=storage.artifact_bucket,
            encryption_key=storage.encryption_key,
        )

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
            storage=storage,
        )

    def _load_test_variables(self) -> dict[str, str]:
        if self.load_test_function is None:
            return {}
        return {"LoadTestFunctionArn": self.load_test_function.function.function_arn}

    def _registry_variables(self, settings: Settings, compiled: CompiledPipeline) -> dict[str, str]:
        variables = {"RegistrationFunctionArn": self.registration_function.function.function_arn}
        for code in _other_regions(settings, compiled):
            region = code.aws_region
            variables[f"RegistryBucketName{code}"] = settings.registry_bucket_name(ACCOUNT, region)
            variables[f"RegistryKeyArn{code}"] = (
                f"arn:{PARTITION}:kms:{region}:{ACCOUNT}:{settings.registry_key_alias}"
            )
        return variables


def _group_name(compiled: CompiledPipeline) -> str:
    return next(iter(compiled.registration_requests.values())).model_package_group_name


def _other_regions(settings: Settings, compiled: CompiledPipeline) -> list[RegionCode]:
    return [code for code in compiled.registration_requests if code != settings.home_code]
