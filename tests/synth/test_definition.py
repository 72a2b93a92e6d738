from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import (
    DeployTimeVariableError,
    build_pipeline,
    compile_pipeline,
    registration_requests,
)
from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.regions import RegionCode

WritePipeline = Callable[[Path, str], Path]


@pytest.fixture(scope="module")
def definitions(
    tmp_path_factory: pytest.TempPathFactory, write_pipeline: WritePipeline
) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("shapes")
    return {
        shape: compile_pipeline(PipelineConfigs.load(write_pipeline(folder, shape))).definition
        for shape in ("existing_model", "several_regions", "with_training")
    }


def _step(definition: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in definition["Steps"] if step["Name"] == name)


def _manifest_value(key: str) -> dict[str, Any]:
    file = {"Get": "Steps.Package.PropertyFiles.PackageManifest"}
    return {"Std:JsonGet": {"PropertyFile": file, "Path": key}}


def _jobs(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in definition["Steps"] if step["Type"] in {"Training", "Processing"}]


def test_every_parameter_is_used_by_a_step(definitions: dict[str, dict[str, Any]]) -> None:
    for definition in definitions.values():
        steps = json.dumps(definition["Steps"])
        for parameter in definition["Parameters"]:
            assert f'"Parameters.{parameter["Name"]}"' in steps


def test_every_job_and_model_runs_in_the_subnet_and_security_group(
    definitions: dict[str, dict[str, Any]],
) -> None:
    vpc = {
        "Subnets": [{"Get": "Parameters.VPC_SUBNET"}],
        "SecurityGroupIds": [{"Get": "Parameters.SECURITY_GROUP_ID"}],
    }
    arguments = {step["Name"]: step["Arguments"] for step in definitions["with_training"]["Steps"]}

    assert arguments["Train"]["VpcConfig"] == vpc
    assert arguments["CreateModel"]["VpcConfig"] == vpc
    assert arguments["Package"]["NetworkConfig"]["VpcConfig"] == vpc


def test_every_output_and_volume_is_under_the_key(definitions: dict[str, dict[str, Any]]) -> None:
    key = {"Get": "Parameters.KMS_ENCRYPTION_KEY_PARAM"}
    definition = definitions["with_training"]
    package = _step(definition, "Package")["Arguments"]

    assert _step(definition, "Train")["Arguments"]["OutputDataConfig"]["KmsKeyId"] == key
    assert package["ProcessingOutputConfig"]["KmsKeyId"] == key
    assert package["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == key


def test_an_instance_that_encrypts_its_own_disks_gets_no_volume_key(
    definitions: dict[str, dict[str, Any]],
) -> None:
    resources = _step(definitions["with_training"], "Train")["Arguments"]["ResourceConfig"]

    assert resources["InstanceType"] == "ml.g5.12xlarge"
    assert "VolumeKmsKeyId" not in resources


def test_every_job_has_a_time_limit_retries_and_iso_8601_caching(
    definitions: dict[str, dict[str, Any]],
) -> None:
    for job in _jobs(definitions["with_training"]):
        assert job["Arguments"]["StoppingCondition"]["MaxRuntimeInSeconds"] > 0
        assert job["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P30D"}
        retried = {kind for policy in job["RetryPolicies"] for kind in policy["ExceptionType"]}
        assert {"Step.THROTTLING", "SageMaker.CAPACITY_ERROR"} <= retried


def test_a_trained_artifact_feeds_the_model_and_no_artifact_is_asked_for(
    definitions: dict[str, dict[str, Any]],
) -> None:
    definition = definitions["with_training"]
    container = _step(definition, "CreateModel")["Arguments"]["PrimaryContainer"]

    assert container["ModelDataUrl"] == {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    assert "ModelS3Uri" not in {parameter["Name"] for parameter in definition["Parameters"]}


def test_the_training_job_gets_the_configured_data_code_and_hyperparameters(
    definitions: dict[str, dict[str, Any]],
) -> None:
    train = _step(definitions["with_training"], "Train")["Arguments"]

    assert train["HyperParameters"] == {
        "full_field_list": '["order_amount", "abuse"]',
        "label_name": "abuse",
        "multiclass_categories": "[0, 1]",
        "class_weights": "[1.0, 4.0]",
        "max_epochs": "3",
        "sagemaker_program": "train_model.py",
        "sagemaker_submit_directory": "s3://${AssetBucketName}/${TrainingCodeKey}",
    }
    (channel,) = train["InputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://returns-data/training/2026-11-01"
    assert train["CheckpointConfig"]["S3Uri"] == "s3://returns-data/checkpoints/2026-11-01"
    assert train["OutputDataConfig"]["S3OutputPath"] == "s3://returns-data/models/2026-11-01"


def test_each_region_registers_its_own_image(tmp_path: Path, write_pipeline: WritePipeline) -> None:
    configs = PipelineConfigs.load(write_pipeline(tmp_path, "several_regions"))

    images = {code: request.image_uri for code, request in registration_requests(configs).items()}

    assert {code: image.split(".")[3] for code, image in images.items()} == {
        RegionCode.NA: "us-east-1",
        RegionCode.EU: "eu-west-1",
        RegionCode.FE: "us-west-2",
    }


def test_registrations_wait_for_the_package_and_not_for_each_other(
    definitions: dict[str, dict[str, Any]],
) -> None:
    registrations = [
        step
        for step in definitions["several_regions"]["Steps"]
        if step["Name"].startswith("Registration-")
    ]

    assert len(registrations) == 3
    assert all(step["DependsOn"] == ["Package"] for step in registrations)


def test_the_home_registration_is_what_the_request_says(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    configs = PipelineConfigs.load(write_pipeline(tmp_path, "existing_model"))
    request = registration_requests(configs)[RegionCode.NA]
    compiled = _step(compile_pipeline(configs).definition, "Registration-NA")["Arguments"]

    folder = compiled["SamplePayloadUrl"].removesuffix("/payload.tar.gz")
    output = "Steps.Package.ProcessingOutputConfig.Outputs['packaged_model_output'].S3Output.S3Uri"
    expected = request.model_package_arguments(
        model_data_url={"Std:Join": {"On": "/", "Values": [{"Get": output}, "model.tar.gz"]}},
        sample_payload_url=f"{folder}/payload.tar.gz",
        model_approval_status={"Get": "Parameters.ModelApprovalStatus"},
        artifact_sha256=_manifest_value("sha256"),
        code_sha256=_manifest_value("code_sha256"),
        packaging_manifest_uri={
            "Std:Join": {"On": "/", "Values": [{"Get": output}, "manifest.json"]}
        },
        registration_request_uri=f"{folder}/registration.json",
        pipeline_execution_arn={"Get": "Execution.PipelineExecutionArn"},
    )
    assert compiled == expected


def test_the_sample_payload_is_one_tar_gz_in_each_regions_bucket(
    definitions: dict[str, dict[str, Any]],
) -> None:
    definition = definitions["several_regions"]
    home = _step(definition, "Registration-NA")["Arguments"]["SamplePayloadUrl"]
    abroad = _step(definition, "Registration-EU")["Arguments"]["sample_payload_destination_uri"]

    assert home.startswith("s3://${ArtifactBucketName}/returns-risk/registration/")
    assert home.endswith("/payload.tar.gz")
    assert abroad == home.replace("${ArtifactBucketName}", "${RegistryBucketNameEU}")


def test_compiling_twice_in_one_process_gives_the_same_text(example_config: Path) -> None:
    configs = PipelineConfigs.load(example_config)

    assert compile_pipeline(configs).body == compile_pipeline(configs).body


def test_literal_values_can_stand_in_for_variables(example_config: Path) -> None:
    configs = PipelineConfigs.load(example_config)
    values = DeployTimeValues(artifact_bucket_name="a-bucket")

    body = compile_pipeline(configs, values).body

    assert "s3://a-bucket/returns-risk/releases" in body
    assert "${ArtifactBucketName}" not in body


def test_text_that_cloudformation_would_replace_is_refused(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    path = write_pipeline(tmp_path, "existing_model")
    path.write_text(path.read_text().replace("ReturnAbuseRisk", "${AWS::AccountId}"))

    with pytest.raises(DeployTimeVariableError, match=r"holds '\$\{AWS::AccountId\}'"):
        compile_pipeline(PipelineConfigs.load(path))


def test_an_own_model_path_becomes_the_parameters_default(example_config: Path) -> None:
    configs = PipelineConfigs.load(example_config)

    pipeline = build_pipeline(
        configs,
        requests=registration_requests(configs),
        values=DeployTimeValues(),
        model_s3_uri="s3://bucket/model.tar.gz",
    )

    parameters = json.loads(pipeline.definition())["Parameters"]
    defaults = {parameter["Name"]: parameter.get("DefaultValue") for parameter in parameters}
    assert defaults["ModelS3Uri"] == "s3://bucket/model.tar.gz"


def test_a_given_artifact_is_packaged_every_time(
    definitions: dict[str, dict[str, Any]],
) -> None:
    assert "CacheConfig" not in _step(definitions["existing_model"], "Package")
