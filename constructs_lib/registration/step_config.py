"""``STEP_CONFIG``: what an execution document holds about one region's registration."""

from __future__ import annotations

from typing import Any, Final

from constructs_lib.configs.model import SET_BY_THE_APP
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.s3_layout import bucket_and_key

STEP_CONFIG_ENVIRONMENT: Final = (
    "SAGEMAKER_CONTAINER_LOG_LEVEL",
    "SAGEMAKER_PROGRAM",
    "SAGEMAKER_REGION",
    "SAGEMAKER_SUBMIT_DIRECTORY",
)
"""What execution documents hold of the environment variables that the app sets."""


def step_config(request: RegistrationRequest, sample_payload_s3_uri: str) -> dict[str, Any]:
    """Render ``STEP_CONFIG`` of a region's step in an execution document.

    Args:
        request: What is registered in the region.
        sample_payload_s3_uri: Where the payload archive is that the region's model package
            names.
    """
    bucket, key = bucket_and_key(sample_payload_s3_uri)
    return {
        "model_domain": request.model_domain,
        "model_objective": request.model_objective,
        "model_owner": request.model_owner,
        "model_registration_region": str(request.region_code),
        "source_model_region": request.aws_region,
        "source_model_inference_image_arn": request.image_uri,
        "source_model_inference_content_types": list(request.content_types),
        "source_model_inference_response_types": list(request.response_types),
        "source_model_inference_input_variable_list": [
            [name, variable_type.value] for name, variable_type in request.input_variables
        ],
        "source_model_inference_output_variable_list": {
            name: variable_type.value for name, variable_type in request.output_variables
        },
        "source_model_environment_variable_map": {
            name: value
            for name, value in request.environment.items()
            if name in STEP_CONFIG_ENVIRONMENT or name not in SET_BY_THE_APP
        },
        "load_testing_info_map": {
            "sample_payload_s3_bucket": bucket,
            "sample_payload_s3_key": key,
            "expected_tps": request.load_test.expected_tps,
            "max_latency_in_millisecond": request.load_test.max_latency_in_millisecond,
            "max_acceptable_error_rate": request.load_test.max_acceptable_error_rate,
            "instance_type_list": list(request.inference_instance_types),
        },
    }
