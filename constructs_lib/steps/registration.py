"""Registration: one step per region, all from the same typed request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.regions import RegionCode
from constructs_lib.registration_request import RegistrationRequest
from constructs_lib.steps.context import REGISTRATION_REQUEST, SAMPLE_PAYLOAD, StepContext
from constructs_lib.steps.packaging import PackagedModel
from constructs_lib.steps.policies import api_retries
from constructs_lib.steps.sdk import (
    ExecutionVariables,
    Lambda,
    LambdaOutput,
    LambdaOutputTypeEnum,
    LambdaStep,
    ModelBuilder,
    ModelPackageModelCard,
    ModelStep,
    Step,
)

_OUTPUTS: Final = ("model_package_arn", "model_artifact_uri", "sample_payload_uri")


@dataclass(frozen=True, kw_only=True)
class ModelRegistrationStepBuilder:
    """Builds the steps that register the packaged model, named ``Registration-<region code>``.

    The home region's step is SageMaker's own; every other region's invokes a function that copies
    the artifact there first.
    """

    requests: Mapping[RegionCode, RegistrationRequest]
    context: StepContext

    def create_step(self, packaged: PackagedModel) -> list[Step]:
        """Build one independent step per region.

        Args:
            packaged: What the Package step produced.
        """
        return [
            self._home_step(request, packaged)
            if request.aws_region == self.context.home_region
            else self._other_region_step(request, packaged)
            for request in self.requests.values()
        ]

    def _home_step(self, request: RegistrationRequest, packaged: PackagedModel) -> ModelStep:
        files = self.context.registration_files_uri(self.context.values.artifact_bucket_name)
        arguments = request.model_package_arguments(
            model_data_url=packaged.artifact_uri,
            sample_payload_url=f"{files}/{SAMPLE_PAYLOAD}",
            model_approval_status=self.context.parameters.approval_status,
            artifact_sha256=packaged.artifact_sha256,
            code_sha256=packaged.code_sha256,
            packaging_manifest_uri=packaged.manifest_uri,
            registration_request_uri=f"{files}/{REGISTRATION_REQUEST}",
            pipeline_execution_arn=ExecutionVariables.PIPELINE_EXECUTION_ARN,
        )
        return ModelStep(
            name=step_name(request),
            step_args=_register(self.context, arguments),
            # The registration files are outputs of Package that no argument refers to.
            depends_on=[packaged.step],
            retry_policies=api_retries(),
        )

    def _other_region_step(
        self, request: RegistrationRequest, packaged: PackagedModel
    ) -> LambdaStep:
        values = self.context.values
        files = self.context.registration_files_uri(values.artifact_bucket_name)
        bucket = values.registry_bucket_names[request.region_code]
        copies = self.context.registration_files_uri(bucket)
        return LambdaStep(
            name=step_name(request),
            lambda_func=Lambda(
                function_arn=values.registration_function_arn, session=self.context.session
            ),
            inputs={
                "artifact_sha256": packaged.artifact_sha256,
                "aws_region": request.aws_region,
                "code_sha256": packaged.code_sha256,
                "destination_bucket": bucket,
                "kms_key_id": values.registry_key_arns[request.region_code],
                "model_approval_status": self.context.parameters.approval_status,
                "model_artifact_uri": packaged.artifact_uri,
                "model_package_group_name": request.model_package_group_name,
                "packaging_manifest_uri": packaged.manifest_uri,
                "pipeline_execution_arn": ExecutionVariables.PIPELINE_EXECUTION_ARN,
                "region_code": str(request.region_code),
                "registration_request_uri": f"{files}/{REGISTRATION_REQUEST}",
                "sample_payload_destination_uri": f"{copies}/{SAMPLE_PAYLOAD}",
                "sample_payload_uri": f"{files}/{SAMPLE_PAYLOAD}",
            },
            outputs=[LambdaOutput(name, LambdaOutputTypeEnum.String) for name in _OUTPUTS],
            depends_on=[packaged.step],
        )


def step_name(request: RegistrationRequest) -> str:
    """Name a region's step as execution documents do."""
    return f"Registration-{request.region_code}"


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
    compiled = step_args.create_model_package_request["InferenceSpecification"]["Containers"][0]
    compiled |= {name: container[name] for name in ("Framework", "FrameworkVersion")}
    return step_args
