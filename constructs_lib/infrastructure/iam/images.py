"""Container images in policies."""

from __future__ import annotations

from constructs_lib.infrastructure.iam.arns import PARTITION


def repository_arn(image_uri: str) -> str:
    """Return the ARN of the Amazon ECR repository that an image is in.

    Args:
        image_uri: ``<account>.dkr.ecr.<region>.<domain>/<repository>:<tag>``.
    """
    registry, repository = image_uri.split("/", 1)
    account, _, _, region, _ = registry.split(".", 4)
    return f"arn:{PARTITION}:ecr:{region}:{account}:repository/{repository.partition(':')[0]}"
