"""Registration: one step per region, all from the same typed request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.registration.model_package import model_package_arguments
from constructs_lib.registration.request import MEASURED_NUMBERS, RegistrationRequest
from constructs_lib.s3_layout import SAMPLE_PAYLOAD
from constructs_lib.steps.context import StepContext
from constructs_lib.steps.earlier import refuse_earlier_arguments
from constructs_lib.steps.packaging import PackagedModel
from constructs_lib.steps.policies import api_retries
from constructs_lib.steps.sdk import (
    ExecutionVariables,
    Join,
    LambdaOutput,
    LambdaOutputTypeEnum,
    LambdaStep,
    ModelBuilder,
    ModelPackageModelCard,
    ModelStep,
    Step,
)
from constructs_lib.steps.staging import StagedModel, registration_function
from constructs_lib.steps.verification import VerifiedModel

_OUTPUTS: Final = ("model_package_arn", "model_artifact_uri", "sample_payload_uri")


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

    The home region's step is SageMaker's own; every other region's invokes the function that has
    staged the model there.
    """

    packaged: PackagedModel
    verified: VerifiedModel | None
    provenance: Provenance
    context: StepContext

    def create_step(
        self,
        request: RegistrationRequest,
        staged: StagedModel,
        *,
        after: Sequence[StagedModel] = (),
    ) -> Step:
        """Build the step of one region.

        Args:
            request: What to register there.
            staged: What that region's Stage step produced.
            after: What other Stage steps produced that are waited for; none for a step behind a
                condition, which waits for them.
        """
        if request.aws_region == self.context.home_region:
            return self._home_step(request, staged)
        return self._other_region_step(request, staged, [each.step for each in after])

    def _home_step(self, request: RegistrationRequest, staged: StagedModel) -> ModelStep:
        values = {
            **self._known_before(request),
            "model_approval_status": self.context.parameters.approval_status,
            "model_data_url": staged.output("model_artifact_uri"),
            "packaging_manifest_uri": staged.output("packaging_manifest_uri"),
            "registration_request_uri": staged.output("registration_request_uri"),
            "sample_payload_url": self._sample_payload_uri(request),
            **self._measured(staged),
        }
        arguments = model_package_arguments(request, values, _joined)
        return ModelStep(
            name=step_name(request),
            step_args=_register(self.context, arguments),
            retry_policies=api_retries(),
        )

    def _measured(self, staged: StagedModel) -> dict[str, object]:
        if self.verified is None:
            return {}
        return {
            "evaluation_uri": staged.output("evaluation_uri"),
            "verdict": self.verified.value("verdict"),
            "verification_summary": self.verified.value("summary"),
            **{name: self.verified.value(f"gate.{name}") for name in MEASURED_NUMBERS},
        }

    def _other_region_step(
        self, request: RegistrationRequest, staged: StagedModel, after: list[LambdaStep]
    ) -> LambdaStep:
        in_place = ("evaluation_uri", "model_artifact_uri", "packaging_manifest_uri")
        return LambdaStep(
            name=step_name(request),
            lambda_func=registration_function(self.context),
            inputs={
                "action": "register",
                "aws_region": request.aws_region,
                "model_approval_status": self.context.parameters.approval_status,
                "model_package_group_name": request.model_package_group_name,
                "region_code": str(request.region_code),
                "register_again": self.context.parameters.register_again,
                "registration_request_uri": staged.output("registration_request_uri"),
                "sample_payload_uri": self._sample_payload_uri(request),
                **{name: staged.output(name) for name in in_place},
                **self._known_before(request),
            },
            outputs=[LambdaOutput(name, LambdaOutputTypeEnum.String) for name in _OUTPUTS],
            depends_on=after,
        )

    def _known_before(self, request: RegistrationRequest) -> dict[str, object]:
        trained = (
            {}
            if request.training_data_uri is None
            else {"training_job_arn": self.provenance.training_job_arn}
        )
        return {
            "artifact_sha256": self.packaged.artifact_sha256,
            "code_sha256": self.packaged.code_sha256,
            "git_commit": self.context.parameters.git_commit,
            "pipeline_execution_arn": ExecutionVariables.PIPELINE_EXECUTION_ARN,
            "source_model_artifact_uri": self.provenance.source_artifact_uri,
            **trained,
        }

    def _sample_payload_uri(self, request: RegistrationRequest) -> str:
        # Known before any execution, unlike the same output of Stage: execution documents tell it.
        bucket = self.context.artifact_bucket_of(request.region_code)
        return f"{self.context.registration_files_uri(bucket)}/{SAMPLE_PAYLOAD}"


def step_name(request: RegistrationRequest) -> str:
    """Name a region's step as execution documents do."""
    return f"Registration-{request.region_code}"


def _joined(parts: Sequence[object]) -> object:
    return parts[0] if list(map(type, parts)) == [str] else Join(on="", values=list(parts))


def _register(context: StepContext, arguments: Mapping[str, Any]) -> object:
    """Pass CreateModelPackage arguments through the SDK, which names them its own way."""
    specification = arguments["InferenceSpecification"]
    (container,) = specification["Containers"]
    model = ModelBuilder(
        image_uri=container["Image"],
        s3_model_data_url=container["ModelDataUrl"],
        env_vars=container["Environment"],
        role_arn=context.values.execution_role_arn,
        instance_type=specification["SupportedRealtimeInferenceInstanceTypes"][0],
        sagemaker_session=context.session,
        model_path=None,  # it would make a folder in the /tmp of all users
    )
    step_args = model.register(
        model_package_group_name=arguments["ModelPackageGroupName"],
        description=arguments["ModelPackageDescription"],
        content_types=specification["SupportedContentTypes"],
        response_types=specification["SupportedResponseMIMETypes"],
        inference_instances=specification["SupportedRealtimeInferenceInstanceTypes"],
        transform_instances=specification.get("SupportedTransformInstanceTypes"),
        domain=arguments["Domain"],
        task=arguments["Task"],
        sample_payload_url=arguments["SamplePayloadUrl"],
        approval_status=arguments["ModelApprovalStatus"],
        customer_metadata_properties=arguments["CustomerMetadataProperties"],
        skip_model_validation=arguments["SkipModelValidation"],
        model_card=ModelPackageModelCard(
            model_card_content=arguments["ModelCard"]["ModelCardContent"],
            model_card_status=arguments["ModelCard"]["ModelCardStatus"],
        ),
    )
    # Given to ModelBuilder, the framework would make it upload code to S3 while compiling.
    request = step_args.create_model_package_request
    compiled = request["InferenceSpecification"]["Containers"][0]
    compiled |= {name: container[name] for name in ("Framework", "FrameworkVersion")}
    if "ModelMetrics" in arguments:
        request["ModelMetrics"] = arguments["ModelMetrics"]
    return step_args
