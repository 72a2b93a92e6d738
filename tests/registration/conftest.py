from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from constructs_lib.regions import RegionCode
from constructs_lib.registration.request import RegistrationRequest


@pytest.fixture
def make_request() -> Callable[..., RegistrationRequest]:
    """Build a request for a region; fields may be given."""

    def make(region_code: RegionCode = RegionCode.EU, **fields: Any) -> RegistrationRequest:
        region = region_code.aws_region
        values: dict[str, Any] = {
            "region_code": region_code,
            "aws_region": region,
            "pipeline_name": "returns-risk",
            "pipeline_version": "1.0.0",
            "model_package_group_name": "returns-risk",
            "description": "Scores return requests for abuse",
            "model_owner": "returns-risk-ml",
            "model_domain": "ReturnsAndRefunds",
            "model_objective": "ReturnAbuseRisk",
            "content_types": ["text/csv"],
            "response_types": ["application/json"],
            "input_variables": [("order_amount", "NUMERIC"), ("a_reason", "TEXT")],
            "output_variables": [("legacy-score", "NUMERIC")],
            "image_uri": f"763104351884.dkr.ecr.{region}.amazonaws.com/pytorch-inference:2.1.0",
            "framework_version": "2.1.0",
            "environment": {
                "AWS_REGION": region,
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_REGION": region,
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
            "inference_instance_types": ["ml.m5.large"],
            "load_test": {
                "expected_tps": 20,
                "max_latency_in_millisecond": 200,
                "max_acceptable_error_rate": 0.01,
            },
        }
        return RegistrationRequest.model_validate({**values, **fields})

    return make
