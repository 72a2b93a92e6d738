"""What starts executions without a person: an uploaded model, or a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from aws_cdk import TimeZone
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib.arns import arn_names
from constructs_lib.errors import ReleaseError
from constructs_lib.infrastructure.dead_letters import (
    LONGEST_DELIVERY,
    dead_letter_queue,
    keep_dead_letters,
)
from constructs_lib.infrastructure.event_function import EventFunction
from constructs_lib.infrastructure.iam.policies import (
    Statement,
    grant,
    service_for_this_account,
)
from constructs_lib.infrastructure.iam.request_conditions import listing
from constructs_lib.infrastructure.job_function import FunctionSpec, PermissionSet
from constructs_lib.infrastructure.log_groups import LogOptions
from constructs_lib.pipeline import SageMakerPipeline
from constructs_lib.s3_layout import MODEL, incoming_prefix
from constructs_lib.settings import Schedule

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


@dataclass(frozen=True, kw_only=True)
class TriggeredPipeline:
    """The pipeline that a trigger starts."""

    construct: SageMakerPipeline
    name: str
    definition: Mapping[str, Any]

    def parameters(self) -> dict[str, Mapping[str, Any]]:
        """Return the parameters that it takes, by their names."""
        return {parameter["Name"]: parameter for parameter in self.definition["Parameters"]}

    def arns(self) -> list[str]:
        """Name the pipeline in each spelling that IAM is asked with."""
        stack = self.construct.stack
        return [
            stack.format_arn(service="sagemaker", resource="pipeline", resource_name=name)
            for name in arn_names(self.name)
        ]


class UploadTrigger(Construct):
    """Starts one execution for each version of ``incoming/<pipeline>/…/model.tar.gz``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: TriggeredPipeline,
        artifact_bucket: s3.IBucket,
        log_options: LogOptions,
    ) -> None:
        """Create the rule and the function that it calls.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            pipeline: The pipeline to start.
            artifact_bucket: Where models are uploaded; see :func:`send_events_to_eventbridge`.
            log_options: How the function's logs are kept.

        Raises:
            TriggerError: The pipeline takes no model.
        """
        super().__init__(scope, construct_id)
        _refuse_without_model(pipeline)
        prefix = incoming_prefix(pipeline.name)
        statements = _start_statements(pipeline, artifact_bucket, prefix)
        self.start_function = EventFunction(
            self,
            "StartRelease",
            spec=_start_function(pipeline.name),
            permissions=PermissionSet(statements=statements, wildcards=_WILDCARDS),
            log_options=log_options,
        )
        self._start_on_upload(pipeline.name, _uploaded(artifact_bucket, prefix))

    def _start_on_upload(self, pipeline_name: str, uploaded: events.EventPattern) -> None:
        rule = events.Rule(
            self,
            "Uploaded",
            description=f"A model for {pipeline_name} was uploaded",
            event_pattern=uploaded,
        )
        rule.add_target(self.start_function.target())


def _start_function(pipeline_name: str) -> FunctionSpec:
    return FunctionSpec(
        script="start_release.py",
        description=f"Starts {pipeline_name} for each uploaded model",
        environment={"PIPELINE_NAME": pipeline_name},
    )


def _refuse_without_model(pipeline: TriggeredPipeline) -> None:
    if "ModelS3Uri" not in pipeline.parameters():
        raise TriggerError(
            f"start_on_upload is set for the pipeline {pipeline.name}, which trains its model"
            " and takes none: remove the setting from cdk.json, or use a schedule."
        )


def _uploaded(artifact_bucket: s3.IBucket, prefix: str) -> events.EventPattern:
    """Match what is uploaded as a model, in the folder itself or somewhere below it."""
    keys = [f"{prefix}/{MODEL}", {"wildcard": f"{prefix}/*/{MODEL}"}]
    return events.EventPattern(
        source=["aws.s3"],
        detail_type=["Object Created"],
        detail={"bucket": {"name": [artifact_bucket.bucket_name]}, "object": {"key": keys}},
    )


def _start_statements(
    pipeline: TriggeredPipeline, artifact_bucket: s3.IBucket, prefix: str
) -> list[Statement]:
    return [
        Statement(
            sid="StartExecution",
            actions=["sagemaker:ListPipelineExecutions", "sagemaker:StartPipelineExecution"],
            resources=pipeline.arns(),
        ),
        Statement(
            sid="FindUpload",
            actions=["s3:GetObject"],
            resources=[artifact_bucket.arn_for_objects(f"{prefix}/*")],
        ),
        Statement(
            sid="FindDeleted",
            actions=["s3:ListBucket"],
            resources=[artifact_bucket.bucket_arn],
            conditions=listing([f"{prefix}/*"]),
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
        pipeline: TriggeredPipeline,
    ) -> None:
        """Create the schedule and the queue of executions that could not be started.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            schedule: When, and with which parameters.
            pipeline: The pipeline to start.

        Raises:
            TriggerError: The parameters are not those that the pipeline takes.
        """
        super().__init__(scope, construct_id)
        _check_parameters(schedule, pipeline)
        self.dead_letters = dead_letter_queue(self, of="schedule")
        role = self._create_role(pipeline)
        scheduler.Schedule(
            self,
            "Schedule",
            description=f"Executes {pipeline.name}",
            schedule=scheduler.ScheduleExpression.expression(
                schedule.expression, TimeZone.of(schedule.timezone)
            ),
            target=self._target(schedule, pipeline, role),
        )

    def _create_role(self, pipeline: TriggeredPipeline) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=service_for_this_account("scheduler.amazonaws.com"),
            description=f"Executes {pipeline.name} at fixed times",
        )
        grant(role, _schedule_statements(pipeline, self.dead_letters), wildcards={})
        return role

    def _target(
        self, schedule: Schedule, pipeline: TriggeredPipeline, role: iam.Role
    ) -> scheduler_targets.SageMakerStartPipelineExecution:
        return scheduler_targets.SageMakerStartPipelineExecution(
            cast("Any", pipeline.construct),  # jsii's interfaces are no Python protocols
            pipeline_parameter_list=[
                scheduler_targets.SageMakerPipelineParameter(name=name, value=value)
                for name, value in sorted(schedule.parameters.items())
            ],
            role=role.without_policy_updates(),
            dead_letter_queue=self.dead_letters,
            **LONGEST_DELIVERY,
        )


def _schedule_statements(pipeline: TriggeredPipeline, dead_letters: sqs.Queue) -> list[Statement]:
    return [
        Statement(
            sid="StartExecution",
            actions=["sagemaker:StartPipelineExecution"],
            resources=pipeline.arns(),
        ),
        keep_dead_letters(dead_letters),
    ]


_ON_TRAINING: Final = " It trains its model, and takes none, if its config sets train_in_pipeline."


def _check_parameters(schedule: Schedule, pipeline: TriggeredPipeline) -> None:
    known = pipeline.parameters()
    unknown = sorted(schedule.parameters.keys() - known.keys())
    required = {name for name, parameter in known.items() if "DefaultValue" not in parameter}
    missing = sorted(required - schedule.parameters.keys())
    if unknown or missing:
        raise TriggerError(
            f"The schedule of the pipeline {pipeline.name} in cdk.json"
            + (f" gives unknown parameters {unknown}" if unknown else "")
            + (" and" if unknown and missing else "")
            + (f" lacks the parameters {missing}" if missing else "")
            + f". The pipeline takes {', '.join(sorted(known))}."
            + (_ON_TRAINING if "ModelS3Uri" in missing else "")
        )
