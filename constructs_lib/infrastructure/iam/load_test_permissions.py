"""What a load test may do: its function, the job that it starts, and the schedule of its looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import aws_iam as iam

from constructs_lib.arns import arn_names
from constructs_lib.infrastructure.iam.arns import StackArns
from constructs_lib.infrastructure.iam.images import encrypt_volumes, publish_metrics, pull_image
from constructs_lib.infrastructure.iam.network_statements import (
    load_test_network_statements,
)
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.iam.released_artifacts import ReleasedArtifacts, released_objects
from constructs_lib.infrastructure.iam.request_conditions import (
    AllowedNetwork,
    listing,
    without_approval,
)
from constructs_lib.s3_layout import registered_prefixes

_SERVICE: Final = "The service names what it creates for a test"
WILDCARDS: Final = {
    "Test": "Jobs are named after the versions of this pipeline's model package group",
    "ReadVersions": "The versions of this pipeline's own model package group",
    "LookAgain": "One schedule per running test, in this function's own group",
    "RecordResult": "The versions of this pipeline's own model package group",
    "CreateModels": _SERVICE,
    "ConfigureEndpoints": _SERVICE,
    "RunEndpoints": _SERVICE,
    "ReadRelease": "Objects under the prefixes of this pipeline's releases",
    "LogIn": "The API knows no resource",
    "Measure": "The API knows no resource; the namespace limits it",
    "FindNetwork": "EC2's Describe actions know no resource",
    "AttachToNetwork": "The guide of Inference Recommender in a VPC asks for all of them",
    "WriteLogs": _SERVICE,
}
"""Why resources of these statements cannot be named in full."""


@dataclass(frozen=True, kw_only=True)
class LoadTestPermissions:
    """The statements of the three roles of a load test."""

    arns: StackArns
    pipeline_name: str
    model_package_group_name: str
    """The group whose versions are tested."""
    image_uri: str
    """Serving image of those versions."""
    job_name_prefix: str
    """What the names of the jobs begin with."""
    artifacts: ReleasedArtifacts
    network: AllowedNetwork
    """Where tested endpoints may run."""
    volume_key_arn: str | None
    """KMS key of the endpoints' volumes; None: their disks are encrypted in hardware."""

    def of_function(
        self, *, job_role: iam.Role, schedule_role: iam.Role, schedule_group: str
    ) -> list[Statement]:
        """Start tests, look at them again, and record what they found."""
        return [
            Statement(
                sid="Test",
                actions=[
                    "sagemaker:CreateInferenceRecommendationsJob",
                    "sagemaker:DescribeInferenceRecommendationsJob",
                ],
                resources=[
                    self.arns.arn("sagemaker", f"inference-recommendations-job/{prefix}-*")
                    for prefix in arn_names(self.job_name_prefix)
                ],
            ),
            self._read_versions(),
            Statement(
                sid="RecordResult",
                actions=["sagemaker:UpdateModelPackage"],
                resources=self._versions(),
                conditions=without_approval(),
            ),
            Statement(
                sid="LookAgain",
                actions=["scheduler:CreateSchedule", "scheduler:DeleteSchedule"],
                resources=[self.arns.arn("scheduler", f"schedule/{schedule_group}/*")],
            ),
            _pass_role("PassJobRole", job_role, "sagemaker.amazonaws.com"),
            _pass_role("PassScheduleRole", schedule_role, "scheduler.amazonaws.com"),
        ]

    def of_job(self, role: iam.Role) -> list[Statement]:
        """Run endpoints of the version in the network, and measure them.

        Source: Amazon SageMaker Developer Guide, "Prerequisites for using Amazon SageMaker
        Inference Recommender" and "Give Inference Recommender Jobs Access to Resources in Your
        Amazon VPC".
        """
        return [
            *self._run_endpoints(),
            self._read_versions(),
            _pass_role("PassItself", role, "sagemaker.amazonaws.com"),
            *self._read_release(),
            *pull_image(self.image_uri),
            *load_test_network_statements(),
            publish_metrics(),
            self._write_logs(),
        ]

    def _run_endpoints(self) -> Iterator[Statement]:
        kinds = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}
        arns = {kind: self.arns.arn("sagemaker", f"{name}/*") for kind, name in kinds.items()}
        yield Statement(
            sid="CreateModels",
            actions=["sagemaker:CreateModel"],
            resources=[arns["Model"]],
            conditions=self.network.required(isolated=False),
        )
        yield Statement(
            # Its request names a network for inference components only: others have their model's.
            sid="ConfigureEndpoints",
            actions=["sagemaker:CreateEndpointConfig"],
            resources=[arns["EndpointConfig"]],
            conditions=self.network.where_named(),
        )
        yield Statement(
            sid="RunEndpoints",
            actions=[
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:InvokeEndpoint",
                *(f"sagemaker:{verb}{kind}" for kind in kinds for verb in ("Delete", "Describe")),
            ],
            resources=list(arns.values()),
        )

    def _read_versions(self) -> Statement:
        return Statement(
            sid="ReadVersions",
            actions=["sagemaker:DescribeModelPackage"],
            resources=self._versions(),
        )

    def _versions(self) -> list[str]:
        groups = arn_names(self.model_package_group_name)
        return [self.arns.arn("sagemaker", f"model-package/{group}/*") for group in groups]

    def _read_release(self) -> Iterator[Statement]:
        bucket_arn = self.artifacts.bucket_arn
        yield Statement(
            sid="ReadRelease",
            actions=["s3:GetObject"],
            resources=released_objects(bucket_arn, self.pipeline_name),
        )
        prefixes = registered_prefixes(self.pipeline_name)
        yield Statement(
            sid="FindRelease",
            actions=["s3:ListBucket"],
            resources=[bucket_arn],
            conditions=listing([f"{each}/*" for each in prefixes]),
        )
        yield Statement(
            sid="DecryptRelease", actions=["kms:Decrypt"], resources=self.artifacts.key_arns
        )
        if self.volume_key_arn is not None:
            yield encrypt_volumes("EncryptVolumes", [self.volume_key_arn])

    def _write_logs(self) -> Statement:
        return Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[
                self.arns.arn("logs", f"log-group:/aws/sagemaker/{kind}*")
                for kind in ("Endpoints", "InferenceRecommendationsJobs")
            ],
        )


def _pass_role(sid: str, role: iam.Role, service: str) -> Statement:
    conditions: dict[str, Any] = {"StringEquals": {"iam:PassedToService": service}}
    return Statement(
        sid=sid, actions=["iam:PassRole"], resources=[role.role_arn], conditions=conditions
    )
