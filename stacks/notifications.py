"""Who is told of failed executions, of model packages to approve and of alarms of endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from constructs_lib.arns import arn_names
from constructs_lib.infrastructure.event_function import EventFunction
from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION, StackArns
from constructs_lib.infrastructure.iam.batches import batches
from constructs_lib.infrastructure.iam.policies import (
    Statement,
    grant,
    service_for_this_account,
)
from constructs_lib.infrastructure.job_function import FunctionSpec, PermissionSet
from constructs_lib.infrastructure.monitoring import dead_letter_alarm
from constructs_lib.settings import Notifications, Settings
from stacks.storage import StorageStack

_READ: Final = "ReadExecutions"
_READ_REASON: Final = "The executions of this app's pipelines"
_PACKAGE_CHANGE: Final = "SageMaker Model Package State Change"
_ALARM_CHANGE: Final = "CloudWatch Alarm State Change"
_MOST_NAMES: Final = 1_600
"""Characters of names in an event pattern, which takes 2,048 in all."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What people are told of."""

    pipeline_names: Sequence[str]
    """The pipelines whose failures are told."""
    model_package_group_names: Sequence[str]
    """The groups whose approvals are told."""
    alarm_names: Sequence[str]
    """The standing alarms of endpoints that are told, of all regions."""


class NotificationStack(Stack):
    """The topic of notifications and the function that writes them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        notifications: Notifications,
        watched: Watched,
        storage: StorageStack,
        **kwargs: Any,
    ) -> None:
        """Create the topic, its subscriptions, the rules and the function.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            notifications: Who is told.
            watched: What is told.
            storage: Has the key of the topic.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        super().__init__(scope, construct_id, **kwargs)
        self._arns = StackArns(self)
        self.topic = self._create_topic(settings, notifications, storage.encryption_key)
        self.notify_function = self._create_function(watched, storage)
        self._tell_of_dead_letters()
        self._tell_of_failures(watched.pipeline_names)
        self._tell_of_packages(watched.model_package_group_names)
        self._tell_of_alarms(watched.alarm_names)

    def _create_topic(
        self, settings: Settings, notifications: Notifications, key: kms.Key
    ) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Topic",
            topic_name=settings.topic_name,
            display_name="Model releases",
            master_key=key,
            enforce_ssl=True,
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PublishAlarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            )
        )
        for email in notifications.emails:
            topic.add_subscription(subscriptions.EmailSubscription(email))
        _let_alarms_use(key)
        return topic

    def _create_function(self, watched: Watched, storage: StorageStack) -> EventFunction:
        statements = self._statements(watched.pipeline_names, storage.artifacts.key_arn)
        return EventFunction(
            self,
            "Notify",
            spec=FunctionSpec(
                script="notify.py",
                description="Tells people of failed executions and of model packages to approve",
                environment={"TOPIC_ARN": self.topic.topic_arn},
            ),
            permissions=PermissionSet(
                statements=statements,
                wildcards={
                    each.sid: _READ_REASON for each in statements if each.sid.startswith(_READ)
                },
            ),
            log_options=storage.log_options,
        )

    def _statements(self, pipeline_names: Iterable[str], key_arn: str) -> list[Statement]:
        return [
            Statement(sid="Publish", actions=["sns:Publish"], resources=[self.topic.topic_arn]),
            Statement(
                sid="EncryptMessages",
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[key_arn],
            ),
            *(
                Statement(
                    sid=_numbered(_READ, number),
                    actions=[
                        "sagemaker:DescribePipelineExecution",
                        "sagemaker:ListPipelineExecutionSteps",
                    ],
                    resources=[f"{arn}/execution/*" for arn in arns],
                )
                for number, arns in enumerate(self._pipeline_arns(pipeline_names))
            ),
        ]

    def _pipeline_arns(self, pipeline_names: Iterable[str]) -> list[list[str]]:
        return batches(
            (
                self._arns.arn("sagemaker", f"pipeline/{spelling}")
                for name in pipeline_names
                for spelling in arn_names(name)
            ),
            _MOST_NAMES,
        )

    def _tell_of_dead_letters(self) -> None:
        dead_letter_alarm(
            self,
            "DeadLetters",
            self.notify_function.dead_letters,
            about="Nobody was told",
            topic=self.topic,
        )

    def _tell_of_failures(self, pipeline_names: Iterable[str]) -> None:
        for number, arns in enumerate(self._pipeline_arns(pipeline_names)):
            self._tell_of(
                _numbered("ExecutionFailed", number),
                "An execution has failed or was stopped",
                _of_sagemaker(
                    "SageMaker Model Building Pipeline Execution Status Change",
                    {"currentPipelineExecutionStatus": ["Failed", "Stopped"], "pipelineArn": arns},
                ),
            )

    def _tell_of_packages(self, group_names: Sequence[str]) -> None:
        for number, detail in enumerate(package_details(group_names)):
            self._tell_of(
                _numbered("PackageChanged", number),
                "A model package waits for approval, was approved or was rejected",
                _of_sagemaker(_PACKAGE_CHANGE, detail),
            )

    def _tell_of_alarms(self, names: Sequence[str]) -> None:
        for number, pattern in enumerate(_alarm_patterns(names)):
            self._tell_of(
                _numbered("AlarmChanged", number),
                "A standing alarm of an endpoint has tripped, or is over",
                pattern,
            )

    def _tell_of(self, construct_id: str, description: str, pattern: events.EventPattern) -> None:
        rule = events.Rule(self, construct_id, description=description, event_pattern=pattern)
        rule.add_target(self.notify_function.target())


class ForwardingStack(Stack):
    """Sends what happens in one region to the home region, which tells of it.

    These are changes of model packages, and of the standing alarms of endpoints.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        home_region: str,
        model_package_group_names: Sequence[str],
        alarm_names: Sequence[str],
        **kwargs: Any,
    ) -> None:
        """Create the rules.

        Args:
            scope: The app.
            construct_id: Stack name.
            home_region: AWS region that the changes are sent to.
            model_package_group_names: The groups whose approvals are told.
            alarm_names: The standing alarms of endpoints that are told.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        super().__init__(scope, construct_id, **kwargs)
        self._home_region = home_region
        bus_arn = f"arn:{PARTITION}:events:{home_region}:{ACCOUNT}:event-bus/default"
        home_bus = events.EventBus.from_event_bus_arn(self, "HomeBus", bus_arn)
        what = "changes of model packages" + (" and of alarms" if alarm_names else "")
        role = self._create_role(home_bus, what)
        target = targets.EventBus(home_bus, role=role.without_policy_updates())
        for number, detail in enumerate(package_details(model_package_group_names)):
            events.Rule(
                self,
                _numbered("PackageChanged", number),
                description=f"Changes of model packages, for {home_region} to tell of",
                event_pattern=_of_sagemaker(_PACKAGE_CHANGE, detail),
                targets=[target],
            )
        for number, pattern in enumerate(_alarm_patterns(alarm_names)):
            events.Rule(
                self,
                _numbered("AlarmChanged", number),
                description=f"Standing alarms of endpoints, for {home_region} to tell of",
                event_pattern=pattern,
                targets=[target],
            )

    def _create_role(self, home_bus: events.IEventBus, what: str) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=service_for_this_account("events.amazonaws.com"),
            description=f"Sends {what} to {self._home_region}",
        )
        send = Statement(
            sid="SendHome", actions=["events:PutEvents"], resources=[home_bus.event_bus_arn]
        )
        grant(role, [send], wildcards={})
        return role


def package_details(model_package_group_names: Sequence[str]) -> list[dict[str, Any]]:
    """Match the changes of approval of completed versions of some groups, each by one pattern."""
    return [
        {
            "ModelPackageGroupName": names,
            "ModelPackageStatus": ["Completed"],
            "ModelApprovalStatus": ["PendingManualApproval", "Approved", "Rejected"],
        }
        for names in batches(model_package_group_names, _MOST_NAMES)
    ]


def _alarm_patterns(names: Sequence[str]) -> list[events.EventPattern]:
    """Match alarms that trip, and those that are over: not each that gets its first data.

    Sources: "Alarm events and EventBridge" in the Amazon CloudWatch User Guide; "Comparison
    operators for use in event patterns" in the Amazon EventBridge User Guide, for ``$or``.
    """
    told = [
        {"state": {"value": ["ALARM"]}},
        {"state": {"value": ["OK"]}, "previousState": {"value": ["ALARM"]}},
    ]
    return [
        events.EventPattern(
            source=["aws.cloudwatch"],
            detail_type=[_ALARM_CHANGE],
            detail={"alarmName": some, "$or": told},
        )
        for some in batches(names, _MOST_NAMES)
    ]


def _of_sagemaker(detail_type: str, detail: Mapping[str, Any]) -> events.EventPattern:
    return events.EventPattern(
        source=["aws.sagemaker"], detail_type=[detail_type], detail=dict(detail)
    )


def _numbered(construct_id: str, number: int) -> str:
    """Name the first as if it were the only one, and the others by their number from 2."""
    return f"{construct_id}{number + 1}" if number else construct_id


def _let_alarms_use(key: kms.Key) -> None:
    """Let CloudWatch alarms publish to a topic under the key.

    Source: Amazon SNS Developer Guide, "Enable compatibility between event sources from AWS
    services and encrypted topics".
    """
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="EncryptAlarms",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],  # the key that the policy belongs to
            conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        )
    )
