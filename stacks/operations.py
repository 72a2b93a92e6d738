"""What runs around one pipeline: triggers, dashboard, alarms; all of it only where asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from aws_cdk import Aws, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.monitoring import PipelineMonitoring
from constructs_lib.infrastructure.triggers import (
    PipelineSchedule,
    UploadTrigger,
    send_events_to_eventbridge,
)
from constructs_lib.settings import PipelineOperations, Settings
from stacks.pipeline import PipelineStack
from stacks.storage import StorageStack

_T = TypeVar("_T", bound=Construct)


def add_operations(
    stack: PipelineStack,
    *,
    operations: PipelineOperations,
    settings: Settings,
    pipeline_name: str,
    definition: Mapping[str, Any],
    storage: StorageStack,
) -> None:
    """Add what the settings ask for to a pipeline's stack.

    It belongs to that stack: a stack of its own would import the names of the functions that it
    watches, and CloudFormation deletes no function whose name another stack imports.

    Args:
        stack: The pipeline's stack.
        operations: What to add.
        settings: The app's settings.
        pipeline_name: The pipeline.
        definition: Its definition.
        storage: Where models are.

    Raises:
        TriggerError: A trigger does not fit the pipeline.
    """
    if operations.start_on_upload:
        send_events_to_eventbridge(storage.artifact_bucket)
        UploadTrigger(
            stack,
            "UploadTrigger",
            settings=settings,
            pipeline=stack.pipeline,
            pipeline_name=pipeline_name,
            definition=definition,
            artifact_bucket=storage.artifact_bucket,
            encryption_key=storage.encryption_key,
        )
    if operations.schedule:
        PipelineSchedule(
            stack,
            "ScheduleTrigger",
            schedule=operations.schedule,
            pipeline=stack.pipeline,
            pipeline_name=pipeline_name,
            definition=definition,
        )
    if operations.monitoring:
        PipelineMonitoring(
            stack,
            "Monitoring",
            pipeline_name=pipeline_name,
            functions=_all(stack, lambda_.Function),
            dead_letters=_all(stack, sqs.Queue),
            topic=_topic(stack, settings),
        )


def _all(stack: Stack, kind: type[_T]) -> list[_T]:
    return [construct for construct in stack.node.find_all() if isinstance(construct, kind)]


def _topic(stack: Stack, settings: Settings) -> sns.ITopic | None:
    if settings.notifications is None:
        return None
    arn = f"arn:{PARTITION}:sns:{Aws.REGION}:{ACCOUNT}:{settings.topic_name}"
    return sns.Topic.from_topic_arn(stack, "Topic", arn)
