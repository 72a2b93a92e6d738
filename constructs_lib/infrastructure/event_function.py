"""A Lambda function that is called for events, and what becomes of those it cannot handle."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from aws_cdk import aws_events_targets as targets
from constructs import Construct

from constructs_lib.infrastructure.dead_letters import LONGEST_DELIVERY, dead_letter_queue
from constructs_lib.infrastructure.job_function import FunctionSpec, PermissionSet, job_function
from constructs_lib.infrastructure.log_groups import LogOptions

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
        spec: FunctionSpec,
        permissions: PermissionSet,
        log_options: LogOptions,
    ) -> None:
        """Create the function and its dead-letter queue.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            spec: What the function runs.
            permissions: What the function may do.
            log_options: How its logs are kept.
        """
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, of="function")
        accepted = {**_ACCEPTED_FINDINGS, **permissions.accepted_findings}
        self.function = job_function(
            self,
            spec=spec,
            permissions=replace(permissions, accepted_findings=accepted),
            log_options=log_options,
            dead_letters=self.dead_letters,
        )

    def target(self) -> targets.LambdaFunction:
        """Return the function as a target of a rule."""
        return targets.LambdaFunction(
            self.function, dead_letter_queue=self.dead_letters, **LONGEST_DELIVERY
        )
