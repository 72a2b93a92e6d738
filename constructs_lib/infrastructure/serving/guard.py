"""What keeps a stack from being deleted while its endpoints cost money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import CustomResource
from constructs import Construct

from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.iam.serving_permissions import ServedPipeline
from constructs_lib.infrastructure.job_function import FunctionSpec, PermissionSet, job_function
from constructs_lib.infrastructure.log_groups import LogOptions

_WILDCARDS: Final = {
    "LookForEndpoints": (
        "A config that names an endpoint or a region no more must not leave the endpoint behind"
    )
}
_ACCEPTED_FINDINGS: Final = {
    "NIST.800.53.R5-LambdaConcurrency": (
        "CloudFormation calls it once per operation; reserving concurrency fails in accounts with"
        " the smallest quota"
    ),
    "NIST.800.53.R5-LambdaDLQ": (
        "CloudFormation waits for its answer, and fails the operation when there is none"
    ),
    "NIST.800.53.R5-LambdaInsideVPC": (
        "Isolated subnets have no route to the endpoints of another region"
    ),
}


class EndpointGuard(Construct):
    """A custom resource that cannot be deleted while there are endpoints.

    It depends on everything else of its stack, so CloudFormation deletes it first: what is needed
    to take an endpoint down is still there when it refuses.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: ServedPipeline,
        folder: str,
        log_options: LogOptions,
    ) -> None:
        """Create the resource and its function.

        Args:
            scope: Parent construct: of everything that is to be deleted later.
            construct_id: Name below the parent.
            pipeline: Whose endpoints are looked for.
            folder: What commands call the pipeline.
            log_options: How the function's logs are kept.
        """
        super().__init__(scope, construct_id)
        function = job_function(
            self,
            spec=_function(pipeline.pipeline_name),
            permissions=_permissions(),
            log_options=log_options,
        )
        self.resource = CustomResource(
            self,
            "Endpoints",
            resource_type="Custom::Endpoints",
            service_token=function.function_arn,
            properties={
                "PipelineFolder": folder,
                "EndpointName": pipeline.endpoint_name,
                "Regions": [each.aws_region for each in pipeline.regions],
            },
        )

    def is_deleted_before(self, others: Sequence[Construct]) -> None:
        """Let everything else be there when the guard is deleted.

        Args:
            others: What CloudFormation is to delete later.
        """
        self.resource.node.add_dependency(*others)


def _function(pipeline_name: str) -> FunctionSpec:
    return FunctionSpec(
        script="guard_endpoints.py",
        description=f"Refuses to leave endpoints of {pipeline_name} behind",
        timeout_minutes=5,
    )


def _permissions() -> PermissionSet:
    look = Statement(
        sid="LookForEndpoints",
        actions=["sagemaker:DescribeEndpoint"],
        resources=[f"arn:{PARTITION}:sagemaker:*:{ACCOUNT}:endpoint/*"],
    )
    return PermissionSet(
        statements=[look], wildcards=_WILDCARDS, accepted_findings=_ACCEPTED_FINDINGS
    )
