"""The function that stages a model in every region, and registers it there."""

from __future__ import annotations

from typing import Final

from constructs import Construct

from constructs_lib.infrastructure.iam.registration_permissions import (
    WILDCARDS,
    RegistrationPermissions,
)
from constructs_lib.infrastructure.job_function import FunctionSpec, PermissionSet, job_function
from constructs_lib.infrastructure.log_groups import LogOptions

_SPEC: Final = FunctionSpec(
    script="register_model",
    description="Stages a released model in a region and registers it there",
    timeout_minutes=10,  # SageMaker Pipelines gives a Lambda step no longer than this
    memory_megabytes=1024,
)
_ACCEPTED_FINDINGS: Final = {
    "NIST.800.53.R5-LambdaConcurrency": (
        "SageMaker Pipelines calls it, once per region of an execution; reserving concurrency"
        " fails in accounts with the smallest quota"
    ),
    "NIST.800.53.R5-LambdaDLQ": (
        "Only asynchronous calls have a dead-letter queue; a step calls it and waits, and reports"
        " the failure"
    ),
    "NIST.800.53.R5-LambdaInsideVPC": (
        "Isolated subnets have no route to the endpoints of another region"
    ),
}


class RegistrationFunction(Construct):
    """A Lambda function, outside the VPC: isolated subnets have no route to another region.

    It may read what this pipeline's jobs write, write releases of it in every region, and create
    versions of this pipeline's model package group there.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        permissions: RegistrationPermissions,
        log_options: LogOptions,
    ) -> None:
        """Create the function, its role and its log group.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            permissions: What it registers where, and may do for it.
            log_options: How its logs are kept.
        """
        super().__init__(scope, construct_id)
        self.function = job_function(
            self,
            spec=_SPEC,
            permissions=PermissionSet(
                statements=list(permissions.statements()),
                wildcards=WILDCARDS,
                accepted_findings=_ACCEPTED_FINDINGS,
            ),
            log_options=log_options,
        )
