"""The resources that one pipeline's roles are about, as the stacks know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_cdk import aws_iam as iam

from constructs_lib.infrastructure.iam.arns import StackArns
from constructs_lib.infrastructure.iam.request_conditions import AllowedNetwork
from constructs_lib.language.service_calls import Caller, On, actions
from constructs_lib.language.steps import steps_of


@dataclass(frozen=True, kw_only=True)
class PipelineResources:
    """The resources that the steps of one pipeline use."""

    arns: StackArns
    pipeline_name: str
    definition: Mapping[str, Any]
    role: iam.Role
    """The pipeline's: executions run under it."""
    job_role: iam.Role
    """What the pipeline's role passes to jobs and models."""
    network: AllowedNetwork
    artifact_bucket_arn: str
    encryption_key_arn: str
    additional_key_arns: Sequence[str]
    """Keys of data outside the app's buckets."""
    asset_bucket_name: str
    asset_prefix: str
    """Where in that bucket the pipeline's files are, those of earlier deployments too."""
    function_arns: Sequence[str]
    """What Lambda steps invoke."""
    readable_s3_uris: Sequence[str]
    """Data outside the app's buckets that steps read: training data, models, code."""
    writable_s3_uris: Sequence[str]
    """Data outside the app's buckets that steps write: training output, checkpoints."""
    temporary_s3_uris: Sequence[str]
    """What of ``writable_s3_uris`` an execution may hand between its steps through."""

    @cached_property
    def step_types(self) -> set[str]:
        """The types of the steps, as in the definition."""
        return {step["Type"] for step in steps_of(self.definition)}

    @property
    def jobs(self) -> list[str]:
        """The kinds of jobs that the steps run."""
        return [name for name in ("Processing", "Training") if name in self.step_types]

    @property
    def key_arns(self) -> list[str]:
        """Every key that what the steps read or write may be under."""
        return [self.encryption_key_arn, *self.additional_key_arns]

    def actions(self, by: Caller, *on: On) -> list[str]:
        """Return what a role calls for the steps: see ``service_calls``."""
        return actions(self.step_types, *on, by=by)
