"""A Lambda function that is called for events, and what becomes of those it cannot handle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from constructs import Construct

from constructs_lib.infrastructure.dead_letters import LONGEST_DELIVERY, dead_letter_queue
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.job_function import job_function
from constructs_lib.settings import Settings

_ACCEPTED_FINDINGS: Final = {
    "NIST.800.53.R5-LambdaConcurrency": (
        "Called once per event; reserving concurrency fails in accounts with the smallest quota"
    ),
    "NIST.800.53.R5-LambdaInsideVPC": (
        "Calls the APIs of AWS only, to which isolated subnets have no route"
    ),
}


class EventFunction(Construct):
    """A function that runs one of the app's scripts for each event.

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
        statements: Sequence[Statement],
        wildcards: Mapping[str, str],
    ) -> None:
        """Create the function and its dead-letter queue.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            settings: The app's settings.
            script: File in ``constructs_lib/jobs`` with a function ``handler``.
            description: What the function does.
            encryption_key: Key of the logs.
            environment: Environment variables.
            statements: What the function may do.
            wildcards: Why the resources of a statement cannot be named in full, by its ``Sid``.
        """
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, of="function")
        self.function = job_function(
            self,
            settings=settings,
            script=script,
            description=description,
            encryption_key=encryption_key,
            statements=statements,
            wildcards=wildcards,
            accepted_findings=_ACCEPTED_FINDINGS,
            timeout=Duration.minutes(1),
            memory_size=256,
            environment=environment,
            dead_letters=self.dead_letters,
        )

    def target(self) -> targets.LambdaFunction:
        """Return the function as a target of a rule."""
        return targets.LambdaFunction(
            self.function, dead_letter_queue=self.dead_letters, **LONGEST_DELIVERY
        )
