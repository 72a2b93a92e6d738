"""The parameters of a pipeline: what may change from one execution to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.git import COMMIT_PARAMETER, UNKNOWN_COMMIT
from constructs_lib.s3_layout import temporary_prefix
from constructs_lib.steps.sdk import Parameter, ParameterString

APPROVAL_STATUSES: Final = ["PendingManualApproval", "Approved", "Rejected"]
NO_OR_YES: Final = ["no", "yes"]


@dataclass(frozen=True, kw_only=True)
class PipelineParameters:
    """The parameters that steps refer to; the names of the first four are the orchestrators'."""

    execution_temp_dir: ParameterString
    encryption_key: ParameterString
    subnet: ParameterString
    security_group: ParameterString
    approval_status: ParameterString
    register_again: ParameterString
    """Whether what is registered already is registered once more."""
    git_commit: ParameterString
    """What an execution was started from; registered with the model."""
    model_s3_uri: ParameterString | None

    @classmethod
    def create(
        cls,
        values: DeployTimeValues,
        *,
        pipeline_name: str,
        has_training: bool,
        model_s3_uri: str | None = None,
    ) -> PipelineParameters:
        """Create them with the deployment's values as defaults.

        Args:
            values: What the deployment supplies.
            pipeline_name: Separates one pipeline's intermediate outputs from another's.
            has_training: A pipeline that trains takes no model artifact.
            model_s3_uri: Default of ``ModelS3Uri``; without one each execution must give it.
        """
        return cls(
            execution_temp_dir=ParameterString(
                "PIPELINE_EXECUTION_TEMP_DIR",
                default_value=f"s3://{values.artifact_bucket_name}/{temporary_prefix(pipeline_name)}",
            ),
            encryption_key=ParameterString(
                "KMS_ENCRYPTION_KEY_PARAM", default_value=values.encryption_key_arn
            ),
            subnet=ParameterString("VPC_SUBNET", default_value=values.subnet_id),
            security_group=ParameterString(
                "SECURITY_GROUP_ID", default_value=values.security_group_id
            ),
            approval_status=ParameterString(
                "ModelApprovalStatus",
                default_value=APPROVAL_STATUSES[0],
                enum_values=APPROVAL_STATUSES,
            ),
            register_again=ParameterString(
                "RegisterAgain", default_value=NO_OR_YES[0], enum_values=NO_OR_YES
            ),
            git_commit=ParameterString(COMMIT_PARAMETER, default_value=UNKNOWN_COMMIT),
            model_s3_uri=(
                None if has_training else ParameterString("ModelS3Uri", default_value=model_s3_uri)
            ),
        )

    def as_list(self) -> list[Parameter]:
        """Return the parameters in the order in which the definition declares them."""
        declared = [
            self.execution_temp_dir,
            self.encryption_key,
            self.subnet,
            self.security_group,
            self.model_s3_uri,
            self.approval_status,
            self.register_again,
            self.git_commit,
        ]
        return [parameter for parameter in declared if parameter is not None]
