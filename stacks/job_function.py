"""The one way in which this app makes a Lambda function that answers events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from aws_cdk import Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.acknowledgements import acknowledge, grant
from stacks.log_retention import log_retention
from stacks.settings import Settings

_SCRIPTS: Final = Path(__file__).parents[1] / "constructs_lib" / "jobs"
_ACCEPTED_FINDINGS: Final = {
    "AwsSolutions-L1": "Runs what the tests run; a later runtime is a change to test first",
    "NIST.800.53.R5-LambdaConcurrency": (
        "Called once per event; reserving concurrency fails in accounts with the smallest quota"
    ),
    "NIST.800.53.R5-LambdaInsideVPC": (
        "Calls the APIs of AWS only, to which isolated subnets have no route"
    ),
}


class EventFunction(Construct):
    """A function that runs one of the app's scripts for each event, outside the VPC.

    An event that it fails on three times, or that cannot be delivered to it for a day, ends in
    ``dead_letters`` and can be sent again from there for two weeks.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        script: str,
        description: str,
        encryption_key: kms.IKey,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        wildcards: Mapping[str, str],
    ) -> None:
        """Create the function, its role, its log group and its dead-letter queue.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            settings: The app's settings.
            script: File in ``constructs_lib/jobs`` with a function ``handler``.
            description: What the function does.
            encryption_key: Key of the logs.
            environment: Environment variables.
            statements: What the function may do beside writing its logs.
            wildcards: Why the resources of a statement cannot be named in full, by its ``Sid``.
        """
        super().__init__(scope, construct_id)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            # Not the app's key: EventBridge and Lambda write here, and need no key of ours.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(
            self.dead_letters, {"AwsSolutions-SQS3": "Is the dead-letter queue of its function"}
        )
        log_group = logs.LogGroup(
            self,
            "Logs",
            encryption_key=encryption_key,
            retention=log_retention(settings.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=description,
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler=f"{Path(script).stem}.handler",
            code=lambda_.Code.from_asset(
                str(_SCRIPTS), exclude=["*", f"!{script}"], ignore_mode=IgnoreMode.GIT
            ),
            role=role.without_policy_updates(),
            timeout=Duration.minutes(1),
            memory_size=256,
            log_group=log_group,
            dead_letter_queue=self.dead_letters,
            environment=dict(environment),
        )
        acknowledge(self.function, _ACCEPTED_FINDINGS)
        own = [
            iam.PolicyStatement(
                sid="WriteLogs",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[log_group.log_group_arn],
            ),
            iam.PolicyStatement(
                sid="KeepDeadLetters",
                actions=["sqs:SendMessage"],
                resources=[self.dead_letters.queue_arn],
            ),
        ]
        grant(role, [*statements, *own], wildcards=wildcards)
