"""The function that load-tests registered models, and the roles of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from constructs_lib.infrastructure.dead_letters import keep_dead_letters
from constructs_lib.infrastructure.event_function import EventFunction
from constructs_lib.infrastructure.iam.arns import StackArns
from constructs_lib.infrastructure.iam.load_test_permissions import WILDCARDS, LoadTestPermissions
from constructs_lib.infrastructure.iam.policies import (
    Statement,
    grant,
    service_for_this_account,
)
from constructs_lib.infrastructure.iam.released_artifacts import ReleasedArtifacts
from constructs_lib.infrastructure.iam.request_conditions import AllowedNetwork
from constructs_lib.infrastructure.job_function import FunctionSpec, PermissionSet
from constructs_lib.infrastructure.log_groups import LogOptions
from constructs_lib.language.canonical import canonical
from constructs_lib.registration.load_test_request import job_name_prefix, load_test_request
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.service_model.instances import has_local_storage


@dataclass(frozen=True, kw_only=True)
class EndpointNetwork:
    """Where tested endpoints run."""

    subnet_ids: Sequence[str]
    security_group_id: str


class LoadTestFunction(Construct):
    """Starts an Inference Recommender job for a version, and records its result on the version."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        request: RegistrationRequest,
        network: EndpointNetwork,
        artifacts: ReleasedArtifacts,
        log_options: LogOptions,
    ) -> None:
        """Create the function, the role of the jobs, and the group and role of the schedules.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            request: What is registered in the home region.
            network: Where the tested endpoints run, as isolated as the pipeline's jobs.
            artifacts: What is tested; its key encrypts the endpoints' volumes, too.
            log_options: How the function's logs are kept.

        Raises:
            LoadTestRequestError: Inference Recommender would refuse the test.
        """
        super().__init__(scope, construct_id)
        self._request = request
        self._volume_key_arn = artifacts.key_arn if _has_volumes(request) else None
        permissions = self._permissions(artifacts, network)
        self.job_role = self._role("JobRole", "sagemaker.amazonaws.com", "Runs load tests")
        grant(self.job_role, permissions.of_job(self.job_role), wildcards=WILDCARDS)
        self.schedule_role = self._role(
            "ScheduleRole", "scheduler.amazonaws.com", "Looks at load tests"
        )
        events = self._create_function(permissions, network, log_options)
        self.function, self.dead_letters = events.function, events.dead_letters
        self.function.add_environment("DEAD_LETTERS_ARN", self.dead_letters.queue_arn)
        self._let_schedules_call()

    def _permissions(
        self, artifacts: ReleasedArtifacts, network: EndpointNetwork
    ) -> LoadTestPermissions:
        return LoadTestPermissions(
            arns=StackArns(Stack.of(self)),
            pipeline_name=self._request.pipeline_name,
            model_package_group_name=self._request.model_package_group_name,
            image_uri=self._request.image_uri,
            job_name_prefix=job_name_prefix(self._request.model_package_group_name),
            artifacts=artifacts,
            network=AllowedNetwork(
                subnet_ids=network.subnet_ids, security_group_ids=[network.security_group_id]
            ),
            volume_key_arn=self._volume_key_arn,
        )

    def _create_function(
        self, permissions: LoadTestPermissions, network: EndpointNetwork, log_options: LogOptions
    ) -> EventFunction:
        schedules = scheduler.CfnScheduleGroup(self, "Schedules")
        return EventFunction(
            self,
            "LoadTest",
            spec=FunctionSpec(
                script="load_test.py",
                description=f"Load-tests the registered versions of {self._request.pipeline_name}",
                environment={
                    **_test(self._request),
                    **_place(network, self._volume_key_arn),
                    "JOB_ROLE_ARN": self.job_role.role_arn,
                    "SCHEDULE_ROLE_ARN": self.schedule_role.role_arn,
                    "SCHEDULE_GROUP": schedules.ref,
                },
            ),
            permissions=PermissionSet(
                statements=permissions.of_function(
                    job_role=self.job_role,
                    schedule_role=self.schedule_role,
                    schedule_group=schedules.ref,
                ),
                wildcards=WILDCARDS,
            ),
            log_options=log_options,
        )

    def _role(self, construct_id: str, service: str, description: str) -> iam.Role:
        return iam.Role(
            self,
            construct_id,
            assumed_by=service_for_this_account(service),
            description=f"{description} of {self._request.pipeline_name}",
        )

    def _let_schedules_call(self) -> None:
        statements = [
            Statement(
                sid="LookAgain",
                actions=["lambda:InvokeFunction"],
                resources=[self.function.function_arn],
            ),
            keep_dead_letters(self.dead_letters),
        ]
        grant(self.schedule_role, statements, wildcards={})


def _test(request: RegistrationRequest) -> dict[str, str]:
    """Say what is tested, as ``jobs/load_test.py`` reads it."""
    arguments = load_test_request(request)
    return {
        "LOAD_TEST_REQUEST": canonical(arguments),
        "JOB_NAME_PREFIX": job_name_prefix(request.model_package_group_name),
    }


def _place(network: EndpointNetwork, volume_key_arn: str | None) -> dict[str, str]:
    """Say where the tested endpoints run."""
    return {
        "SUBNET_IDS": ",".join(network.subnet_ids),
        "SECURITY_GROUP_ID": network.security_group_id,
        **({"VOLUME_KEY_ARN": volume_key_arn} if volume_key_arn else {}),
    }


def _has_volumes(request: RegistrationRequest) -> bool:
    """Tell whether a key can be named: SageMaker refuses one beside a type with own disks.

    Such disks are encrypted in hardware. One request names one key, for all types it tests.
    """
    return not any(map(has_local_storage, request.inference_instance_types))
