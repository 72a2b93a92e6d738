"""Versions of a made-up registry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from constructs_lib.aws.registry import ModelPackage


def model_package(number: int, **members: Any) -> ModelPackage:
    """Return a version that is approved and has no artifact; members may be given."""
    group = members.get("group", "g")
    package = ModelPackage(
        region="us-east-1",
        group=group,
        version=number,
        arn=f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{group}/{number}",
        approval_status="Approved",
        approval_description=None,
        creation_time="2026-11-02T12:00:00+00:00",
        artifact_uri=None,
        metadata={},
    )
    return replace(package, **members)
