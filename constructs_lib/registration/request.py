"""What is registered in one region: one typed object, from which everything else is derived.

    config -> RegistrationRequest -+-> STEP_CONFIG of the execution document
                                   +-> CreateModelPackage arguments of the home region's step
                                   +-> registration.json, which the other regions' function reads

A request is static: it is complete when the pipeline is synthesized. Buckets, URIs and ARNs are
known when the pipeline is deployed or runs; they are arguments of its methods.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from constructs_lib.configs import VariableType
from constructs_lib.deploy_time_values import holds_variable
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import RegionCode
from constructs_lib.registration.model_card import (
    MEASURED_NUMBERS,
    OpenValue,
    model_card_content,
    shortened,
)
from constructs_lib.release.s3_uris import bucket_and_key
from constructs_lib.service_model import (
    enum_values,
    matches_pattern,
    max_length,
)

if TYPE_CHECKING:
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.findings import Finding

SCHEMA_VERSION: Final = 1
"""Version of the registration file; ``jobs/register_model.py`` reads the same one."""

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
)
_VERIFICATION_VALUES: Final = (
    "evaluation_uri",
    "verdict",
    "verification_summary",
    *MEASURED_NUMBERS,
)
_TRAINING_VALUES: Final = ("training_job_arn",)

Joiner = Callable[[Sequence[object]], object]
"""Makes one text of parts, of which some may be known only when the pipeline runs."""

STEP_CONFIG_ENVIRONMENT: Final = (
    "SAGEMAKER_CONTAINER_LOG_LEVEL",
    "SAGEMAKER_PROGRAM",
    "SAGEMAKER_REGION",
    "SAGEMAKER_SUBMIT_DIRECTORY",
)
"""The part of the container's environment that execution documents hold."""


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

        request = registration_request(configs, RegionCode.EU, image_uri)
        request.step_config("s3://bucket/payload.tar.gz")["source_model_region"]  # "eu-west-1"
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region_code: RegionCode
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
    def is_verified(self) -> bool:
        """Whether there are measured numbers to register."""
        return self.verification != "off"

    @property
    def value_names(self) -> tuple[str, ...]:
        """The values that :meth:`model_package_arguments` takes. Texts, except for the numbers.

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
        ``evaluation_uri``             verified: S3 URI of ``evaluation.json``, in this region
        ``verdict``                    verified: ``passed`` or ``failed``
        ``verification_summary``       verified: one line of ASCII, no quotes, no backslashes
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

    def step_config(self, sample_payload_s3_uri: str) -> dict[str, Any]:
        """Render ``STEP_CONFIG`` of this region's step in an execution document.

        Args:
            sample_payload_s3_uri: Where the payload archive is that the region's model package
                names.
        """
        bucket, key = bucket_and_key(sample_payload_s3_uri)
        return {
            "model_domain": self.model_domain,
            "model_objective": self.model_objective,
            "model_owner": self.model_owner,
            "model_registration_region": str(self.region_code),
            "source_model_region": self.aws_region,
            "source_model_inference_image_arn": self.image_uri,
            "source_model_inference_content_types": list(self.content_types),
            "source_model_inference_response_types": list(self.response_types),
            "source_model_inference_input_variable_list": [
                [name, variable_type.value] for name, variable_type in self.input_variables
            ],
            "source_model_inference_output_variable_list": {
                name: variable_type.value for name, variable_type in self.output_variables
            },
            "source_model_environment_variable_map": {
                name: self.environment[name] for name in STEP_CONFIG_ENVIRONMENT
            },
            "load_testing_info_map": {
                "sample_payload_s3_bucket": bucket,
                "sample_payload_s3_key": key,
                "expected_tps": self.load_test.expected_tps,
                "max_latency_in_millisecond": self.load_test.max_latency_in_millisecond,
                "max_acceptable_error_rate": self.load_test.max_acceptable_error_rate,
                "instance_type_list": list(self.inference_instance_types),
            },
        }

    def model_package_arguments(self, values: Mapping[str, object], join: Joiner) -> dict[str, Any]:
        """Render the arguments of CreateModelPackage, as botocore names them.

        Args:
            values: What :attr:`value_names` names: text, or anything that stands for it until the
                pipeline runs, such as a pipeline parameter. They are passed on as they are.
            join: Makes one text of texts and values.
        """
        arguments = {
            "ModelPackageGroupName": self.model_package_group_name,
            "ModelPackageDescription": _service_text(self.description, "EntityDescription"),
            "InferenceSpecification": self._inference_specification(values["model_data_url"]),
            # The service's own enumerations (Inference Recommender); the business terms are below.
            "Domain": "MACHINE_LEARNING",
            "Task": "OTHER",
            "SamplePayloadUrl": values["sample_payload_url"],
            "ModelApprovalStatus": values["model_approval_status"],
            "SkipModelValidation": "None",
            "CustomerMetadataProperties": self._customer_metadata(values, join),
            "ModelCard": {
                "ModelCardStatus": "Draft",
                "ModelCardContent": join(
                    [
                        values[part.name] if isinstance(part, OpenValue) else part
                        for part in model_card_content(self)
                    ]
                ),
            },
        }
        if self.is_verified:
            statistics = {"ContentType": "application/json", "S3Uri": values["evaluation_uri"]}
            arguments["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
        return arguments

    def _customer_metadata(self, values: Mapping[str, object], join: Joiner) -> dict[str, object]:
        identifiers = {
            "pipeline_name": self.pipeline_name,
            "pipeline_version": self.pipeline_version,
            "model_registration_region": str(self.region_code),
            "registration_request": values["registration_request_uri"],
            "pipeline_execution_arn": values["pipeline_execution_arn"],
            "artifact_sha256": values["artifact_sha256"],
            "code_sha256": values["code_sha256"],
            "packaging_manifest": values["packaging_manifest_uri"],
            "verification": self.verification,
        }
        if self.is_verified:
            identifiers |= {
                "verification_verdict": values["verdict"],
                "evaluation": values["evaluation_uri"],
                # Numbers, and the service takes texts.
                **{name: join([values[name]]) for name in MEASURED_NUMBERS},
            }
        texts = {
            "model_owner": self.model_owner,
            "model_domain": self.model_domain,
            "model_objective": self.model_objective,
        }
        return customer_metadata(identifiers=identifiers, texts=texts)

    def _inference_specification(self, model_data_url: object) -> dict[str, Any]:
        specification = {
            "Containers": [
                {
                    "Image": self.image_uri,
                    "ModelDataUrl": model_data_url,
                    "Environment": dict(self.environment),
                    "Framework": "PYTORCH",
                    "FrameworkVersion": self.framework_version,
                }
            ],
            "SupportedContentTypes": list(self.content_types),
            "SupportedResponseMIMETypes": list(self.response_types),
            "SupportedRealtimeInferenceInstanceTypes": list(self.inference_instance_types),
        }
        # Fewer types can run batch transform, and the service takes no empty list of them.
        transform_types = set(enum_values("TransformInstanceType"))
        if types := [name for name in self.inference_instance_types if name in transform_types]:
            specification["SupportedTransformInstanceTypes"] = types
        return specification

    def model_package_template(self) -> dict[str, Any]:
        """Render :meth:`model_package_arguments` as the registration file holds it.

        ``{"$slot": name}`` stands for a value, ``{"$join": [...]}`` for one text made of texts
        and slots; ``jobs/register_model.py`` fills them.
        """
        return self.model_package_arguments(
            {name: {"$slot": name} for name in self.value_names},
            lambda parts: {"$join": list(parts)},
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
        image_uri: PyTorch inference image of that region.
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
        environment=model.container_environment(region_code.aws_region),
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


def registration_findings(request: RegistrationRequest) -> list[Finding]:
    """List what CreateModelPackage would reject of a registration, or what is likely a mistake."""
    # Here: it takes as long to import as everything else that a compiled pipeline needs.
    from constructs_lib.linter import lint_request

    arguments = request.model_package_arguments(
        dict.fromkeys(request.value_names, "${KnownLater}"), lambda parts: "".join(map(str, parts))
    )
    step = f"Registration-{request.region_code}"
    found = lint_request("CreateModelPackage", arguments)
    return [dataclasses.replace(finding, step=step) for finding in found]


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


def customer_metadata(
    *, identifiers: Mapping[str, object], texts: Mapping[str, str]
) -> dict[str, object]:
    """Build CustomerMetadataProperties of what the service takes: few characters, and few of them.

    Args:
        identifiers: Kept exactly. A value that is no text, or text with a
            ``${Name}``, stands for one that is known when the pipeline is deployed or runs.
        texts: People's words, whose full form is in the model card. Each run of characters that
            the service does not take, such as commas, quotes and braces, becomes one space; what
            is too long ends in ``...``; what has nothing left is left out.

    Raises:
        RegistrationRequestError: An identifier cannot be kept exactly.
    """
    for name, value in identifiers.items():
        is_known = isinstance(value, str) and not holds_variable(value)
        if is_known and not _is_metadata_value(str(value)):
            raise RegistrationRequestError(
                f"{name} is {value!r}, which a model package's metadata cannot hold. Allowed are "
                f"1 to {max_length('CustomerMetadataValue')} letters, digits, spaces and "
                "_ . : / = + - @; choose another value in the config."
            )
    cleaned = {name: _service_text(text, "CustomerMetadataValue") for name, text in texts.items()}
    return {**identifiers, **{name: text for name, text in cleaned.items() if text}}


def _is_metadata_value(text: str) -> bool:
    fits = 1 <= len(text) <= max_length("CustomerMetadataValue")
    return fits and matches_pattern("CustomerMetadataValue", text)


def _service_text(text: str, shape_name: str) -> str:
    """Make a text one that the service takes: other characters become spaces, a long one is cut."""
    # Composed: a letter and its accent apart are a letter and a mark, which not every type takes.
    taken = unicodedata.normalize("NFC", text)
    if not matches_pattern(shape_name, taken):
        taken = "".join(
            character if matches_pattern(shape_name, character) else " " for character in taken
        )
    return shortened(" ".join(taken.split()), max_length(shape_name))


def registration_file(requests: Iterable[RegistrationRequest]) -> bytes:
    """Write the requests of all regions as the canonical JSON of ``registration.json``.

    The same requests give the same bytes: CDK ships the file as an asset, named by its content.
    """
    regions = {
        str(request.region_code): {
            "request": request.model_dump(mode="json"),
            "model_package_arguments": request.model_package_template(),
        }
        for request in requests
    }
    document = {"schema_version": SCHEMA_VERSION, "regions": regions}
    text = json.dumps(document, sort_keys=True, indent=2, separators=(",", ": "))
    return f"{text}\n".encode("ascii")


def read_registration_file(content: bytes) -> dict[RegionCode, RegistrationRequest]:
    """Read what :func:`registration_file` wrote.

    Raises:
        RegistrationRequestError: It is not such a file, or one of another version.
    """
    try:
        document = json.loads(content)
        version = document["schema_version"]
        if version != SCHEMA_VERSION:
            raise RegistrationRequestError(
                f"The registration file has schema_version {version!r}, this app reads "
                f"{SCHEMA_VERSION}. Deploy the pipeline again with this version of the app."
            )
        requests = [
            RegistrationRequest.model_validate(region["request"])
            for region in document["regions"].values()
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistrationRequestError(f"Not a registration file: {error}") from error
    return {request.region_code: request for request in requests}
