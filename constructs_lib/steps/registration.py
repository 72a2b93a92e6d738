"""Registration: one step per region, all of the same function and from the same typed request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.steps.context import StepContext
from constructs_lib.steps.earlier import refuse_earlier_arguments
from constructs_lib.steps.packaging import PackagedModel
from constructs_lib.steps.sdk import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from constructs_lib.steps.staging import StagedModel, execution_members, registration_function

MODEL_PACKAGE_ARN: Final = "model_package_arn"
"""The output that tells the version."""
_OUTPUTS: Final = (MODEL_PACKAGE_ARN, "model_artifact_uri", "sample_payload_uri")
_IN_PLACE: Final = (
    "evaluation_uri",
    "model_artifact_uri",
    "packaging_manifest_uri",
    "registration_request_uri",
)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the packaged model came from."""

    source_artifact_uri: object
    """S3 URI of the artifact that was packaged."""
    training_job_arn: object | None = None
    """The job that made it; None for a model that was trained elsewhere."""


@refuse_earlier_arguments
@dataclass(frozen=True, kw_only=True)
class ModelRegistrationStepBuilder:
    """Builds the steps that register the staged model, named ``Registration-<region code>``.

    Each invokes the function that has staged the model in its region: only a function can look
    whether the content is new, and prove its claim on it, in the moment in which it registers.
    """

    packaged: PackagedModel
    provenance: Provenance
    context: StepContext

    def create_step(
        self,
        request: RegistrationRequest,
        staged: StagedModel,
        *,
        after: Sequence[StagedModel] = (),
    ) -> LambdaStep:
        """Build the step of one region.

        Args:
            request: What to register there.
            staged: What that region's Stage step produced.
            after: What other Stage steps produced that are waited for; none for a step behind a
                condition, which waits for them.
        """
        return LambdaStep(
            name=step_name(request),
            lambda_func=registration_function(self.context),
            inputs={
                "action": "register",
                "aws_region": request.aws_region,
                "model_approval_status": self.context.parameters.approval_status,
                "model_package_group_name": request.model_package_group_name,
                "region_code": str(request.region_code),
                # Known before any execution, unlike what Stage says: execution documents tell it.
                "sample_payload_uri": self.context.sample_payload_uri(request.region),
                **{name: staged.output(name) for name in _IN_PLACE},
                **execution_members(self.packaged, self.context),
                **self._provenance(request),
            },
            outputs=[LambdaOutput(name, LambdaOutputTypeEnum.String) for name in _OUTPUTS],
            depends_on=[each.step for each in after],
        )

    def _provenance(self, request: RegistrationRequest) -> dict[str, object]:
        source = {
            "git_commit": self.context.parameters.git_commit,
            "source_model_artifact_uri": self.provenance.source_artifact_uri,
        }
        if request.training_data_uri is None:
            return source
        return {**source, "training_job_arn": self.provenance.training_job_arn}


def step_name(request: RegistrationRequest) -> str:
    """Name a region's step as execution documents do."""
    return f"Registration-{request.region_code}"
