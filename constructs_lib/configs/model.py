"""Settings of the model creation step and of the container that serves the model."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.problems import broken_rule
from constructs_lib.configs.types import UNUSED, EntryPoint, InstanceType, check_entry_point


class PytorchModelCreationConfig(BasePipelineConfig):
    """Settings of the CreateModel step."""

    STEP_KEY: ClassVar[str] = "PytorchModel"
    OTHER_STEP_KEYS: ClassVar[tuple[str, ...]] = ("Model", "PyTorchModel")

    inference_instance_type: InstanceType = Field(
        "ml.m5.large", description="Instance type that serves the model"
    )
    inference_entry_point: EntryPoint = Field(
        "inference.py", description="Inference script, relative to source_dir"
    )
    initial_instance_count: int = Field(
        1, ge=1, description=f"Instances that serve the model; {UNUSED}"
    )
    data_download_timeout: int = Field(
        900, ge=60, description="Time to download the model artifact, seconds"
    )
    container_startup_health_check_timeout: int = Field(
        300, ge=60, description="Time to pass the first health check, seconds"
    )
    container_memory_limit: int = Field(6144, ge=1024, description="Memory of the container, MB")
    inference_memory_limit: int = Field(
        6144, ge=1, description="Memory of inference, MB; at most the container's"
    )
    max_concurrent_invocations: int = Field(
        10, ge=1, description="Requests that one instance answers at a time"
    )
    max_payload_size: int = Field(6, ge=1, le=100, description="Largest request, MB")

    def container_environment(self, aws_region: str) -> dict[str, str]:
        """Return the environment of the inference container in an AWS region such as ``eu-west-1``.

        The same for the model that CreateModel tries and for the one that is registered.
        """
        return {
            "AWS_REGION": aws_region,
            "MMS_DEFAULT_RESPONSE_TIMEOUT": str(self.container_startup_health_check_timeout),
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            "SAGEMAKER_CONTAINER_MEMORY_LIMIT": str(self.container_memory_limit),
            "SAGEMAKER_INFERENCE_MEMORY_LIMIT": str(self.inference_memory_limit),
            "SAGEMAKER_MAX_CONCURRENT_INVOCATIONS": str(self.max_concurrent_invocations),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self.max_payload_size),
            "SAGEMAKER_MODEL_DATA_DOWNLOAD_TIMEOUT": str(self.data_download_timeout),
            "SAGEMAKER_PROGRAM": self.inference_entry_point,
            "SAGEMAKER_REGION": aws_region,
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        }

    @field_validator("inference_entry_point")
    @classmethod
    def _entry_point_exists(cls, value: str, info: ValidationInfo) -> str:
        return check_entry_point(value, info, "source_dir")

    @field_validator("container_startup_health_check_timeout")
    @classmethod
    def _health_check_within_download(cls, value: int, info: ValidationInfo) -> int:
        return _at_most(value, info, "data_download_timeout", "seconds")

    @field_validator("inference_memory_limit")
    @classmethod
    def _inference_fits_container(cls, value: int, info: ValidationInfo) -> int:
        return _at_most(value, info, "container_memory_limit", "MB")


def _at_most(value: int, info: ValidationInfo, other: str, unit: str) -> int:
    limit = info.data.get(other)
    if limit is not None and value > limit:
        raise broken_rule(
            f"{info.field_name} ({value} {unit}) must not be above {other} ({limit} {unit})", other
        )
    return value
