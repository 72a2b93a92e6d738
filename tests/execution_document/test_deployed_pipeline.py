from __future__ import annotations

from typing import Any

import pytest

from constructs_lib.regions import EU, NA, RegionCode
from constructs_lib.registration.execution_document import (
    REGISTRATION_REQUEST_INPUT,
    ExecutionDocumentError,
    step_configs_of_deployed_pipeline,
)
from constructs_lib.registration.file import registration_file
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.registration.step_config import step_config

FILE_URI = "s3://assets/0123.json"
COPY_URI = "s3://artifacts/returns-risk/registration/abc/registration.json"


def request_for(code: RegionCode) -> RegistrationRequest:
    return RegistrationRequest.model_validate(
        {
            "region_code": code,
            "aws_region": code.aws_region,
            "pipeline_name": "returns-risk",
            "pipeline_version": "1.0.0",
            "model_package_group_name": "returns-risk",
            "description": "Scores return requests",
            "model_owner": "team",
            "model_domain": "Returns",
            "model_objective": "Abuse",
            "content_types": ["text/csv"],
            "response_types": ["text/csv"],
            "input_variables": [["amount", "NUMERIC"]],
            "output_variables": [["score", "NUMERIC"]],
            "image_uri": f"image.{code.aws_region}",
            "framework_version": "2.1.0",
            "environment": {
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_REGION": code.aws_region,
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
            "inference_instance_types": ["ml.m5.large"],
            "load_test": {
                "expected_tps": 2,
                "max_latency_in_millisecond": 800,
                "max_acceptable_error_rate": 0.2,
            },
        }
    )


def home_step() -> dict[str, Any]:
    properties = {"registration_request": COPY_URI, "model_registration_region": "NA"}
    return {
        "Name": "Registration-NA",
        "Type": "RegisterModel",
        "Arguments": {
            "CustomerMetadataProperties": properties,
            "SamplePayloadUrl": "s3://assets/payload.tar.gz",
        },
    }


def lambda_step(code: str = "EU") -> dict[str, Any]:
    return {
        "Name": f"Registration-{code}",
        "Type": "Lambda",
        "Arguments": {
            "action": "register",
            "registration_request_uri": COPY_URI,
            "region_code": code,
            "sample_payload_uri": "s3://registry-eu/payload.tar.gz",
        },
    }


PACKAGE: dict[str, Any] = {
    "Name": "Package",
    "Type": "Processing",
    "Arguments": {
        "ProcessingInputs": [
            {"InputName": "model_input", "S3Input": {"S3Uri": {"Get": "Steps.CreateModel"}}},
            {"InputName": REGISTRATION_REQUEST_INPUT, "S3Input": {"S3Uri": FILE_URI}},
        ]
    },
}
FAIL: dict[str, Any] = {"Name": "Fail", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}


def read_s3_object(uri: str) -> bytes:
    assert uri == FILE_URI
    return registration_file([request_for(NA), request_for(EU)])


def test_step_configs_are_those_of_the_deployed_requests() -> None:
    definition = {"Steps": [PACKAGE, home_step(), lambda_step()]}
    assert step_configs_of_deployed_pipeline(definition, read_s3_object) == {
        "Registration-NA": step_config(request_for(NA), "s3://assets/payload.tar.gz"),
        "Registration-EU": step_config(request_for(EU), "s3://registry-eu/payload.tar.gz"),
    }


def test_registration_steps_behind_a_condition_are_found() -> None:
    branches = {"Conditions": [], "IfSteps": [home_step()], "ElseSteps": [FAIL]}
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": branches}
    found = step_configs_of_deployed_pipeline({"Steps": [PACKAGE, gate]}, read_s3_object)
    assert list(found) == ["Registration-NA"]


def test_staging_is_no_registration() -> None:
    staging = lambda_step()
    staging["Name"], staging["Arguments"]["action"] = "Stage-EU", "stage"
    steps = [PACKAGE, staging, home_step()]
    found = step_configs_of_deployed_pipeline({"Steps": steps}, read_s3_object)
    assert list(found) == ["Registration-NA"]


def test_a_pipeline_without_registration_is_an_error_that_lists_its_steps() -> None:
    other_function = {"Name": "Notify", "Type": "Lambda", "Arguments": {"topic": "releases"}}
    with pytest.raises(ExecutionDocumentError, match=r"no registration step: .*Package, Notify"):
        step_configs_of_deployed_pipeline({"Steps": [PACKAGE, other_function]}, read_s3_object)


def test_the_file_is_read_where_it_was_deployed_not_where_an_execution_copies_it() -> None:
    read: list[str] = []

    def read_and_note(uri: str) -> bytes:
        read.append(uri)
        return read_s3_object(uri)

    step_configs_of_deployed_pipeline({"Steps": [PACKAGE, home_step()]}, read_and_note)
    assert read == [FILE_URI]


def test_a_region_that_the_file_lacks_is_an_error() -> None:
    with pytest.raises(ExecutionDocumentError, match="no region FE, it has EU, NA"):
        step_configs_of_deployed_pipeline({"Steps": [PACKAGE, lambda_step("FE")]}, read_s3_object)
