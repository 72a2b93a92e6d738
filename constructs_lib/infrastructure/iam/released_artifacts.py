"""Where released artifacts lie, and the keys that they are under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from constructs_lib.s3_layout import registered_prefixes


@dataclass(frozen=True, kw_only=True)
class ReleasedArtifacts:
    """The home region's bucket of released artifacts, of all pipelines."""

    bucket_arn: str
    key_arn: str
    """KMS key of the bucket."""
    additional_key_arns: Sequence[str]
    """Keys that executions may encrypt what they release with, instead of that one."""

    @property
    def key_arns(self) -> list[str]:
        """Every key that a released object may be under."""
        return [self.key_arn, *self.additional_key_arns]


def released_objects(bucket_arn: str, pipeline_name: str) -> list[str]:
    """Name the objects that a pipeline's releases consist of, as resources of a statement.

    Args:
        bucket_arn: The bucket that they are in.
        pipeline_name: The pipeline.
    """
    return [f"{bucket_arn}/{prefix}/*" for prefix in registered_prefixes(pipeline_name)]
