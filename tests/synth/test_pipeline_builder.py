"""The builder that users of the earlier system know."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.pipeline_builder import BSMPytorchPipelineBuilder
from constructs_lib.regions import RegionNames
from constructs_lib.steps.model import PytorchModelStepBuilder
from constructs_lib.steps.packaging import MIMSPackagingStepBuilder
from constructs_lib.steps.registration import ModelRegistrationStepBuilder
from constructs_lib.steps.training import PytorchTrainingStepBuilder
from tests.example_pipeline import copy_example

MODEL = "s3://bucket/model.tar.gz"
DOCUMENT: dict[str, Any] = {
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
        example_config,
        values=DeployTimeValues(
            artifact_bucket_name="artifacts",
            registry_bucket_names={code: f"registry-{code}" for code in RegionNames().regions},
        ),
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

    document = copy.deepcopy(DOCUMENT)
    assert builder.fill_execution_document(document) is document
    steps = document["PIPELINE_STEP_CONFIGS"]

    home, abroad = (steps[f"Registration-{code}"]["STEP_CONFIG"] for code in ("NA", "EU"))
    assert ".us-east-1." in home["source_model_inference_image_arn"]
    assert ".eu-west-1." in abroad["source_model_inference_image_arn"]
    assert home["load_testing_info_map"]["sample_payload_s3_bucket"] == "artifacts"
    assert home["load_testing_info_map"]["instance_type_list"] == ["ml.m5.large"]
    assert abroad["load_testing_info_map"]["sample_payload_s3_bucket"] == "registry-EU"
    assert builder.registration_configs["Registration-NA"] == home
    assert steps["Training"] == DOCUMENT["PIPELINE_STEP_CONFIGS"]["Training"]


def test_a_document_is_not_filled_with_what_only_a_deployment_knows(example_config: Path) -> None:
    builder = BSMPytorchPipelineBuilder(example_config)
    builder.generate_pipeline(MODEL)
    document = copy.deepcopy(DOCUMENT)

    with pytest.raises(ValueError, match=r"\$\{ArtifactBucketName\}.*execution-document"):
        builder.fill_execution_document(document)

    assert document == DOCUMENT


def test_the_attributes_are_those_of_the_earlier_builder(example_config: Path) -> None:
    role = "arn:aws:iam::123456789012:role/own"
    builder = BSMPytorchPipelineBuilder(str(example_config), None, role, example_config.parent)

    assert builder.configs["Base"] is builder.base_config
    assert builder.configs["PytorchModel"] is builder.model_config
    assert builder.configs["Package"] is builder.package_config
    assert builder.configs["Registration"] is builder.registration_config
    assert builder.configs["Payload"] is builder.payload_config
    assert (builder.session, builder.role) == (None, role)
    assert builder.notebook_root == example_config.parent
    assert builder.registration_configs == {}


def test_what_is_assigned_before_the_pipeline_is_generated_counts(
    builder: BSMPytorchPipelineBuilder,
) -> None:
    payload = builder.payload_config.model_copy()
    payload.expected_tps = 7  # type: ignore[misc]
    builder.payload_config = payload

    builder.generate_pipeline(MODEL)

    load_test = builder.registration_configs["Registration-NA"]["load_testing_info_map"]
    assert load_test["expected_tps"] == 7


def test_a_pipeline_that_trains_never_ignores_the_path(
    tmp_path: Path, write_pipeline: Callable[[Path, str], Path]
) -> None:
    builder = BSMPytorchPipelineBuilder(write_pipeline(tmp_path, "with_training"))

    with pytest.raises(ValueError, match="set train_in_pipeline of PytorchTraining to false"):
        builder.generate_pipeline(MODEL)


@pytest.mark.parametrize(
    "step_builder",
    [
        PytorchModelStepBuilder,
        PytorchTrainingStepBuilder,
        MIMSPackagingStepBuilder,
        ModelRegistrationStepBuilder,
    ],
)
def test_step_builders_say_what_to_call_instead(
    builder: BSMPytorchPipelineBuilder, step_builder: Any
) -> None:
    for arguments in ({"sagemaker_session": None, "role": None}, {"notebook_root": Path()}):
        with pytest.raises(TypeError, match=r"BSMPytorchPipelineBuilder.*generate_pipeline"):
            step_builder(config=builder.model_config, **arguments)
    with pytest.raises(TypeError, match="arguments by position"):
        step_builder(builder.model_config)
    with pytest.raises(TypeError, match=r"config alone.*generate_pipeline"):
        step_builder(config=builder.model_config)


def test_another_home_and_names_of_its_own_are_the_builders_too(tmp_path: Path) -> None:
    path = copy_example(tmp_path / "model")
    document = json.loads(path.read_text())
    document["configuration"]["shared"]["registration_regions"] = ["NA", "AP"]
    path.write_text(json.dumps(document))
    builder = BSMPytorchPipelineBuilder(
        path,
        values=DeployTimeValues(
            artifact_bucket_name="artifacts", registry_bucket_names={"NA": "na", "AP": "ap"}
        ),
        home_region="eu-central-1",
        region_names=RegionNames({"AP": "ap-southeast-2"}),
    )

    pipeline = builder.generate_pipeline("s3://bucket/model.tar.gz")

    steps = {each["Name"]: each for each in json.loads(pipeline.definition())["Steps"]}
    image = steps["CreateModel"]["Arguments"]["PrimaryContainer"]["Image"]
    assert ".ecr.eu-central-1." in image
    assert sorted(builder.registration_configs) == ["Registration-AP", "Registration-NA"]
