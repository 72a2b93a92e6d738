"""The arguments of CreateModelPackage: a template whose slots are filled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .errors import RegistrationError
from .events import NONE, Registration
from .objects import S3Object, read_json

SCHEMA_VERSION: Final = 1
"""The version of ``registration.json`` that this function reads."""

SLOT: Final = "$slot"
"""``{"$slot": name}`` stands where a value goes that is known only when the pipeline runs."""
JOIN: Final = "$join"
"""``{"$join": [...]}`` stands for one text made of texts and slots."""


def model_package_arguments(registration: Registration, s3: Any) -> dict[str, Any]:
    """Complete the arguments of CreateModelPackage from what is staged in the region."""
    request_file = S3Object.from_uri(registration.registration_request_uri)
    template = read_template(s3, request_file, registration.region_code)
    values = {
        "model_data_url": registration.model_artifact_uri,
        "sample_payload_url": registration.sample_payload_uri,
        "model_approval_status": registration.model_approval_status,
        "artifact_sha256": registration.artifact_sha256,
        "code_sha256": registration.code_sha256,
        "git_commit": registration.git_commit,
        "packaging_manifest_uri": registration.packaging_manifest_uri,
        "registration_request_uri": registration.registration_request_uri,
        "pipeline_execution_arn": registration.pipeline_execution_arn,
        "source_model_artifact_uri": registration.source_model_artifact_uri,
        "training_job_arn": registration.training_job_arn,
        **_measured_values(registration, s3),
    }
    return {
        **fill_slots(template, values),
        "ModelPackageGroupName": registration.model_package_group_name,
        "ClientToken": registration.client_token,
    }


def _measured_values(registration: Registration, s3: Any) -> dict[str, str]:
    if registration.evaluation_uri == NONE:
        return {}
    evaluation = read_json(s3, S3Object.from_uri(registration.evaluation_uri))
    gate = evaluation["gate"]
    names = ("latency_p99_in_millisecond", "error_rate", "achieved_tps")
    return {
        "evaluation_uri": registration.evaluation_uri,
        "verdict": evaluation["verdict"],
        # It becomes a part of the model card's JSON text.
        "verification_summary": json.dumps(evaluation["summary"])[1:-1],
        **{name: json.dumps(gate[name]) for name in names},
    }


def read_template(s3: Any, request_file: S3Object, region_code: str) -> dict[str, Any]:
    """Read one region's CreateModelPackage arguments, with slots, from ``registration.json``."""
    document = read_json(s3, request_file)
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise RegistrationError(
            f"The file's schema_version is {version!r}, this function reads {SCHEMA_VERSION}. "
            "Deploy the pipeline's stack again: it holds both."
        )
    regions = document["regions"]
    if region_code not in regions:
        raise RegistrationError(
            f"The file has no region {region_code!r}, it has {', '.join(regions)}."
        )
    template: dict[str, Any] = regions[region_code]["model_package_arguments"]
    return template


def fill_slots(template: Any, values: Mapping[str, str]) -> Any:
    """Replace each ``{"$slot": name}`` by its value, and join what ``{"$join": [...]}`` lists."""
    if isinstance(template, list):
        return [fill_slots(item, values) for item in template]
    if not isinstance(template, dict):
        return template
    if SLOT in template:
        return values[template[SLOT]]
    if JOIN in template:
        return "".join(fill_slots(template[JOIN], values))
    return {name: fill_slots(member, values) for name, member in template.items()}
