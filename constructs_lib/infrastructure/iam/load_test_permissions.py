"""What a load test may do: its function, the job that it starts, and the schedule of its looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from constructs_lib.arns import arn_names
from constructs_lib.infrastructure.iam.arns import StackArns
from constructs_lib.infrastructure.iam.images import repository_arn
from constructs_lib.infrastructure.iam.network_statements import network_statements
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.registration_function import RELEASED_FOLDERS
from constructs_lib.registration.load_test_request import job_name_prefix
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.service_model.instances import has_local_storage

_SERVICE: Final = "The service names what it creates for a test"
WILDCARDS: Final = {
    "Test": "Jobs are named after the versions of this pipeline's model package group",
    "ReadVersions": "The versions of this pipeline's own model package group",
    "LookAgain": "One schedule per running test, in this function's own group",
    "RunEndpoints": _SERVICE,
    "ReadRelease": "Objects under the prefixes of this pipeline's releases",
    "LogIn": "The API knows no resource",
    "Measure": "The API knows no resource; the namespace limits it",
    "FindNetwork": "EC2's Describe actions know no resource",
    "AttachToNetwork": "EC2 makes the names of the network interfaces of an endpoint",
    "WriteLogs": _SERVICE,
}
"""Why resources of these statements cannot be named in full."""


@dataclass(frozen=True, kw_only=True)
class LoadTestPermissions:
    """The statements of the three roles of a load test."""

    request: RegistrationRequest
    arns: StackArns
    artifact_bucket: s3.IBucket
    encryption_key: kms.IKey
    additional_key_arns: Sequence[str]
    """Keys that executions may encrypt what they release with, instead of that one."""

    def of_function(
        self, *, job_role: iam.Role, schedule_role: iam.Role, schedule_group: str
    ) -> list[Statement]:
        """Start tests, look at them again, and record what they found."""
        prefixes = arn_names(job_name_prefix(self.request.model_package_group_name))
        return [
            Statement(
                sid="Test",
                actions=[
                    "sagemaker:CreateInferenceRecommendationsJob",
                    "sagemaker:DescribeInferenceRecommendationsJob",
                ],
                resources=[
                    self.arns.arn("sagemaker", f"inference-recommendations-job/{prefix}-*")
                    for prefix in prefixes
                ],
            ),
            self._read_versions("sagemaker:UpdateModelPackage"),
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
            self._run_endpoints(),
            self._read_versions(),
            _pass_role("PassItself", role, "sagemaker.amazonaws.com"),
            *self._read_release(),
            *self._pull_image(),
            *network_statements(self.arns, attach_sid="AttachToNetwork"),
            *self._observe(),
        ]

    def has_volumes(self) -> bool:
        """Tell whether a key can be named: SageMaker refuses one beside a type with own disks.

        Such disks are encrypted in hardware. One request names one key, for all types it tests.
        """
        return not any(map(has_local_storage, self.request.inference_instance_types))

    def _run_endpoints(self) -> Statement:
        kinds = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}
        return Statement(
            sid="RunEndpoints",
            actions=[
                "sagemaker:AddTags",
                "sagemaker:InvokeEndpoint",
                *(
                    f"sagemaker:{verb}{kind}"
                    for kind in kinds
                    for verb in ("Create", "Delete", "Describe")
                ),
            ],
            resources=[self.arns.arn("sagemaker", f"{kind}/*") for kind in kinds.values()],
        )

    def _read_versions(self, *more_actions: str) -> Statement:
        groups = arn_names(self.request.model_package_group_name)
        return Statement(
            sid="ReadVersions",
            actions=["sagemaker:DescribeModelPackage", *more_actions],
            resources=[self.arns.arn("sagemaker", f"model-package/{group}/*") for group in groups],
        )

    def _read_release(self) -> Iterator[Statement]:
        bucket_arn, key_arn = self.artifact_bucket.bucket_arn, self.encryption_key.key_arn
        prefix = f"{bucket_arn}/{self.request.pipeline_name}"
        yield Statement(
            sid="ReadRelease",
            actions=["s3:GetObject"],
            resources=[f"{prefix}/{folder}/*" for folder in RELEASED_FOLDERS],
        )
        yield Statement(sid="FindRelease", actions=["s3:ListBucket"], resources=[bucket_arn])
        yield Statement(
            sid="DecryptRelease",
            actions=["kms:Decrypt"],
            resources=[key_arn, *self.additional_key_arns],
        )
        if self.has_volumes():
            yield Statement(
                # Amazon EBS, on behalf of the endpoint, encrypts its volume under a grant.
                sid="EncryptVolumes",
                actions=["kms:CreateGrant"],
                resources=[key_arn],
                conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
            )

    def _pull_image(self) -> Iterator[Statement]:
        yield Statement(
            sid="PullImage",
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            resources=[repository_arn(self.request.image_uri)],
        )
        yield Statement(sid="LogIn", actions=["ecr:GetAuthorizationToken"], resources=["*"])

    def _observe(self) -> Iterator[Statement]:
        yield Statement(
            sid="Measure",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        )
        yield Statement(
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
