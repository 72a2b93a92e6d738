"""What starts executions without a person: an uploaded model, or a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from aws_cdk import TimeZone
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib.arns import arn_names
from constructs_lib.errors import ReleaseError
from constructs_lib.infrastructure.dead_letters import LONGEST_DELIVERY, dead_letter_queue
from constructs_lib.infrastructure.event_function import EventFunction
from constructs_lib.infrastructure.iam.arns import ACCOUNT
from constructs_lib.infrastructure.iam.policies import Statement, grant
from constructs_lib.pipeline import SageMakerPipeline
from constructs_lib.settings import Schedule, Settings

_WILDCARDS: Final = {"FindUpload": "Whatever is uploaded under this pipeline's prefix"}


class TriggerError(ReleaseError):
    """A trigger would start executions that fail at once."""


def send_events_to_eventbridge(bucket: s3.Bucket) -> None:
    """Let Amazon S3 tell EventBridge of every change in the bucket.

    ``event_bridge_enabled`` of the bucket would add a custom resource with a function of its own;
    CloudFormation knows the setting.
    """
    resource = cast("s3.CfnBucket", bucket.node.default_child)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )


class UploadTrigger(Construct):
    """Starts one execution for each version of ``incoming/<pipeline>/…/model.tar.gz``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        pipeline: SageMakerPipeline,
        pipeline_name: str,
        definition: Mapping[str, Any],
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey,
    ) -> None:
        """Create the rule and the function that it calls.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            settings: The app's settings.
            pipeline: The pipeline to start.
            pipeline_name: Its name.
            definition: Its definition.
            artifact_bucket: Where models are uploaded; see :func:`send_events_to_eventbridge`.
            encryption_key: Key of the function's logs.

        Raises:
            TriggerError: The pipeline takes no model.
        """
        super().__init__(scope, construct_id)
        if "ModelS3Uri" not in _parameters(definition):
            raise TriggerError(
                f"start_on_upload is set for the pipeline {pipeline_name}, which trains its model"
                " and takes none: remove the setting from cdk.json, or use a schedule."
            )
        prefix = f"incoming/{pipeline_name}"
        self.start_function = EventFunction(
            self,
            "StartRelease",
            settings=settings,
            script="start_release.py",
            description=f"Starts {pipeline_name} for each uploaded model",
            encryption_key=encryption_key,
            environment={"PIPELINE_NAME": pipeline_name},
            statements=_start_statements(pipeline, pipeline_name, artifact_bucket, prefix),
            wildcards=_WILDCARDS,
        )
        rule = events.Rule(
            self,
            "Uploaded",
            description=f"A model for {pipeline_name} was uploaded",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [artifact_bucket.bucket_name]},
                    "object": {
                        "key": [
                            f"{prefix}/model.tar.gz",
                            {"wildcard": f"{prefix}/*/model.tar.gz"},
                        ]
                    },
                },
            ),
        )
        rule.add_target(self.start_function.target())


def _start_statements(
    pipeline: SageMakerPipeline, pipeline_name: str, artifact_bucket: s3.IBucket, prefix: str
) -> list[Statement]:
    return [
        Statement(
            sid="StartExecution",
            actions=["sagemaker:ListPipelineExecutions", "sagemaker:StartPipelineExecution"],
            resources=_pipeline_arns(pipeline, pipeline_name),
        ),
        Statement(
            sid="FindUpload",
            actions=["s3:GetObject"],
            resources=[artifact_bucket.arn_for_objects(f"{prefix}/*")],
        ),
        # Without it, S3 answers 403 instead of 404 for an object that is not there.
        Statement(
            sid="FindDeleted", actions=["s3:ListBucket"], resources=[artifact_bucket.bucket_arn]
        ),
    ]


class PipelineSchedule(Construct):
    """Executes a pipeline at fixed times."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        schedule: Schedule,
        pipeline: SageMakerPipeline,
        pipeline_name: str,
        definition: Mapping[str, Any],
    ) -> None:
        """Create the schedule and the queue of executions that could not be started.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            schedule: When, and with which parameters.
            pipeline: The pipeline to start.
            pipeline_name: Its name.
            definition: Its definition.

        Raises:
            TriggerError: The parameters are not those that the pipeline takes.
        """
        super().__init__(scope, construct_id)
        _check_parameters(schedule, pipeline_name, _parameters(definition))
        self.dead_letters = dead_letter_queue(self, of="schedule")
        role = iam.Role(
            self,
            "Role",
            # Not for schedules of another account.
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            ),
            description=f"Executes {pipeline_name} at fixed times",
        )
        grant(role, _schedule_statements(pipeline, pipeline_name, self.dead_letters), wildcards={})
        scheduler.Schedule(
            self,
            "Schedule",
            description=f"Executes {pipeline_name}",
            schedule=scheduler.ScheduleExpression.expression(
                schedule.expression, TimeZone.of(schedule.timezone)
            ),
            target=scheduler_targets.SageMakerStartPipelineExecution(
                cast("Any", pipeline),  # jsii's interfaces are no Python protocols
                pipeline_parameter_list=[
                    scheduler_targets.SageMakerPipelineParameter(name=name, value=value)
                    for name, value in sorted(schedule.parameters.items())
                ],
                role=role.without_policy_updates(),
                dead_letter_queue=self.dead_letters,
                **LONGEST_DELIVERY,
            ),
        )


def _schedule_statements(
    pipeline: SageMakerPipeline, pipeline_name: str, dead_letters: sqs.Queue
) -> list[Statement]:
    return [
        Statement(
            sid="StartExecution",
            actions=["sagemaker:StartPipelineExecution"],
            resources=_pipeline_arns(pipeline, pipeline_name),
        ),
        Statement(
            sid="KeepDeadLetters",
            actions=["sqs:SendMessage"],
            resources=[dead_letters.queue_arn],
        ),
    ]


def _pipeline_arns(pipeline: SageMakerPipeline, pipeline_name: str) -> list[str]:
    return [
        pipeline.stack.format_arn(service="sagemaker", resource="pipeline", resource_name=name)
        for name in arn_names(pipeline_name)
    ]


def _parameters(definition: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {parameter["Name"]: parameter for parameter in definition["Parameters"]}


def _check_parameters(
    schedule: Schedule, pipeline_name: str, known: Mapping[str, Mapping[str, Any]]
) -> None:
    unknown = sorted(schedule.parameters.keys() - known.keys())
    required = {name for name, parameter in known.items() if "DefaultValue" not in parameter}
    missing = sorted(required - schedule.parameters.keys())
    if unknown or missing:
        raise TriggerError(
            f"The schedule of the pipeline {pipeline_name} in cdk.json"
            + (f" gives unknown parameters {unknown}" if unknown else "")
            + (" and" if unknown and missing else "")
            + (f" lacks the parameters {missing}" if missing else "")
            + f". The pipeline takes {', '.join(sorted(known))}."
        )
