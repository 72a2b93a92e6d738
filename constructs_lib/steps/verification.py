"""Verify: lets the packaged model answer its sample payloads in its own serving container."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from constructs_lib.configs import PackageStepConfig, PayloadConfig, PytorchModelCreationConfig
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import RegionCode
from constructs_lib.s3_layout import (
    EVALUATION,
    MODEL,
    REGISTRATION_REQUEST,
    SAMPLE_PAYLOAD,
)
from constructs_lib.service_model import enum_values
from constructs_lib.service_model.instances import accelerator, has_local_storage, is_arm64
from constructs_lib.steps.context import (
    StepContext,
    s3_input,
    s3_output,
)
from constructs_lib.steps.images import image_on, serving_image
from constructs_lib.steps.packaging import PackagedModel
from constructs_lib.steps.policies import VERIFICATION_TIMEOUT, job_retries
from constructs_lib.steps.sdk import (
    Join,
    JsonGet,
    PipelineVariable,
    ProcessingInput,
    ProcessingStep,
    Processor,
    PropertyFile,
)

_STEP_NAME: Final = "Verify"
_OLDEST_PYTHON: Final = (3, 8)
"""Of ``jobs/verify_model/``; its tests run it in each Python that containers have."""
_MODEL_INPUT: Final = "/opt/ml/processing/input/model"
_SCRIPT_INPUT: Final = "/opt/ml/processing/input/code"
_REGISTRATION_INPUT: Final = "/opt/ml/processing/input/registration"
_EVALUATION_OUTPUT: Final = "/opt/ml/processing/output/evaluation"
_EVALUATION: Final = PropertyFile(
    name="Evaluation", output_name="evaluation_output", path=EVALUATION
)


class VerificationPythonError(ReleaseError):
    """The container that serves the model has a Python too old for the verification script."""


class VerificationInstanceError(ReleaseError):
    """No processing instance runs the container that serves the model."""


@dataclass(frozen=True, kw_only=True)
class VerifiedModel:
    """What the Verify step hands to the steps after it."""

    step: ProcessingStep

    @property
    def evaluation_folder(self) -> PipelineVariable:
        """S3 URI of the folder of ``evaluation.json``."""
        output = self.step.properties.ProcessingOutputConfig.Outputs[_EVALUATION.output_name]
        folder: PipelineVariable = output.S3Output.S3Uri
        return folder

    @property
    def evaluation_uri(self) -> PipelineVariable:
        """S3 URI of ``evaluation.json``."""
        return Join(on="/", values=[self.evaluation_folder, EVALUATION])

    def value(self, path: str) -> JsonGet:
        """Refer to a value in ``evaluation.json``, for example ``gate.error_rate``."""
        return JsonGet(step_name=_STEP_NAME, property_file=_EVALUATION, json_path=path)


@dataclass(frozen=True, kw_only=True)
class VerificationStepBuilder:
    """Builds the processing step that judges the packaged model.

    Its result is never reused: numbers that were measured are of one run.
    """

    model: PytorchModelCreationConfig
    package: PackageStepConfig
    payload: PayloadConfig
    context: StepContext

    def create_verification_step(
        self, packaged: PackagedModel, *, region_codes: Sequence[RegionCode]
    ) -> VerifiedModel:
        """Build ``Verify``.

        Args:
            packaged: What the Package step produced.
            region_codes: The registration regions; the container gets the environment of the home
                region, or of the first one where the model is not registered at home.

        Raises:
            VerificationPythonError: The serving container's Python is too old.
            VerificationInstanceError: No processing instance runs the serving container.
        """
        _refuse_old_python(self.model)
        folder = self.context.temporary_folder(_STEP_NAME)
        at_home = [code for code in region_codes if code.aws_region == self.context.home_region]
        step = ProcessingStep(
            name=_STEP_NAME,
            step_args=self._processor().run(
                inputs=self._inputs(packaged),
                outputs=[s3_output(_EVALUATION.output_name, folder, _EVALUATION_OUTPUT)],
                arguments=self._arguments(packaged, [*at_home, *region_codes][0]),
            ),
            property_files=[_EVALUATION],
            retry_policies=job_retries(),
        )
        return VerifiedModel(step=step)

    def _processor(self) -> Processor:
        instance_type = verification_instance_type(
            self.model, self.package, self.payload, self.context.home_region
        )
        parameters = self.context.parameters
        script = f"{_SCRIPT_INPUT}/{self.context.values.verification_script_key}"
        return Processor(
            role=self.context.values.job_role_arn,
            image_uri=serving_image(self.model, self.context.home_region),
            instance_count=1,
            instance_type=instance_type,
            entrypoint=["python3", script],
            volume_size_in_gb=self.package.processing_volume_size,
            volume_kms_key=(
                None if has_local_storage(instance_type) else parameters.encryption_key
            ),
            output_kms_key=parameters.encryption_key,
            max_runtime_in_seconds=int(VERIFICATION_TIMEOUT.total_seconds()),
            network_config=self.context.isolated_network(),
            sagemaker_session=self.context.session,
        )

    def _inputs(self, packaged: PackagedModel) -> list[ProcessingInput]:
        values = self.context.values
        script = values.asset_uri(values.verification_script_key)
        # The very files that model packages will name: Stage proves them.
        files = Join(on="/", values=[packaged.registration_files_uri, ""])
        return [
            s3_input("packaged_model_input", packaged.artifact_uri, _MODEL_INPUT),
            s3_input("verification_script_input", script, _SCRIPT_INPUT),
            s3_input("registration_files_input", files, _REGISTRATION_INPUT),
        ]

    def _arguments(
        self, packaged: PackagedModel, region_code: RegionCode
    ) -> list[str | PipelineVariable]:
        arguments = {
            "--model": f"{_MODEL_INPUT}/{MODEL}",
            "--payload": f"{_REGISTRATION_INPUT}/{SAMPLE_PAYLOAD}",
            # The container's environment is in here: a job's own takes 256 characters a value.
            "--request": f"{_REGISTRATION_INPUT}/{REGISTRATION_REQUEST}",
            "--region-code": region_code,
            "--output": f"{_EVALUATION_OUTPUT}/{EVALUATION}",
            "--load-seconds": self.payload.verification_load_seconds,
            "--startup-timeout": self.model.container_startup_health_check_timeout,
            "--memory-limit": self.model.container_memory_limit,
        }
        words = [str(word) for argument in arguments.items() for word in argument]
        if not self.package.uses_own_script:
            # Of what a script of the user's makes its digest, only that script knows.
            return [*words]
        return [*words, "--code-sha256", packaged.code_sha256]


def _refuse_old_python(model: PytorchModelCreationConfig) -> None:
    # py2, py3 and py36: containers of PyTorch up to 1.8.
    minor = re.fullmatch(r"py3(\d+)", model.py_version)
    if minor is None or (3, int(minor[1])) < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        container = f"the container of PyTorch {model.framework_version}"
        fix = "Serve it with PyTorch 1.9 or later"
        if model.serving_container == "custom":
            container, fix = "your own image", "Put a newer Python into the image"
        raise VerificationPythonError(
            f"The model cannot be verified in {container} with {model.py_version}: verification"
            f' needs Python {oldest}. {fix}, or set verification in Payload to "off".'
        )


def verification_instance_type(
    model: PytorchModelCreationConfig,
    package: PackageStepConfig,
    payload: PayloadConfig,
    home_region: str,
) -> str:
    """Choose the instance type of the verification job.

    Args:
        model: Names the container and the type that serves it.
        package: Names the type of processing jobs.
        payload: May name a type for verification.
        home_region: AWS region of the job.

    Raises:
        VerificationInstanceError: The type that serves cannot run jobs, and the container is not
            one for the type of packaging or the one that Payload names.
    """
    serving = model.inference_instance_type
    packaging = package.get_instance_type()
    _refuse_arm64(serving)
    if payload.verification_instance_type is not None:
        return payload.verification_instance_type
    if serving in enum_values("ProcessingInstanceType"):
        return serving
    image = image_on(serving, model, home_region)
    other = image_on(packaging, model, home_region)
    # A container for an accelerator may start elsewhere, too, and judge something else.
    if image == other and accelerator(serving) is None:
        return packaging
    raise VerificationInstanceError(
        f"The model cannot be verified on {serving}, which serves it: SageMaker runs no processing"
        f" jobs there, and its container {image} is not one for {packaging}, which packages it."
        " Set verification_instance_type in Payload to a type that runs both, or verification to"
        ' "off".'
    )


def _refuse_arm64(serving: str) -> None:
    if is_arm64(serving):
        raise VerificationInstanceError(
            f"The model cannot be verified in the container that serves it on {serving}: the"
            " container is of arm64, and SageMaker runs no processing jobs on Graviton. Set"
            ' verification in Payload to "off", or serve the model on a type of x86, such as'
            " ml.m5.large."
        )
