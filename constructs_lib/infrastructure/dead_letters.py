"""Events that could not be delivered: how long AWS tries, and where they are kept afterwards."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib.infrastructure.iam.acknowledgements import acknowledge
from constructs_lib.infrastructure.iam.policies import Statement

LONGEST_DELIVERY: Final[dict[str, Any]] = {
    "max_event_age": Duration.hours(24),
    "retry_attempts": 185,
}
"""How long a target of Amazon EventBridge is tried: as long as EventBridge does at most."""


def dead_letter_queue(scope: Construct, *, of: str) -> sqs.Queue:
    """Create the queue, which keeps for two weeks what could not be delivered.

    Args:
        scope: Parent construct.
        of: Whose queue it is, for example ``schedule``.
    """
    queue = sqs.Queue(
        scope,
        "DeadLetters",
        # Not the app's key: EventBridge and Lambda write here, and need no key of ours.
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
    )
    acknowledge(queue, {"AwsSolutions-SQS3": f"Is the dead-letter queue of its {of}"})
    return queue


def keep_dead_letters(queue: sqs.Queue) -> Statement:
    """Let a role put into the queue what could not be delivered."""
    return Statement("KeepDeadLetters", ["sqs:SendMessage"], [queue.queue_arn])
