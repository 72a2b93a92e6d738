"""The function that load-tests registered models, and the roles of the tests."""

from __future__ import annotations

import json

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from constructs_lib.infrastructure.event_function import EventFunction
from constructs_lib.infrastructure.iam.arns import ACCOUNT, StackArns
from constructs_lib.infrastructure.iam.load_test_permissions import WILDCARDS, LoadTestPermissions
from constructs_lib.infrastructure.iam.policies import Statement, grant
from constructs_lib.registration.load_test_request import job_name_prefix, load_test_request
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.settings import Settings
from stacks.network import NetworkStack


class LoadTestFunction(Construct):
    """Starts an Inference Recommender job for a version, and records its result on the version."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        request: RegistrationRequest,
        network: NetworkStack,
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey,
    ) -> None:
        """Create the function, the role of the jobs, and the group and role of the schedules.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            settings: The app's settings.
            request: What is registered in the home region.
            network: Where the tested endpoints run, as isolated as the pipeline's jobs.
            artifact_bucket: Where released artifacts are.
            encryption_key: Key of ``artifact_bucket``, of the logs and of the endpoints' volumes.

        Raises:
            LoadTestRequestError: Inference Recommender would refuse the test.
        """
        super().__init__(scope, construct_id)
        self._pipeline_name = request.pipeline_name
        permissions = LoadTestPermissions(
            request=request,
            arns=StackArns(Stack.of(self)),
            artifact_bucket=artifact_bucket,
            encryption_key=encryption_key,
            additional_key_arns=settings.additional_key_arns,
        )
        self.job_role = self._role("JobRole", "sagemaker.amazonaws.com", "Runs load tests")
        grant(self.job_role, permissions.of_job(self.job_role), wildcards=WILDCARDS)
        self.schedule_role = self._role(
            "ScheduleRole", "scheduler.amazonaws.com", "Looks at load tests"
        )
        schedules = scheduler.CfnScheduleGroup(self, "Schedules")
        events = EventFunction(
            self,
            "LoadTest",
            settings=settings,
            script="load_test.py",
            description=f"Load-tests the registered versions of {request.pipeline_name}",
            encryption_key=encryption_key,
            environment={
                **_test(request),
                **_place(network, encryption_key if permissions.has_volumes() else None),
                "JOB_ROLE_ARN": self.job_role.role_arn,
                "SCHEDULE_ROLE_ARN": self.schedule_role.role_arn,
                "SCHEDULE_GROUP": schedules.ref,
            },
            statements=permissions.of_function(
                job_role=self.job_role,
                schedule_role=self.schedule_role,
                schedule_group=schedules.ref,
            ),
            wildcards=WILDCARDS,
        )
        self.function, self.dead_letters = events.function, events.dead_letters
        self.function.add_environment("DEAD_LETTERS_ARN", self.dead_letters.queue_arn)
        self._let_schedules_call()

    def _role(self, construct_id: str, service: str, description: str) -> iam.Role:
        return iam.Role(
            self,
            construct_id,
            # Not for the service on behalf of another account.
            assumed_by=iam.ServicePrincipal(
                service, conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT}}
            ),
            description=f"{description} of {self._pipeline_name}",
        )

    def _let_schedules_call(self) -> None:
        statements = [
            Statement(
                sid="LookAgain",
                actions=["lambda:InvokeFunction"],
                resources=[self.function.function_arn],
            ),
            Statement(
                sid="KeepDeadLetters",
                actions=["sqs:SendMessage"],
                resources=[self.dead_letters.queue_arn],
            ),
        ]
        grant(self.schedule_role, statements, wildcards={})


def _test(request: RegistrationRequest) -> dict[str, str]:
    """Say what is tested, as ``jobs/load_test.py`` reads it."""
    arguments = load_test_request(request)
    return {
        "LOAD_TEST_REQUEST": json.dumps(arguments, sort_keys=True, separators=(",", ":")),
        "JOB_NAME_PREFIX": job_name_prefix(request.model_package_group_name),
    }


def _place(network: NetworkStack, volume_key: kms.IKey | None) -> dict[str, str]:
    """Say where the tested endpoints run."""
    return {
        "SUBNET_IDS": ",".join(network.subnet_ids),
        "SECURITY_GROUP_ID": network.security_group_id,
        **({"VOLUME_KEY_ARN": volume_key.key_arn} if volume_key else {}),
    }
