"""Container images in policies, and what every container that serves needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from constructs_lib.infrastructure.iam.arns import PARTITION
from constructs_lib.infrastructure.iam.policies import Statement


def repository_arn(image_uri: str) -> str:
    """Return the ARN of the Amazon ECR repository that an image is in.

    Args:
        image_uri: ``<account>.dkr.ecr.<region>.<domain>/<repository>:<tag>``, or with
            ``@<digest>``.
    """
    registry, repository = image_uri.split("/", 1)
    account, _, _, region, _ = registry.split(".", 4)
    name = repository.partition("@")[0].partition(":")[0]
    return f"arn:{PARTITION}:ecr:{region}:{account}:repository/{name}"


def pull_image(image_uri: str) -> Iterator[Statement]:
    """Let SageMaker pull an endpoint's image.

    Args:
        image_uri: As of :func:`repository_arn`.
    """
    yield Statement(
        sid="PullImage",
        actions=[
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
        ],
        resources=[repository_arn(image_uri)],
    )
    yield Statement(sid="LogIn", actions=["ecr:GetAuthorizationToken"], resources=["*"])


def publish_metrics() -> Statement:
    """Let SageMaker publish an endpoint's metrics."""
    return Statement(
        sid="Measure",
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
    )


def encrypt_volumes(
    sid: str, key_arns: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> Statement:
    """Let Amazon EBS, on behalf of an endpoint, encrypt its volumes under a grant.

    Args:
        sid: Name of the statement.
        key_arns: The keys.
        conditions: What tells them from other keys where their ids are not known.
    """
    return Statement(
        sid=sid,
        actions=["kms:CreateGrant"],
        resources=key_arns,
        conditions={**(conditions or {}), "Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
