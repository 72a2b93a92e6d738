"""CreateModelPackage's arguments: the version that is registered in one region."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from constructs_lib.deploy_time_values import holds_variable
from constructs_lib.registration.model_card import OpenValue, model_card_content, shortened
from constructs_lib.registration.request import (
    MEASURED_NUMBERS,
    RegistrationRequest,
    RegistrationRequestError,
)
from constructs_lib.service_model import enum_values, matches_pattern, max_length

Joiner = Callable[[Sequence[object]], object]
"""Makes one text of parts, of which some may be known only when the pipeline runs."""


def model_package_arguments(
    request: RegistrationRequest, values: Mapping[str, object], join: Joiner
) -> dict[str, Any]:
    """Render the arguments of CreateModelPackage, as botocore names them.

    Args:
        request: What is registered.
        values: What :attr:`RegistrationRequest.value_names` names: text, or anything that stands
            for it until the pipeline runs, such as a pipeline parameter. They are passed on as
            they are.
        join: Makes one text of texts and values.
    """
    arguments = {
        "ModelPackageGroupName": request.model_package_group_name,
        "ModelPackageDescription": _service_text(request.description, "EntityDescription"),
        "InferenceSpecification": _inference_specification(request, values["model_data_url"]),
        # The service's own enumerations (Inference Recommender); the business terms are below.
        "Domain": "MACHINE_LEARNING",
        "Task": "OTHER",
        "SamplePayloadUrl": values["sample_payload_url"],
        "ModelApprovalStatus": values["model_approval_status"],
        # What SageMaker's own step for registering records.
        "MetadataProperties": {"GeneratedBy": values["pipeline_execution_arn"]},
        "SkipModelValidation": "None",
        "CustomerMetadataProperties": _customer_metadata(request, values, join),
        "ModelCard": {
            "ModelCardStatus": "Draft",
            "ModelCardContent": join(
                [
                    values[part.name] if isinstance(part, OpenValue) else part
                    for part in model_card_content(request)
                ]
            ),
        },
    }
    if request.is_verified:
        statistics = {"ContentType": "application/json", "S3Uri": values["evaluation_uri"]}
        arguments["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
    return arguments


def model_package_template(request: RegistrationRequest) -> dict[str, Any]:
    """Render :func:`model_package_arguments` as the registration file holds it.

    ``{"$slot": name}`` stands for a value, ``{"$join": [...]}`` for one text made of texts
    and slots; ``jobs/register_model/`` fills them.
    """
    return model_package_arguments(
        request,
        {name: {"$slot": name} for name in request.value_names},
        lambda parts: {"$join": list(parts)},
    )


def _customer_metadata(
    request: RegistrationRequest, values: Mapping[str, object], join: Joiner
) -> dict[str, object]:
    identifiers = {
        "pipeline_name": request.pipeline_name,
        "pipeline_version": request.pipeline_version,
        "model_registration_region": str(request.region_code),
        "registration_request": values["registration_request_uri"],
        "pipeline_execution_arn": values["pipeline_execution_arn"],
        "artifact_sha256": values["artifact_sha256"],
        "code_sha256": values["code_sha256"],
        "git_commit": values["git_commit"],
        "packaging_manifest": values["packaging_manifest_uri"],
        "verification": request.verification,
    }
    if request.is_verified:
        identifiers |= {
            "verification_verdict": values["verdict"],
            "evaluation": values["evaluation_uri"],
            # Numbers, and the service takes texts.
            **{name: join([values[name]]) for name in MEASURED_NUMBERS},
        }
    texts = {
        "model_owner": request.model_owner,
        "model_domain": request.model_domain,
        "model_objective": request.model_objective,
    }
    return customer_metadata(identifiers=identifiers, texts=texts)


def _inference_specification(
    request: RegistrationRequest, model_data_url: object
) -> dict[str, Any]:
    container = {
        "Image": request.image_uri,
        "ModelDataUrl": model_data_url,
        "Environment": dict(request.environment),
        "Framework": "PYTORCH",
        "FrameworkVersion": request.framework_version,
    }
    if digest := request.image_uri.partition("@")[2]:
        container["ImageDigest"] = digest
    specification = {
        "Containers": [container],
        "SupportedContentTypes": list(request.content_types),
        "SupportedResponseMIMETypes": list(request.response_types),
        "SupportedRealtimeInferenceInstanceTypes": list(request.inference_instance_types),
    }
    # Fewer types can run batch transform, and the service takes no empty list of them.
    transform_types = set(enum_values("TransformInstanceType"))
    if types := [name for name in request.inference_instance_types if name in transform_types]:
        specification["SupportedTransformInstanceTypes"] = types
    return specification


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
