"""What runs around one pipeline: triggers, dashboard, alarms; all of it only where asked for."""

from __future__ import annotations

from typing import TypeVar

from aws_cdk import Aws, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.log_groups import LogOptions
from constructs_lib.infrastructure.monitoring import PipelineMonitoring
from constructs_lib.infrastructure.serving.widgets import WatchedEndpoint
from constructs_lib.infrastructure.triggers import (
    PipelineSchedule,
    TriggeredPipeline,
    UploadTrigger,
    send_events_to_eventbridge,
)
from constructs_lib.settings import PipelineOperations

_T = TypeVar("_T", bound=Construct)


def add_operations(
    stack: Stack,
    *,
    operations: PipelineOperations,
    pipeline: TriggeredPipeline,
    artifact_bucket: s3.Bucket,
    log_options: LogOptions,
    topic_name: str | None,
    endpoint: WatchedEndpoint | None,
) -> None:
    """Add what the settings ask for to a pipeline's stack.

    It belongs to that stack: a stack of its own would import the names of the functions that it
    watches, and CloudFormation deletes no function whose name another stack imports.

    Args:
        stack: The pipeline's stack.
        operations: What to add.
        pipeline: The pipeline.
        artifact_bucket: Where models are uploaded.
        log_options: How logs of functions are kept.
        topic_name: SNS topic in the same region that is told of alarms; None: nobody is told.
        endpoint: The endpoints that serve the pipeline's versions; None: there are none.

    Raises:
        TriggerError: A trigger does not fit the pipeline.
    """
    if operations.start_on_upload:
        send_events_to_eventbridge(artifact_bucket)
        UploadTrigger(
            stack,
            "UploadTrigger",
            pipeline=pipeline,
            artifact_bucket=artifact_bucket,
            log_options=log_options,
        )
    if operations.schedule:
        PipelineSchedule(stack, "ScheduleTrigger", schedule=operations.schedule, pipeline=pipeline)
    if operations.monitoring:
        _monitor(stack, pipeline.name, topic_name, endpoint)


def _monitor(
    stack: Stack, pipeline_name: str, topic_name: str | None, endpoint: WatchedEndpoint | None
) -> None:
    """Watch the pipeline, and each function and queue that was added for it."""
    PipelineMonitoring(
        stack,
        "Monitoring",
        pipeline_name=pipeline_name,
        functions=_all(stack, lambda_.Function),
        dead_letters=_all(stack, sqs.Queue),
        topic=_topic(stack, topic_name) if topic_name else None,
        endpoint=endpoint,
    )


def _all(stack: Stack, kind: type[_T]) -> list[_T]:
    return [construct for construct in stack.node.find_all() if isinstance(construct, kind)]


def _topic(stack: Stack, name: str) -> sns.ITopic:
    arn = f"arn:{PARTITION}:sns:{Aws.REGION}:{ACCOUNT}:{name}"
    return sns.Topic.from_topic_arn(stack, "Topic", arn)
