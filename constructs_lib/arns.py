"""Names in ARNs."""

from __future__ import annotations


def arn_names(name: str) -> list[str]:
    """Return the forms that a resource's name takes in ARNs, for policies to name both.

    SageMaker writes the names of pipelines and model package groups in lower case in their ARNs,
    and IAM compares ARNs by case.
    """
    return sorted({name, name.lower()})
