"""Stage: writes a release in each region, and looks whether its content is registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from constructs_lib.regions import RegionCode
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.s3_layout import REGISTRATION_REQUEST, SAMPLE_PAYLOAD
from constructs_lib.steps.context import StepContext
from constructs_lib.steps.packaging import PackagedModel
from constructs_lib.steps.sdk import (
    ExecutionVariables,
    Join,
    Lambda,
    LambdaOutput,
    LambdaOutputTypeEnum,
    LambdaStep,
    PipelineVariable,
)
from constructs_lib.steps.verification import VerifiedModel

_OUTPUTS: Final = (
    "evaluation_uri",
    "model_artifact_uri",
    "packaging_manifest_uri",
    "registered",
    "registration_request_uri",
    "sample_payload_uri",
    "state",
)


@dataclass(frozen=True, kw_only=True)
class StagedModel:
    """What a region's Stage step hands to the steps after it."""

    step: LambdaStep

    def output(self, name: str) -> PipelineVariable:
        """Refer to an output of the step, for example ``model_artifact_uri``."""
        value: PipelineVariable = self.step.properties.Outputs[name]
        return value


@dataclass(frozen=True, kw_only=True)
class StagingStepBuilder:
    """Builds the steps named ``Stage-<region code>``, which run side by side.

    The same function registers.
    """

    requests: Mapping[RegionCode, RegistrationRequest]
    context: StepContext

    def create_staging_steps(
        self, packaged: PackagedModel, verified: VerifiedModel | None
    ) -> dict[RegionCode, StagedModel]:
        """Build one step per registration region.

        Args:
            packaged: What the Package step produced.
            verified: What the Verify step produced, if there is one.
        """
        return {
            code: StagedModel(step=self._step(request, packaged, verified))
            for code, request in self.requests.items()
        }

    def _step(
        self,
        request: RegistrationRequest,
        packaged: PackagedModel,
        verified: VerifiedModel | None,
    ) -> LambdaStep:
        return LambdaStep(
            name=f"Stage-{request.region_code}",
            lambda_func=registration_function(self.context),
            inputs={
                "action": "stage",
                "verification": request.verification,
                **self._destination(request),
                **self._release(packaged),
                **_evaluation(verified),
            },
            outputs=[LambdaOutput(name, LambdaOutputTypeEnum.String) for name in _OUTPUTS],
        )

    def _destination(self, request: RegistrationRequest) -> dict[str, object]:
        code = request.region
        return {
            "aws_region": request.aws_region,
            "destination_bucket": self.context.artifact_bucket_of(code),
            "kms_key_id": self.context.encryption_key_of(code),
            "model_package_group_name": request.model_package_group_name,
            "region_code": str(code),
            "registration_folder": self.context.registration_folder,
        }

    def _release(self, packaged: PackagedModel) -> dict[str, object]:
        files = packaged.registration_files_uri
        return {
            **execution_members(packaged, self.context),
            "model_artifact_uri": packaged.artifact_uri,
            "packaging_manifest_uri": packaged.manifest_uri,
            "registration_request_uri": Join(on="/", values=[files, REGISTRATION_REQUEST]),
            "sample_payload_uri": Join(on="/", values=[files, SAMPLE_PAYLOAD]),
        }


def _evaluation(verified: VerifiedModel | None) -> dict[str, object]:
    if verified is None:
        return {}
    return {"evaluation_uri": verified.evaluation_uri, "verdict": verified.value("verdict")}


def execution_members(packaged: PackagedModel, context: StepContext) -> dict[str, object]:
    """Return what the function is told of the execution, whatever the step."""
    return {
        "artifact_sha256": packaged.artifact_sha256,
        "code_sha256": packaged.code_sha256,
        "pipeline_execution_arn": ExecutionVariables.PIPELINE_EXECUTION_ARN,
        "register_again": context.parameters.register_again,
        "release_folder": context.release_folder,
    }


def registration_function(context: StepContext) -> Lambda:
    """Refer to the deployed function behind the Stage and Registration steps."""
    return Lambda(function_arn=context.values.registration_function_arn, session=context.session)
