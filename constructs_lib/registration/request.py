"""What is registered in one region: one typed object, from which everything else is derived.

    config -> RegistrationRequest -+-> STEP_CONFIG of the execution document (step_config.py)
                                   +-> registration.json, which the function that registers reads
                                       (file.py): CreateModelPackage arguments with slots
                                       (model_package.py, with the model card of model_card.py)

A request is static: it is complete when the pipeline is synthesized. Buckets, URIs and ARNs are
known when the pipeline is deployed or runs; they are arguments of what renders it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from constructs_lib.configs import PipelineConfigs, VariableType
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import RegionCode
from constructs_lib.service_model import max_length
from constructs_lib.serving import serving_profile

MEASURED_NUMBERS: Final = ("latency_p99_in_millisecond", "error_rate", "achieved_tps")
"""What verification measures and a model package tells, named as in ``evaluation.json``."""

_RELEASE_VALUES: Final = (
    "model_data_url",
    "sample_payload_url",
    "model_approval_status",
    "artifact_sha256",
    "code_sha256",
    "packaging_manifest_uri",
    "registration_request_uri",
    "pipeline_execution_arn",
    "source_model_artifact_uri",
    "git_commit",
)
_VERIFICATION_VALUES: Final = (
    "evaluation_uri",
    "verdict",
    "verification_summary",
    *MEASURED_NUMBERS,
)
_TRAINING_VALUES: Final = ("training_job_arn",)


class RegistrationRequestError(ReleaseError):
    """A registration that the service would reject, or a registration file that is none."""


class LoadTestSettings(BaseModel):
    """What the serving team tests a registered model for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expected_tps: int
    max_latency_in_millisecond: int
    max_acceptable_error_rate: float


class RegistrationRequest(BaseModel):
    """One region's registration, as far as it is known when the pipeline is synthesized.

    Made by :func:`registration_request`, which checks it against the service model::

        request = registration_request(configs, EU, image_uri)
        step_config(request, "s3://bucket/payload.tar.gz")["source_model_region"]  # "eu-west-1"
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region_code: str
    """What the region is called: its name, or the AWS region where it has none."""
    aws_region: str
    pipeline_name: str
    pipeline_version: str
    model_package_group_name: str
    description: str
    model_owner: str
    model_domain: str
    """Business domain; ``Domain`` of the service is an enumeration of its own."""
    model_objective: str
    content_types: tuple[str, ...]
    response_types: tuple[str, ...]
    input_variables: tuple[tuple[str, VariableType], ...]
    """In the order of the columns of a CSV payload."""
    output_variables: tuple[tuple[str, VariableType], ...]
    image_uri: str
    framework_version: str
    environment: dict[str, str]
    inference_instance_types: tuple[str, ...]
    """What the model is load-tested on and supported on."""
    load_test: LoadTestSettings
    verification: Literal["enforce", "warn", "off"] = "off"
    """Whether the model answered its payloads before it is registered, and had to."""
    training_data_uri: str | None = None
    """What the pipeline trained the model on; None for a model that was trained elsewhere."""

    @property
    def region(self) -> RegionCode:
        """The region that is registered in."""
        return RegionCode(self.region_code, self.aws_region)

    @property
    def is_verified(self) -> bool:
        """Whether there are measured numbers to register."""
        return self.verification != "off"

    @property
    def value_names(self) -> tuple[str, ...]:
        """The values that :func:`.model_package_arguments` takes. Texts, except for the numbers.

        =============================  ==========================================================
        ``model_data_url``             S3 URI of the packaged ``model.tar.gz``, in this region
        ``sample_payload_url``         S3 URI of the payload archive, a ``.tar.gz`` in this region
        ``model_approval_status``      ``PendingManualApproval``, ``Approved`` or ``Rejected``
        ``artifact_sha256``            digest of ``model.tar.gz``
        ``code_sha256``                digest of the inference code in it
        ``packaging_manifest_uri``     S3 URI of the manifest, with sizes and more digests
        ``registration_request_uri``   S3 URI of the registration file
        ``pipeline_execution_arn``     the execution that registers
        ``source_model_artifact_uri``  S3 URI of the artifact that was packaged
        ``git_commit``                 what the execution was started from, or ``unknown``
        ``evaluation_uri``             verified: S3 URI of ``evaluation.json``, in this region
        ``verdict``                    verified: ``passed`` or ``failed``
        ``verification_summary``       verified: one line of ASCII that needs no escapes in JSON
        ``latency_p99_in_millisecond`` verified: a number
        ``error_rate``                 verified: a number, 0 to 1
        ``achieved_tps``               verified: a number
        ``training_job_arn``           trained: the job that made the artifact
        =============================  ==========================================================
        """
        return (
            *_RELEASE_VALUES,
            *(_VERIFICATION_VALUES if self.is_verified else ()),
            *(_TRAINING_VALUES if self.training_data_uri is not None else ()),
        )


def registration_request(
    configs: PipelineConfigs,
    region_code: RegionCode,
    image_uri: str,
) -> RegistrationRequest:
    """Gather what one region's registration needs from the configs.

    Args:
        configs: All sections of the config file.
        region_code: The region to register in.
        image_uri: Image of the serving container, in that region.
    """
    base, model, payload = configs.base, configs.model, configs.payload
    return RegistrationRequest(
        region_code=region_code,
        aws_region=region_code.aws_region,
        pipeline_name=base.pipeline_name,
        pipeline_version=base.pipeline_version,
        model_package_group_name=model_package_group_name(base.pipeline_name),
        description=base.pipeline_description,
        model_owner=payload.model_owner,
        model_domain=payload.model_registration_domain,
        model_objective=payload.model_registration_objective,
        content_types=tuple(payload.source_model_inference_content_types),
        response_types=tuple(payload.source_model_inference_response_types),
        input_variables=tuple(payload.source_model_inference_input_variable_list),
        output_variables=tuple(payload.source_model_inference_output_variable_list.items()),
        image_uri=image_uri,
        framework_version=model.framework_version,
        environment=serving_profile(model).environment(region_code.aws_region),
        inference_instance_types=tuple(
            payload.inference_instance_types or [model.inference_instance_type]
        ),
        load_test=LoadTestSettings(
            expected_tps=payload.expected_tps,
            max_latency_in_millisecond=payload.max_latency_in_millisecond,
            max_acceptable_error_rate=payload.max_acceptable_error_rate,
        ),
        verification=payload.verification,
        training_data_uri=configs.training.input_path if configs.training else None,
    )


def model_package_group_name(pipeline_name: str) -> str:
    """Return the name of the model package group that a pipeline registers in, in each region.

    The pipeline's name with ``-`` for what the service does not take. A longer one is cut and
    ends in a digest, so that two long names do not meet.
    """
    name = re.sub("[^A-Za-z0-9-]+", "-", pipeline_name).strip("-")
    longest = max_length("EntityName")
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(pipeline_name.encode()).hexdigest()[:8]
    return f"{name[: longest - len(digest) - 1].rstrip('-')}-{digest}"
