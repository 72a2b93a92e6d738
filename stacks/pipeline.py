"""One pipeline: its assets, its roles, and the pipeline itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.deploy_time_values import variable_of_region
from constructs_lib.infrastructure.assets import FileAsset, file_asset
from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.iam.data_locations import readable_s3_uris, writable_s3_uris
from constructs_lib.infrastructure.iam.job_permissions import grant_jobs
from constructs_lib.infrastructure.iam.permissions import grant_execution
from constructs_lib.infrastructure.iam.pipeline_resources import PipelineResources
from constructs_lib.infrastructure.iam.policies import service_for_this_account
from constructs_lib.infrastructure.iam.registration_permissions import RegistrationPermissions
from constructs_lib.infrastructure.iam.request_conditions import AllowedNetwork
from constructs_lib.infrastructure.registration_function import RegistrationFunction
from constructs_lib.pipeline import SageMakerPipeline
from constructs_lib.release.files import ReleaseFiles
from constructs_lib.settings import Settings
from stacks.network import JobNetwork
from stacks.storage import StorageStack

if TYPE_CHECKING:
    from constructs_lib.infrastructure.load_test import LoadTestFunction

_SAGEMAKER: Final = service_for_this_account("sagemaker.amazonaws.com")


@dataclass(frozen=True, kw_only=True)
class PipelineRelease:
    """One model's pipeline, as it is to be deployed."""

    configs: PipelineConfigs
    compiled: CompiledPipeline
    """The pipeline compiled from them."""
    files: ReleaseFiles
    """The files released with it."""


@dataclass(frozen=True, kw_only=True)
class _AssetLocations:
    """Where the released files are uploaded to."""

    bucket_name: str
    prefix: str
    keys: Mapping[str, str]
    """Below the prefix, by the name of the file's variable in the definition, without ``Key``."""


class PipelineStack(Stack):
    """The release pipeline of one model."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        release: PipelineRelease,
        network: JobNetwork,
        storage: StorageStack,
        **kwargs: Any,
    ) -> None:
        """Create the pipeline and what only it needs.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            release: The pipeline and its files.
            network: Where jobs run.
            storage: Where models are.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        # Executions of an earlier definition go on reading their own files after a deployment: the
        # role may read all that ever was below the prefix, and nothing of other pipelines.
        synthesizer = DefaultStackSynthesizer(bucket_prefix=f"{construct_id}/")
        super().__init__(scope, construct_id, synthesizer=synthesizer, **kwargs)
        self._settings = settings
        self._release = release
        self._network = network
        self._storage = storage
        assets = _locations(construct_id, self._upload(release.files))
        self._registration_function_arn = self._create_registration_function().function.function_arn
        self.load_test_function = self._create_load_test_function()
        self.execution_role = self._create_role("ExecutionRole", "Runs the steps")
        self.job_role = self._create_role("JobRole", "Runs the jobs and models")
        self.pipeline = self._create_pipeline(assets)
        resources = self._resources(assets)
        grant_execution(resources)
        grant_jobs(resources)
        CfnOutput(self, "PipelineName", value=self.pipeline.pipeline_name)

    def _upload(self, files: ReleaseFiles) -> dict[str, FileAsset]:
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

    def _create_registration_function(self) -> RegistrationFunction:
        settings = self._settings
        requests = list(self._release.compiled.registration_requests.values())
        return RegistrationFunction(
            self,
            "RegistrationFunction",
            permissions=RegistrationPermissions(
                requests=requests,
                home_region=settings.home_region,
                artifacts=self._storage.artifacts,
                registry_buckets={
                    each.aws_region: settings.registry_bucket_name(ACCOUNT, each.aws_region)
                    for each in requests
                },
                model_approval_status=settings.model_approval_status,
                registry_key_alias=settings.registry_key_alias,
                additional_s3_prefixes=settings.additional_s3_prefixes,
            ),
            log_options=self._storage.log_options,
        )

    def _create_load_test_function(self) -> LoadTestFunction | None:
        request = self._release.compiled.registration_requests.get(self._settings.home_code)
        if request is None or not self._release.configs.payload.load_test_in_aws:
            return None
        # Here: an app that does not use it starts without what it imports.
        from constructs_lib.infrastructure.load_test import EndpointNetwork, LoadTestFunction

        return LoadTestFunction(
            self,
            "LoadTest",
            request=request,
            network=EndpointNetwork(
                subnet_ids=self._network.subnet_ids,
                security_group_id=self._network.load_test_security_group_id,
            ),
            artifacts=self._storage.artifacts,
            log_options=self._storage.log_options,
        )

    def _create_role(self, construct_id: str, description: str) -> iam.Role:
        return iam.Role(
            self,
            construct_id,
            assumed_by=_SAGEMAKER,
            description=f"{description} of {self._release.compiled.name}",
        )

    def _create_pipeline(self, assets: _AssetLocations) -> SageMakerPipeline:
        return SageMakerPipeline(
            self,
            "Pipeline",
            pipeline_name=self._release.compiled.name,
            description=self._release.configs.base.pipeline_description,
            definition_body=self._release.compiled.body,
            variables={
                **self._shared_variables(),
                "AssetBucketName": assets.bucket_name,
                "AssetPrefix": assets.prefix,
                **{f"{name}Key": key for name, key in assets.keys.items()},
                **self._registry_variables(),
                **self._load_test_variables(),
            },
            role=self.execution_role,
        )

    def _shared_variables(self) -> dict[str, str]:
        return {
            "JobRoleName": self.job_role.role_name,
            "ArtifactBucketName": self._storage.artifact_bucket_name,
            "EncryptionKeyArn": self._storage.artifacts.key_arn,
            "SubnetId": self._network.subnet_ids[0],
            "SecurityGroupId": self._network.security_group_id,
        }

    def _registry_variables(self) -> dict[str, str]:
        settings = self._settings
        variables = {"RegistrationFunctionArn": self._registration_function_arn}
        for code in self._release.compiled.registration_requests:
            if code != settings.home_code:
                region = code.aws_region
                bucket = settings.registry_bucket_name(ACCOUNT, region)
                variables[variable_of_region("RegistryBucketName", code)] = bucket
                variables[variable_of_region("RegistryKeyArn", code)] = (
                    f"arn:{PARTITION}:kms:{region}:{ACCOUNT}:{settings.registry_key_alias}"
                )
        return variables

    def _load_test_variables(self) -> dict[str, str]:
        if self.load_test_function is None:
            return {}
        return {"LoadTestFunctionArn": self.load_test_function.function.function_arn}

    def _resources(self, assets: _AssetLocations) -> PipelineResources:
        """Name what the steps use, for the roles of the pipeline and of its jobs."""
        release, settings, artifacts = self._release, self._settings, self._storage.artifacts
        function_arns = [self._registration_function_arn]
        if self.load_test_function is not None:
            function_arns.append(self.load_test_function.function.function_arn)
        return PipelineResources(
            arns=self._storage.arns,
            pipeline_name=release.compiled.name,
            definition=release.compiled.definition,
            role=self.execution_role,
            job_role=self.job_role,
            network=self._allowed_network(),
            artifact_bucket_arn=artifacts.bucket_arn,
            encryption_key_arn=artifacts.key_arn,
            additional_key_arns=artifacts.additional_key_arns,
            asset_bucket_name=assets.bucket_name,
            asset_prefix=assets.prefix,
            function_arns=function_arns,
            readable_s3_uris=list(readable_s3_uris(release.configs)),
            writable_s3_uris=list(
                writable_s3_uris(release.configs, settings.additional_s3_prefixes)
            ),
            temporary_s3_uris=settings.additional_s3_prefixes,
        )

    def _allowed_network(self) -> AllowedNetwork:
        network, settings = self._network, self._settings
        return AllowedNetwork(
            subnet_ids=[*network.subnet_ids, *settings.additional_subnet_ids],
            security_group_ids=[
                network.security_group_id,
                *settings.additional_security_group_ids,
            ],
        )


def _locations(prefix: str, assets: Mapping[str, FileAsset]) -> _AssetLocations:
    return _AssetLocations(
        bucket_name=next(iter(assets.values())).asset.s3_bucket_name,  # of all of them
        prefix=prefix,
        keys={name: each.name for name, each in assets.items()},
    )
