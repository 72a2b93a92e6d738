"""The state machine that runs deployments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from constructs_lib.infrastructure.iam.policies import (
    Statement,
    grant,
    service_for_this_account,
)
from constructs_lib.infrastructure.log_groups import LogOptions, log_group
from constructs_lib.infrastructure.serving.names import workflow_name
from constructs_lib.infrastructure.serving.workflow import deployment_workflow

_WILDCARDS: Final = {
    "DeliverLogs": "The log delivery API knows no resource",
    "Trace": "The API knows no resource",
}


class DeploymentMachine(Construct):
    """A standard workflow, which may call the deployment function and nothing else."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Mapping[str, Any],
        function: lambda_.Function,
        log_options: LogOptions,
    ) -> None:
        """Create the state machine, its role and its log group.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            settings: The settings document of the pipeline's deployments.
            function: What does the work of every step.
            log_options: How its logs are kept.

        Raises:
            WorkflowNameError: The pipeline's name is too long.
        """
        super().__init__(scope, construct_id)
        pipeline_name = settings["pipeline_name"]
        function_arn = function.function_arn
        definition = deployment_workflow(function_arn, settings)
        self.machine = stepfunctions.StateMachine(
            self,
            "StateMachine",
            state_machine_name=workflow_name(pipeline_name),
            state_machine_type=stepfunctions.StateMachineType.STANDARD,
            # CDK would leave nulls out: a path that is null is no path that is missing.
            definition_body=stepfunctions.DefinitionBody.from_string(json.dumps(definition)),
            role=self._create_role(pipeline_name, function_arn).without_policy_updates(),
            tracing_enabled=True,
            logs=stepfunctions.LogOptions(
                destination=log_group(self, "Logs", log_options),
                level=stepfunctions.LogLevel.ALL,
                include_execution_data=True,
            ),
        )

    def _create_role(self, pipeline_name: str, function_arn: str) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=service_for_this_account("states.amazonaws.com"),
            description=f"Runs the deployments of {pipeline_name}",
        )
        grant(role, _statements(function_arn), wildcards=_WILDCARDS)
        return role


def _statements(function_arn: str) -> Iterator[Statement]:
    """Allow what every standard workflow with logs and traces needs, and the one call.

    Source: AWS Step Functions Developer Guide, "Using CloudWatch Logs to log execution history"
    and "IAM policies for X-Ray".
    """
    yield Statement(sid="Deploy", actions=["lambda:InvokeFunction"], resources=[function_arn])
    yield Statement(
        sid="DeliverLogs",
        actions=[
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ],
        resources=["*"],
    )
    yield Statement(
        sid="Trace",
        actions=[
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
        resources=["*"],
    )
