"""The function behind every step of a deployment."""

from __future__ import annotations

from typing import Final

from constructs import Construct

from constructs_lib.infrastructure.iam.deployment_permissions import DeploymentPermissions
from constructs_lib.infrastructure.iam.serving_permissions import WILDCARDS
from constructs_lib.infrastructure.job_function import FunctionSpec, PermissionSet, job_function
from constructs_lib.infrastructure.log_groups import LogOptions

_ACCEPTED_FINDINGS: Final = {
    "NIST.800.53.R5-LambdaConcurrency": (
        "The workflow calls it, once per region of a wave; reserving concurrency fails in accounts"
        " with the smallest quota"
    ),
    "NIST.800.53.R5-LambdaDLQ": (
        "Only asynchronous calls have a dead-letter queue; the workflow calls it and waits, and"
        " takes back what fails"
    ),
    "NIST.800.53.R5-LambdaInsideVPC": (
        "Isolated subnets have no route to the endpoints of another region"
    ),
}


class DeploymentFunction(Construct):
    """A Lambda function, outside the VPC, that looks at endpoints in every region and changes them.

    It may look at this pipeline's versions and releases, and make and change endpoints of its name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        permissions: DeploymentPermissions,
        log_options: LogOptions,
    ) -> None:
        """Create the function, its role and its log group.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            permissions: What it deploys where, and may do for it.
            log_options: How its logs are kept.
        """
        super().__init__(scope, construct_id)
        self.function = job_function(
            self,
            spec=FunctionSpec(
                script="deploy_model",
                description=f"Deploys versions of {permissions.pipeline.pipeline_name}",
                timeout_minutes=10,
                memory_megabytes=512,
            ),
            permissions=PermissionSet(
                statements=list(permissions.statements()),
                wildcards=WILDCARDS,
                accepted_findings=_ACCEPTED_FINDINGS,
            ),
            log_options=log_options,
        )
