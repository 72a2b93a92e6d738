"""Package: puts the inference code into the model artifact.

The job also passes the sample payload and the registration request on, for Stage to put beside the
released models: CDK's asset bucket gives neither a name nor a life as long as a registered model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from constructs_lib.configs import PackageStepConfig
from constructs_lib.registration.execution_document import REGISTRATION_REQUEST_INPUT
from constructs_lib.s3_layout import MANIFEST, MODEL, REGISTRATION_REQUEST, SAMPLE_PAYLOAD
from constructs_lib.service_model.instances import has_local_storage
from constructs_lib.steps.context import (
    StepContext,
    s3_input,
    s3_output,
)
from constructs_lib.steps.earlier import refuse_earlier_arguments
from constructs_lib.steps.images import sklearn_image
from constructs_lib.steps.policies import PACKAGING_TIMEOUT, job_retries
from constructs_lib.steps.sdk import (
    CacheConfig,
    Join,
    JsonGet,
    PipelineVariable,
    ProcessingInput,
    ProcessingOutput,
    ProcessingStep,
    Processor,
    PropertyFile,
)

_STEP_NAME: Final = "Package"
_MODEL_INPUT: Final = "/opt/ml/processing/input/model"
_CODE_INPUT: Final = "/opt/ml/processing/input/code_archive"
_SCRIPT_INPUT: Final = "/opt/ml/processing/input/code"
_PAYLOAD_INPUT: Final = "/opt/ml/processing/input/sample_payload"
_REQUEST_INPUT: Final = "/opt/ml/processing/input/registration_request"
_MODEL_OUTPUT: Final = "/opt/ml/processing/output/model"
_MANIFEST_OUTPUT: Final = "/opt/ml/processing/output/manifest"
_REGISTRATION_OUTPUT: Final = "/opt/ml/processing/output/registration"
_MODEL_OUTPUT_NAME: Final = "packaged_model_output"
_REGISTRATION_OUTPUT_NAME: Final = "registration_files_output"
_MANIFEST: Final = PropertyFile(
    name="PackageManifest", output_name="packaging_manifest_output", path=MANIFEST
)


@dataclass(frozen=True, kw_only=True)
class PackagedModel:
    """What the Package step hands to the steps after it."""

    step: ProcessingStep
    artifact_uri: PipelineVariable
    """S3 URI of the packaged ``model.tar.gz``."""
    manifest_uri: PipelineVariable
    """S3 URI of the packaging manifest that the digests below are read from."""
    registration_files_uri: PipelineVariable
    """S3 URI of the folder of the sample payload and the registration request."""
    artifact_sha256: PipelineVariable
    """Digest of ``model.tar.gz``, from the manifest."""
    code_sha256: PipelineVariable
    """Digest of the inference code in it, from the manifest."""


@refuse_earlier_arguments
@dataclass(frozen=True, kw_only=True)
class MIMSPackagingStepBuilder:
    """Builds the processing step that repacks the model with its inference code."""

    config: PackageStepConfig
    context: StepContext

    def create_packaging_step(
        self,
        *,
        model_data: object,
        inference_code_uri: str,
        entry_point: str | None,
        serving_arguments: Sequence[str],
        cache_config: CacheConfig | None,
    ) -> PackagedModel:
        """Build ``Package``.

        Args:
            model_data: S3 URI of the artifact to repack.
            inference_code_uri: S3 URI of the archive (or folder) with the inference code.
            entry_point: File that the inference code must contain, for example ``inference.py``;
                None if it needs none.
            serving_arguments: What the script is told of the container that will serve the model.
            cache_config: When an earlier result may be reused. SageMaker compares the URI of
                ``model_data``, not the content: give one only where a URI has one content.
        """
        step = ProcessingStep(
            name=_STEP_NAME,
            step_args=self._processor().run(
                inputs=[
                    s3_input("model_input", model_data, _MODEL_INPUT),
                    s3_input("inference_scripts_input", inference_code_uri, _CODE_INPUT),
                    *self._asset_inputs(),
                ],
                outputs=self._outputs(),
                arguments=self._arguments(entry_point, serving_arguments),
            ),
            property_files=[_MANIFEST],
            cache_config=cache_config,
            retry_policies=job_retries(),
        )
        outputs = step.properties.ProcessingOutputConfig.Outputs
        model, manifest = outputs[_MODEL_OUTPUT_NAME], outputs[_MANIFEST.output_name]
        return PackagedModel(
            step=step,
            artifact_uri=Join(on="/", values=[model.S3Output.S3Uri, MODEL]),
            manifest_uri=Join(on="/", values=[manifest.S3Output.S3Uri, _MANIFEST.path]),
            registration_files_uri=outputs[_REGISTRATION_OUTPUT_NAME].S3Output.S3Uri,
            artifact_sha256=_manifest_value("sha256"),
            code_sha256=_manifest_value("code_sha256"),
        )

    def _processor(self) -> Processor:
        instance_type = self.config.get_instance_type()
        parameters = self.context.parameters
        script = f"{_SCRIPT_INPUT}/{self.context.values.packaging_script_key}"
        return Processor(
            role=self.context.values.job_role_arn,
            image_uri=sklearn_image(
                region=self.context.home_region,
                framework_version=self.config.processing_framework_version,
                instance_type=instance_type,
            ),
            instance_count=self.config.processing_instance_count,
            instance_type=instance_type,
            entrypoint=["python3", script],
            volume_size_in_gb=self.config.processing_volume_size,
            volume_kms_key=(
                None if has_local_storage(instance_type) else parameters.encryption_key
            ),
            output_kms_key=parameters.encryption_key,
            max_runtime_in_seconds=int(PACKAGING_TIMEOUT.total_seconds()),
            network_config=self.context.isolated_network(),
            sagemaker_session=self.context.session,
        )

    def _asset_inputs(self) -> list[ProcessingInput]:
        values = self.context.values
        return [
            s3_input(name, values.asset_uri(key), local_path)
            for name, key, local_path in (
                ("packaging_script_input", values.packaging_script_key, _SCRIPT_INPUT),
                ("sample_payload_input", values.sample_payload_key, _PAYLOAD_INPUT),
                (REGISTRATION_REQUEST_INPUT, values.registration_request_key, _REQUEST_INPUT),
            )
        ]

    def _outputs(self) -> list[ProcessingOutput]:
        folder = self.context.temporary_folder
        return [
            s3_output(_MODEL_OUTPUT_NAME, folder(_STEP_NAME, "model"), _MODEL_OUTPUT),
            s3_output(
                _REGISTRATION_OUTPUT_NAME,
                folder(_STEP_NAME, "files"),  # a folder "registration" is written once
                _REGISTRATION_OUTPUT,
            ),
            s3_output(_MANIFEST.output_name, folder(_STEP_NAME), _MANIFEST_OUTPUT),
        ]

    def _arguments(self, entry_point: str | None, serving_arguments: Sequence[str]) -> list[str]:
        arguments = {
            "--model": _MODEL_INPUT,
            "--code": _CODE_INPUT,
            **({} if entry_point is None else {"--entry-point": entry_point}),
            "--output": f"{_MODEL_OUTPUT}/{MODEL}",
            # What the pipeline reads, and what is released; a second copy lies beside the model.
            "--manifest": f"{_MANIFEST_OUTPUT}/{_MANIFEST.path}",
        }
        copies = {
            _PAYLOAD_INPUT: f"{_REGISTRATION_OUTPUT}/{SAMPLE_PAYLOAD}",
            _REQUEST_INPUT: f"{_REGISTRATION_OUTPUT}/{REGISTRATION_REQUEST}",
        }
        return [
            *(word for argument in arguments.items() for word in argument),
            *(word for copy in copies.items() for word in ("--copy", *copy)),
            *serving_arguments,
            *self.config.pickle_arguments,
            *self.config.script_arguments,
        ]


def _manifest_value(key: str) -> JsonGet:
    return JsonGet(step_name=_STEP_NAME, property_file=_MANIFEST, json_path=key)
