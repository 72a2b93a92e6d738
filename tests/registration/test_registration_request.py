from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from constructs_lib.compilation.checks import registration_findings
from constructs_lib.configs import PipelineConfigs
from constructs_lib.linter import lint_request
from constructs_lib.regions import EU, FE, NA, RegionCode, RegionNames
from constructs_lib.registration.file import read_registration_file, registration_file
from constructs_lib.registration.model_package import model_package_arguments
from constructs_lib.registration.request import (
    RegistrationRequest,
    RegistrationRequestError,
    model_package_group_name,
    registration_request,
)
from constructs_lib.registration.step_config import step_config

IMAGE = "763104351884.dkr.ecr.{}.amazonaws.com/pytorch-inference:2.1.0-cpu-py310"
BUSINESS_TEXT = 'Find "abuse", {all} of it'
LATE_VALUES = {
    "source_model_artifact_uri": "s3://bucket/incoming/model.tar.gz",
    "evaluation_uri": "s3://bucket/releases/1/evaluation.json",
    "verdict": "passed",
    "verification_summary": "All limits are kept",
    "latency_p99_in_millisecond": "12.3",
    "error_rate": "0.0",
    "achieved_tps": "20.0",
    "model_data_url": "s3://bucket/releases/1/model.tar.gz",
    "sample_payload_url": "s3://bucket/payload.tar.gz",
    "model_approval_status": "PendingManualApproval",
    "artifact_sha256": "ab" * 32,
    "code_sha256": "cd" * 32,
    "git_commit": f"{'12' * 20}-dirty",
    "packaging_manifest_uri": "s3://bucket/releases/1/manifest.json",
    "registration_request_uri": "s3://bucket/registration.json",
    "pipeline_execution_arn": (
        "arn:aws:sagemaker:us-east-1:123456789012:pipeline/returns-risk/execution/abc123"
    ),
}


def joined(parts: Sequence[object]) -> str:
    """Join the parts of a text whose values are known."""
    return "".join(map(str, parts))


def config_file(folder: Path, **shared: Any) -> Path:
    """Write a small config file; fields may be given."""
    (folder / "inference").mkdir(exist_ok=True)
    (folder / "inference" / "inference.py").touch()
    classes = {
        "Base": "BasePipelineConfig",
        "PytorchModel": "PytorchModelCreationConfig",
        "Package": "PackageStepConfig",
        "Registration": "ModelRegistrationConfig",
        "Payload": "PayloadConfig",
    }
    fields = {
        "author": "ml",
        "current_date": "2026-11-01",
        "pipeline_name": "returns-risk",
        "pipeline_description": "Scores return requests",
        "source_dir": "inference",
        "model_owner": "returns-risk-ml",
        "model_registration_domain": "ReturnsAndRefunds",
        "model_registration_objective": "ReturnAbuseRisk",
        "source_model_inference_input_variable_list": [["z_amount", "numeric"], ["a", "TEXT"]],
        "expected_tps": 20,
        "registration_regions": ["NA", "EU", "FE"],
    }
    sources: dict[str, Any] = {"all": {}, "processing": {}, "specific": {}}
    document = {
        "metadata": {
            "created_at": "2026-11-01T00:00:00",
            "config_types": classes,
            "field_sources": sources,
        },
        "configuration": {"shared": {**fields, **shared}, "processing": {}, "specific": {}},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def configs(tmp_path: Path) -> PipelineConfigs:
    return PipelineConfigs.load(config_file(tmp_path))


def request_for(configs: PipelineConfigs, code: RegionCode) -> RegistrationRequest:
    return registration_request(configs, code, IMAGE.format(code.aws_region))


def test_the_request_is_of_its_region(configs: PipelineConfigs) -> None:
    request = request_for(configs, EU)
    assert request.aws_region == "eu-west-1"
    assert ".eu-west-1." in request.image_uri
    assert request.environment["AWS_REGION"] == "eu-west-1"
    assert request.environment["SAGEMAKER_REGION"] == "eu-west-1"


def test_step_config_has_the_keys_that_orchestrators_know(configs: PipelineConfigs) -> None:
    config = step_config(request_for(configs, FE), "s3://bucket/a/payload.tar.gz")
    assert json.loads(json.dumps(config)) == config
    assert config == {
        "model_domain": "ReturnsAndRefunds",
        "model_objective": "ReturnAbuseRisk",
        "source_model_inference_content_types": ["text/csv"],
        "source_model_inference_response_types": ["application/json"],
        "source_model_inference_input_variable_list": [["z_amount", "NUMERIC"], ["a", "TEXT"]],
        "source_model_inference_output_variable_list": {"legacy-score": "NUMERIC"},
        "model_registration_region": "FE",
        "source_model_inference_image_arn": IMAGE.format("us-west-2"),
        "source_model_region": "us-west-2",
        "model_owner": "returns-risk-ml",
        "source_model_environment_variable_map": {
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_REGION": "us-west-2",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
        "load_testing_info_map": {
            "sample_payload_s3_bucket": "bucket",
            "sample_payload_s3_key": "a/payload.tar.gz",
            "expected_tps": 20,
            "max_latency_in_millisecond": 800,
            "instance_type_list": ["ml.m5.large"],
            "max_acceptable_error_rate": 0.2,
        },
    }


def test_each_step_config_is_an_object_of_its_own(configs: PipelineConfigs) -> None:
    request = request_for(configs, NA)
    first, second = (step_config(request, "s3://bucket/payload.tar.gz") for _ in range(2))
    first["load_testing_info_map"]["instance_type_list"].append("ml.c5.large")
    first["source_model_environment_variable_map"].clear()
    assert second == step_config(request, "s3://bucket/payload.tar.gz")


def test_an_explicit_list_of_instance_types_wins(tmp_path: Path) -> None:
    types = ["ml.m5.xlarge", "ml.m5d.large"]
    configs = PipelineConfigs.load(config_file(tmp_path, inference_instance_types=types))
    request = request_for(configs, NA)
    config = step_config(request, "s3://bucket/payload.tar.gz")
    inference = model_package_arguments(request, LATE_VALUES, joined)["InferenceSpecification"]
    assert config["load_testing_info_map"]["instance_type_list"] == types
    assert inference["SupportedRealtimeInferenceInstanceTypes"] == types
    assert inference["SupportedTransformInstanceTypes"] == ["ml.m5.xlarge"]


@pytest.mark.parametrize("code", RegionNames().codes)
def test_the_service_takes_the_arguments_of_each_region(
    configs: PipelineConfigs, code: RegionCode
) -> None:
    arguments = model_package_arguments(request_for(configs, code), LATE_VALUES, joined)
    service = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    operation = service.operation_model("CreateModelPackage")
    report = ParamValidator().validate(arguments, operation.input_shape)
    assert report.generate_report() == ""
    assert lint_request("CreateModelPackage", arguments) == []


def test_the_arguments_hold_what_is_registered(configs: PipelineConfigs) -> None:
    arguments = model_package_arguments(request_for(configs, EU), LATE_VALUES, joined)
    specification = arguments["InferenceSpecification"]
    (container,) = specification["Containers"]
    assert arguments["ModelPackageGroupName"] == "returns-risk"
    assert arguments["ModelPackageDescription"] == "Scores return requests"
    assert arguments["SamplePayloadUrl"] == LATE_VALUES["sample_payload_url"]
    assert arguments["ModelApprovalStatus"] == "PendingManualApproval"
    assert (arguments["Domain"], arguments["Task"]) == ("MACHINE_LEARNING", "OTHER")
    assert arguments["ModelCard"]["ModelCardStatus"] == "Draft"
    assert container["Image"] == IMAGE.format("eu-west-1")
    assert container["ModelDataUrl"] == LATE_VALUES["model_data_url"]
    assert (container["Framework"], container["FrameworkVersion"]) == ("PYTORCH", "2.1.0")
    assert specification["SupportedContentTypes"] == ["text/csv"]
    assert specification["SupportedResponseMIMETypes"] == ["application/json"]
    assert arguments["CustomerMetadataProperties"] == {
        "pipeline_name": "returns-risk",
        "pipeline_version": "0.1.0",
        "model_registration_region": "EU",
        "model_owner": "returns-risk-ml",
        "model_domain": "ReturnsAndRefunds",
        "model_objective": "ReturnAbuseRisk",
        "registration_request": LATE_VALUES["registration_request_uri"],
        "artifact_sha256": LATE_VALUES["artifact_sha256"],
        "code_sha256": LATE_VALUES["code_sha256"],
        "git_commit": LATE_VALUES["git_commit"],
        "packaging_manifest": LATE_VALUES["packaging_manifest_uri"],
        "pipeline_execution_arn": LATE_VALUES["pipeline_execution_arn"],
        "verification": "enforce",
        "verification_verdict": "passed",
        "evaluation": LATE_VALUES["evaluation_uri"],
        "latency_p99_in_millisecond": "12.3",
        "error_rate": "0.0",
        "achieved_tps": "20.0",
    }
    statistics = arguments["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics == {
        "ContentType": "application/json",
        "S3Uri": LATE_VALUES["evaluation_uri"],
    }


def test_values_of_the_run_are_passed_on_as_they_are(
    make_request: Callable[..., RegistrationRequest],
) -> None:
    request = make_request(verification="enforce")
    late = {name: object() for name in request.value_names}
    arguments = model_package_arguments(request, late, list)
    metadata = arguments["CustomerMetadataProperties"]
    assert arguments["ModelApprovalStatus"] is late["model_approval_status"]
    assert metadata["artifact_sha256"] is late["artifact_sha256"]
    statistics = arguments["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"] is late["evaluation_uri"]


def test_a_model_that_is_not_verified_has_no_measured_numbers(
    make_request: Callable[..., RegistrationRequest],
) -> None:
    arguments = model_package_arguments(make_request(verification="off"), LATE_VALUES, joined)
    assert "ModelMetrics" not in arguments
    assert arguments["CustomerMetadataProperties"]["verification"] == "off"
    assert "error_rate" not in arguments["CustomerMetadataProperties"]
    assert "evaluation_details" not in arguments["ModelCard"]["ModelCardContent"]


@pytest.mark.parametrize(
    "field",
    ["model_owner", "model_registration_domain", "model_registration_objective"],
)
def test_business_text_of_a_config_may_be_any_text(tmp_path: Path, field: str) -> None:
    configs = PipelineConfigs.load(config_file(tmp_path, **{field: BUSINESS_TEXT}))
    request = request_for(configs, EU)
    metadata = model_package_arguments(request, LATE_VALUES, joined)["CustomerMetadataProperties"]
    assert "Find abuse all of it" in metadata.values()
    assert BUSINESS_TEXT in step_config(request, "s3://bucket/payload.tar.gz").values()


def test_business_text_reaches_the_metadata_cleaned_and_the_rest_in_full(
    make_request: Callable[..., RegistrationRequest],
) -> None:
    request = make_request(model_objective=BUSINESS_TEXT)
    arguments = model_package_arguments(request, LATE_VALUES, joined)
    assert lint_request("CreateModelPackage", arguments) == []
    metadata = arguments["CustomerMetadataProperties"]
    assert metadata["model_objective"] == "Find abuse all of it"
    assert step_config(request, "s3://b/p.tar.gz")["model_objective"] == BUSINESS_TEXT
    assert (
        BUSINESS_TEXT
        in json.loads(arguments["ModelCard"]["ModelCardContent"])["business_details"].values()
    )


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("framework_version", "21.0", "FrameworkVersion: "),
        ("inference_instance_type", "ml.m5.largest", ": ml.m5.large, "),
    ],
)
def test_what_the_service_would_reject_is_found_now(
    tmp_path: Path, field: str, value: str, problem: str
) -> None:
    configs = PipelineConfigs.load(config_file(tmp_path, **{field: value}))

    findings = registration_findings(request_for(configs, EU))

    assert {(finding.severity, finding.step) for finding in findings} == {
        ("error", "Registration-EU")
    }
    assert problem in str(findings[0])


@pytest.mark.parametrize(
    ("pipeline_name", "group_name"),
    [
        ("author-BSM-RnR-NA", "author-BSM-RnR-NA"),
        ("_risk. of returns_", "risk-of-returns"),
        ("a" * 63, "a" * 63),
    ],
)
def test_the_group_is_named_after_the_pipeline(pipeline_name: str, group_name: str) -> None:
    assert model_package_group_name(pipeline_name) == group_name


def test_two_long_names_do_not_meet() -> None:
    names = [model_package_group_name("a" * 53 + "-" * 3 + "b" * 20 + end) for end in "12"]
    assert names[0] != names[1]
    for name in names:
        arguments = {"ModelPackageGroupName": name}
        assert lint_request("CreateModelPackageGroup", arguments) == []


def test_the_registration_file_is_read_back(configs: PipelineConfigs) -> None:
    requests = [request_for(configs, code) for code in RegionNames().codes]
    by_code = {request.region_code: request for request in requests}
    assert read_registration_file(registration_file(requests)) == by_code


def test_the_registration_file_is_canonical(configs: PipelineConfigs) -> None:
    requests = [request_for(configs, code) for code in RegionNames().codes]
    content = registration_file(requests)
    assert registration_file(reversed(requests)) == content
    assert content.isascii()
    assert content.endswith(b"}\n")


def test_the_registration_file_keeps_the_order_of_variables(
    make_request: Callable[..., RegistrationRequest],
) -> None:
    variables = (("b", "NUMERIC"), ("a", "TEXT"), ("c", "NUMERIC"))
    request = make_request(input_variables=variables, output_variables=variables)
    (read,) = read_registration_file(registration_file([request])).values()
    assert read.input_variables == read.output_variables == variables


def test_the_registration_file_has_a_slot_for_each_late_value(
    make_request: Callable[..., RegistrationRequest],
) -> None:
    request = make_request(NA, verification="warn", training_data_uri="s3://data/training")
    region = json.loads(registration_file([request]))["regions"]["NA"]
    arguments = region["model_package_arguments"]
    assert arguments["SamplePayloadUrl"] == {"$slot": "sample_payload_url"}
    assert sorted(region) == ["model_package_arguments", "request"]
    for name in request.value_names:
        assert json.dumps({"$slot": name}) in json.dumps(arguments)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"not JSON", "Not a registration file: Expecting value"),
        (b"[]", "Not a registration file"),
        (b"{}", "Not a registration file: 'schema_version'"),
        (b'{"schema_version": 2}', "has schema_version 2, this app reads 1"),
        (b'{"schema_version": 1, "regions": {"NA": {"request": {}}}}', "region_code"),
    ],
)
def test_what_is_no_registration_file_is_an_error(content: bytes, problem: str) -> None:
    with pytest.raises(RegistrationRequestError) as failure:
        read_registration_file(content)
    assert problem in str(failure.value)
