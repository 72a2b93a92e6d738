"""Container images in policies."""

from __future__ import annotations

from constructs_lib.infrastructure.iam.arns import PARTITION


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
