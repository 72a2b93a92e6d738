"""What starts a deployment without a person: the approval of a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_events as events
from constructs import Construct

from constructs_lib.infrastructure.event_function import EventFunction
from constructs_lib.infrastructure.iam.arns import PARTITION
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.iam.serving_permissions import ServedPipeline
from constructs_lib.infrastructure.job_function import FunctionSpec, PermissionSet
from constructs_lib.infrastructure.log_groups import LogOptions

_WILDCARDS: Final = {"ReadVersions": "The versions of this pipeline's own model package group"}


class ApprovalTrigger(Construct):
    """Starts the workflow when a version is approved in a region that is served.

    Events of other regions come to the home region's bus by rules of their own.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: ServedPipeline,
        workflow_arn: str,
        log_options: LogOptions,
    ) -> None:
        """Create the rule and the function that it calls.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            pipeline: Whose versions are deployed.
            workflow_arn: What is started.
            log_options: How the function's logs are kept.
        """
        super().__init__(scope, construct_id)
        self.start_function = EventFunction(
            self,
            "StartDeployment",
            spec=_start_function(pipeline.pipeline_name, workflow_arn),
            permissions=PermissionSet(
                statements=_statements(pipeline, workflow_arn), wildcards=_WILDCARDS
            ),
            log_options=log_options,
        )
        rule = events.Rule(
            self,
            "Approved",
            description=f"A version of {pipeline.pipeline_name} was approved",
            event_pattern=_approved(pipeline.model_package_group_name, pipeline.version_regions),
        )
        rule.add_target(self.start_function.target())


def _start_function(pipeline_name: str, workflow_arn: str) -> FunctionSpec:
    return FunctionSpec(
        script="start_deployment.py",
        description=f"Starts a deployment of each approved {pipeline_name}",
        environment={"WORKFLOW_ARN": workflow_arn},
    )


def _approved(group_name: str, regions: Sequence[str]) -> events.EventPattern:
    return events.EventPattern(
        source=["aws.sagemaker"],
        detail_type=["SageMaker Model Package State Change"],
        detail={
            # Not the event's own region: what is sent on may have that of the bus.
            "ModelPackageArn": [
                {"prefix": f"arn:{PARTITION}:sagemaker:{region}:"} for region in regions
            ],
            "ModelPackageGroupName": [group_name],
            "ModelPackageStatus": ["Completed"],
            "ModelApprovalStatus": ["Approved"],
        },
    )


def _statements(pipeline: ServedPipeline, workflow_arn: str) -> list[Statement]:
    return [
        Statement(
            sid="ReadVersions",
            actions=["sagemaker:DescribeModelPackage"],
            resources=pipeline.version_arns(),
        ),
        Statement(
            sid="StartDeployment",
            actions=["states:StartExecution"],
            resources=[workflow_arn],
        ),
    ]
