"""The roles of the endpoints' containers."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.infrastructure.iam.policies import grant, service_for_this_account
from constructs_lib.infrastructure.iam.serving_permissions import (
    WILDCARDS,
    ServedPipeline,
    ServedRegion,
    serving_statements,
)


def serving_role(
    scope: Construct, construct_id: str, *, pipeline: ServedPipeline, region: ServedRegion
) -> iam.Role:
    """Create the role of a pipeline's endpoint in one region.

    Args:
        scope: Parent construct.
        construct_id: Name below the parent.
        pipeline: What is served.
        region: Where; the role itself is IAM's, which knows no regions.
    """
    role = iam.Role(
        scope,
        construct_id,
        assumed_by=service_for_this_account("sagemaker.amazonaws.com"),
        description=f"Serves {pipeline.pipeline_name} in {region.aws_region}",
    )
    grant(role, serving_statements(pipeline, region), wildcards=WILDCARDS)
    return role
