"""The serving of one pipeline's approved versions: its roles, and the workflow that deploys them.

The endpoints themselves, their configurations and their models are made by deployments: an update
by CloudFormation would replace and delete what a rollback needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from constructs_lib.deployment.settings import (
    ServingPlace,
    deployment_settings,
    endpoint_instance_type,
    endpoint_name,
    endpoint_of,
    lead_region,
    serving_waves,
)
from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION, s3_arn
from constructs_lib.infrastructure.iam.deployment_permissions import DeploymentPermissions
from constructs_lib.infrastructure.iam.serving_permissions import (
    KeyAccess,
    ServedPipeline,
    ServedRegion,
)
from constructs_lib.infrastructure.serving.approvals import ApprovalTrigger
from constructs_lib.infrastructure.serving.function import DeploymentFunction
from constructs_lib.infrastructure.serving.guard import EndpointGuard
from constructs_lib.infrastructure.serving.machine import DeploymentMachine
from constructs_lib.infrastructure.serving.names import workflow_name
from constructs_lib.infrastructure.serving.roles import serving_role
from constructs_lib.regions import RegionCode
from constructs_lib.service_model.instances import has_local_storage
from constructs_lib.settings import Settings
from stacks.pipeline import PipelineRelease
from stacks.storage import StorageStack


class ServingStack(Stack):
    """The workflow of one pipeline's deployments, and the roles of its endpoints."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        folder: str,
        release: PipelineRelease,
        storage: StorageStack,
        **kwargs: Any,
    ) -> None:
        """Create the roles, the function, the workflow, what starts it, and the guard.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            folder: What commands call the pipeline.
            release: The pipeline; its config has a section ``Endpoint``.
            storage: Where released artifacts are at home.
            kwargs: ``aws_cdk.Stack`` properties.

        Raises:
            WorkflowNameError: The pipeline's name is too long.
        """
        super().__init__(scope, construct_id, **kwargs)
        self._settings = settings
        self._release = release
        self._storage = storage
        self._topic_arn = self._topic()
        self.pipeline = self._served_pipeline()
        self._role_arns = self._create_serving_roles()
        self.deployment_function = self._create_function()
        self.workflow = DeploymentMachine(
            self,
            "Workflow",
            settings=self._deployment_settings(),
            function=self.deployment_function.function,
            log_options=storage.log_options,
        )
        self._start_on_approval()
        self._guard(folder)
        self._tell_names()

    def _tell_names(self) -> None:
        CfnOutput(self, "WorkflowArn", value=self.workflow.machine.state_machine_arn)
        CfnOutput(self, "WorkflowName", value=workflow_name(self.pipeline.pipeline_name))
        CfnOutput(self, "EndpointName", value=self.pipeline.endpoint_name)

    def _topic(self) -> str | None:
        settings = self._settings
        if settings.notifications is None:
            return None
        return f"arn:{PARTITION}:sns:{settings.home_region}:{ACCOUNT}:{settings.topic_name}"

    @property
    def starts_on_approval(self) -> bool:
        """Whether an approval starts a deployment."""
        return endpoint_of(self._release.configs).deploy_on == "approval"

    @property
    def regions(self) -> list[RegionCode]:
        """Where it is served, in the order of the registration regions."""
        served = {region for wave in serving_waves(self._release.configs) for region in wave}
        requests = self._release.compiled.registration_requests
        return [code for code in requests if code.aws_region in served]

    def standing_alarms(self) -> list[str]:
        """Name the alarms that deployments leave behind in each region that is served."""
        # Here: an app that tells nobody of them starts without boto3.
        from constructs_lib.jobs.deploy_model.guardrails.standing import standing_requests

        requests = standing_requests(self._deployment_settings())
        return [request["AlarmName"] for request in requests]

    def _served_pipeline(self) -> ServedPipeline:
        configs = self._release.configs
        endpoint = endpoint_of(configs)
        regions = [self._served_region(code) for code in self.regions]
        served = [each.aws_region for each in regions]
        lead = lead_region(configs, self._settings.home_region)
        request = next(iter(self._release.compiled.registration_requests.values()))
        return ServedPipeline(
            pipeline_name=self._release.compiled.name,
            endpoint_name=endpoint_name(configs),
            model_package_group_name=request.model_package_group_name,
            regions=regions,
            version_regions=served if lead in served else [*served, lead],
            encrypts_volumes=not has_local_storage(endpoint_instance_type(configs)),
            captures_data=endpoint.data_capture_percentage > 0,
            scales=endpoint.max_instance_count is not None,
            alarm_names=tuple(endpoint.alarm_names or ()),
        )

    def _served_region(self, code: RegionCode) -> ServedRegion:
        region = code.aws_region
        artifacts = self._storage.artifacts
        if region == self._settings.home_region:
            bucket_arn = artifacts.bucket_arn
            keys = KeyAccess(arns=artifacts.key_arns, conditions={})
        else:
            bucket_arn = s3_arn(self._settings.registry_bucket_name(ACCOUNT, region))
            keys = KeyAccess.by_alias(region, self._settings.registry_key_alias)
        return ServedRegion(
            aws_region=region,
            image_uri=self._release.compiled.registration_requests[code].image_uri,
            bucket_arn=bucket_arn,
            keys=keys,
        )

    def _create_serving_roles(self) -> Mapping[str, str]:
        """Create a role per region; returns their ARNs by the AWS region."""
        return {
            region.aws_region: serving_role(
                self, f"ServingRole-{code}", pipeline=self.pipeline, region=region
            ).role_arn
            for code, region in zip(self.regions, self.pipeline.regions, strict=True)
        }

    def _create_function(self) -> DeploymentFunction:
        name = workflow_name(self.pipeline.pipeline_name)
        home = self._settings.home_region
        return DeploymentFunction(
            self,
            "Deployment",
            permissions=DeploymentPermissions(
                pipeline=self.pipeline,
                home_region=home,
                home_keys=self._storage.artifacts.key_arns,
                elsewhere_alias=self._settings.registry_key_alias,
                serving_role_arns=list(self._role_arns.values()),
                # By name: the workflow refers to the function.
                workflow_arn=f"arn:{PARTITION}:states:{home}:{ACCOUNT}:stateMachine:{name}",
                topic_arn=self._topic_arn,
                topic_key_arn=self._storage.artifacts.key_arn,
            ),
            log_options=self._storage.log_options,
        )

    def _deployment_settings(self) -> dict[str, Any]:
        return deployment_settings(
            self._release.configs,
            home_region=self._settings.home_region,
            places={region: self._place(region) for region in self._role_arns},
            topic_arn=self._topic_arn,
        )

    def _place(self, region: str) -> ServingPlace:
        settings, role_arn = self._settings, self._role_arns[region]
        if region == settings.home_region:
            return ServingPlace(
                role_arn=role_arn,
                key_arn=self._storage.artifacts.key_arn,
                bucket_name=self._storage.artifact_bucket_name,
            )
        return ServingPlace(
            role_arn=role_arn,
            key_arn=f"arn:{PARTITION}:kms:{region}:{ACCOUNT}:{settings.registry_key_alias}",
            bucket_name=settings.registry_bucket_name(ACCOUNT, region),
        )

    def _start_on_approval(self) -> None:
        if self.starts_on_approval:
            ApprovalTrigger(
                self,
                "ApprovalTrigger",
                pipeline=self.pipeline,
                workflow_arn=self.workflow.machine.state_machine_arn,
                log_options=self._storage.log_options,
            )

    def _guard(self, folder: str) -> None:
        others = list(self.node.children)
        guard = EndpointGuard(
            self,
            "Guard",
            pipeline=self.pipeline,
            folder=folder,
            log_options=self._storage.log_options,
        )
        guard.is_deleted_before([each for each in others if isinstance(each, Construct)])
