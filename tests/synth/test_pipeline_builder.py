"""The builder that users of the earlier system know."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.pipeline_builder import BSMPytorchPipelineBuilder

MODEL = "s3://bucket/model.tar.gz"
DOCUMENT = {
    "PIPELINE_STEP_CONFIGS": {
        "Registration-NA": {"STEP_TYPE": ["PROCESSING_STEP", "ModelRegistration"]},
        "Registration-EU": {"STEP_TYPE": ["PROCESSING_STEP", "ModelRegistration"]},
        "Training": {"STEP_TYPE": "TRAINING_STEP", "STEP_CONFIG": {"kept": True}},
    },
    "PIPELINE_ADDITIONAL_PARAMS": {},
}


@pytest.fixture
def builder(example_config: Path) -> BSMPytorchPipelineBuilder:
    return BSMPytorchPipelineBuilder(
        example_config, values=DeployTimeValues(artifact_bucket_name="artifacts")
    )


def test_a_model_path_has_to_be_an_s3_uri(builder: BSMPytorchPipelineBuilder) -> None:
    with pytest.raises(ValueError, match="must start with 's3://'"):
        builder.generate_pipeline("/tmp/model.tar.gz")


def test_a_model_path_that_is_no_tar_gz_is_a_warning(
    builder: BSMPytorchPipelineBuilder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        builder.validate_model_path("s3://bucket/model.zip")

    assert "does not end with .tar.gz" in caplog.text


def test_the_pipeline_takes_the_model_by_default_and_the_role(example_config: Path) -> None:
    role = "arn:aws:iam::123456789012:role/own"
    pipeline = BSMPytorchPipelineBuilder(example_config, role=role).generate_pipeline(MODEL)

    definition = json.loads(pipeline.definition())

    parameters = {each["Name"]: each.get("DefaultValue") for each in definition["Parameters"]}
    assert parameters["ModelS3Uri"] == MODEL
    assert definition["Steps"][0]["Arguments"]["ExecutionRoleArn"] == role


def test_a_document_cannot_be_filled_before_the_pipeline_is_generated(
    builder: BSMPytorchPipelineBuilder,
) -> None:
    with pytest.raises(ValueError, match="generate the pipeline"):
        builder.fill_execution_document(DOCUMENT)


def test_a_document_without_step_configs_is_a_key_error(
    builder: BSMPytorchPipelineBuilder,
) -> None:
    builder.generate_pipeline(MODEL)

    with pytest.raises(KeyError, match="PIPELINE_STEP_CONFIGS"):
        builder.fill_execution_document({})


def test_every_region_gets_its_own_image_and_payload(
    builder: BSMPytorchPipelineBuilder,
) -> None:
    builder.generate_pipeline(MODEL)

    steps = builder.fill_execution_document(DOCUMENT)["PIPELINE_STEP_CONFIGS"]

    home, abroad = (steps[f"Registration-{code}"]["STEP_CONFIG"] for code in ("NA", "EU"))
    assert ".us-east-1." in home["source_model_inference_image_arn"]
    assert ".eu-west-1." in abroad["source_model_inference_image_arn"]
    assert home["load_testing_info_map"]["sample_payload_s3_bucket"] == "artifacts"
    assert home["load_testing_info_map"]["instance_type_list"] == ["ml.m5.large"]
    assert steps["Training"] == DOCUMENT["PIPELINE_STEP_CONFIGS"]["Training"]
