from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import (
    DeployTimeVariableError,
    build_pipeline,
    compile_pipeline,
    registration_requests,
)
from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.linter import lint
from constructs_lib.regions import EU, FE, NA, RegionNames
from constructs_lib.registration.load_test_request import LoadTestRequestError
from constructs_lib.steps import sdk
from constructs_lib.steps.policies import TRAINING_TIMEOUT
from constructs_lib.steps.verification import VerificationInstanceError, VerificationPythonError
from local.runner.language.definition import parse_definition
from local.runner.language.retries import (
    CAPACITY_ERROR,
    JOB_INTERNAL_ERROR,
    RESOURCE_LIMIT,
    matching_policy,
)

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


def _all_steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            yield from _all_steps(step["Arguments"]["IfSteps"])
            yield from _all_steps(step["Arguments"]["ElseSteps"])


def _step(definition: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in _all_steps(definition["Steps"]) if step["Name"] == name)


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
        # What was measured is of one run.
        cache = None if job["Name"] == "Verify" else {"Enabled": True, "ExpireAfter": "P30D"}
        assert job.get("CacheConfig") == cache
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
        "sagemaker_submit_directory": "/opt/ml/input/data/code/${TrainingCodeKey}",
    }
    channels = {
        each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"]
        for each in train["InputDataConfig"]
    }
    assert channels == {
        "training": "s3://returns-data/training/2026-11-01/",
        "code": "s3://${AssetBucketName}/${AssetPrefix}/${TrainingCodeKey}",
    }
    assert train["EnableNetworkIsolation"] is True
    assert train["CheckpointConfig"]["S3Uri"] == "s3://returns-data/checkpoints/2026-11-01"
    assert train["OutputDataConfig"]["S3OutputPath"] == "s3://returns-data/models/2026-11-01"


def test_each_region_registers_its_own_image(tmp_path: Path, write_pipeline: WritePipeline) -> None:
    configs = PipelineConfigs.load(write_pipeline(tmp_path, "several_regions"))

    images = {code: request.image_uri for code, request in registration_requests(configs).items()}

    assert {code: image.split(".")[3] for code, image in images.items()} == {
        NA: "us-east-1",
        EU: "eu-west-1",
        FE: "us-west-2",
    }


def _output(step: str, name: str) -> dict[str, str]:
    return {"Get": f"Steps.{step}.OutputParameters['{name}']"}


def test_every_condition_waits_until_every_region_is_staged(
    definitions: dict[str, dict[str, Any]],
) -> None:
    definition = definitions["several_regions"]

    for code in RegionNames().codes:
        stage = _step(definition, f"Stage-{code}")["Arguments"]
        assert "Steps.Verify.PropertyFiles.Evaluation" in json.dumps(stage["verdict"])
    assert _step(definition, "Gate")["DependsOn"] == ["Stage-NA", "Stage-EU", "Stage-FE"]


def test_no_condition_is_nested_and_no_step_depends_on_one(
    definitions: dict[str, dict[str, Any]],
) -> None:
    for definition in definitions.values():
        conditions = [step for step in definition["Steps"] if step["Type"] == "Condition"]
        names = {step["Name"] for step in conditions}
        for step in _all_steps(definition["Steps"]):
            assert not names & set(step.get("DependsOn", ()))
        for condition in conditions:
            arguments = condition["Arguments"]
            for branch in (*arguments["IfSteps"], *arguments["ElseSteps"]):
                assert branch["Type"] != "Condition"


def test_the_gate_compares_the_numbers_with_the_configured_limits(
    definitions: dict[str, dict[str, Any]],
) -> None:
    gate = _step(definitions["several_regions"], "Gate")["Arguments"]

    compared = {
        condition["LeftValue"]["Std:JsonGet"]["Path"]: (condition["Type"], condition["RightValue"])
        for condition in gate["Conditions"]
    }
    assert compared == {
        "verdict": ("Equals", "passed"),
        "artifact.sha256": ("Equals", _manifest_value("sha256")),
        "gate.errors": ("LessThanOrEqualTo", 0),
        "gate.latency_p99_in_millisecond": ("LessThanOrEqualTo", 200),
        "gate.error_rate": ("LessThanOrEqualTo", 0.01),
        "gate.achieved_tps": ("GreaterThanOrEqualTo", 20),
    }
    registrations = [f"Registration-{code}" for code in ("NA", "EU", "FE")]
    assert [step["Name"] for step in gate["IfSteps"]] == registrations
    (failure,) = gate["ElseSteps"]
    assert '"Path": "summary"' in json.dumps(failure["Arguments"]["ErrorMessage"])


def test_the_model_is_verified_in_the_container_that_serves_it(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    configs = PipelineConfigs.load(write_pipeline(tmp_path, "existing_model"))
    request = registration_requests(configs)[NA]
    definition = compile_pipeline(configs).definition
    verify = _step(definition, "Verify")["Arguments"]

    assert verify["AppSpecification"]["ImageUri"] == request.image_uri
    assert verify["NetworkConfig"]["EnableNetworkIsolation"] is True
    cluster = verify["ProcessingResources"]["ClusterConfig"]
    assert cluster["InstanceType"] == "ml.m5.large"


def test_verify_is_told_the_digest_of_the_code_that_was_packaged(
    definitions: dict[str, dict[str, Any]],
) -> None:
    arguments = _verify_arguments(definitions["existing_model"])

    digest = arguments[arguments.index("--code-sha256") + 1]
    assert digest == _manifest_value("code_sha256")


def test_a_packaging_script_of_the_users_makes_its_digest_as_it_likes(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    path = write_pipeline(tmp_path, "existing_model")
    (tmp_path / "pack.py").touch()
    document = json.loads(path.read_text())
    document["configuration"]["processing"]["Package"] |= {
        "processing_source_dir": str(tmp_path),
        "processing_entry_point": "pack.py",
    }
    path.write_text(json.dumps(document))

    definition = compile_pipeline(PipelineConfigs.load(path)).definition

    assert "--code-sha256" not in _verify_arguments(definition)


def _verify_arguments(definition: dict[str, Any]) -> list[Any]:
    verify = _step(definition, "Verify")["Arguments"]
    arguments: list[Any] = verify["AppSpecification"]["ContainerArguments"]
    return arguments


def _compiled_with(path: Path, **payload: Any) -> dict[str, Any]:
    document = json.loads(path.read_text())
    document["configuration"]["specific"]["Payload"] |= payload
    path.write_text(json.dumps(document))
    return compile_pipeline(PipelineConfigs.load(path)).definition


def test_without_a_load_test_there_is_no_rate_to_compare(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    path = write_pipeline(tmp_path, "several_regions")
    gate = _step(_compiled_with(path, verification_load_seconds=0), "Gate")

    assert "gate.achieved_tps" not in json.dumps(gate)


@pytest.mark.parametrize(("verification", "verify"), [("warn", ["Verify"]), ("off", [])])
def test_a_verification_that_is_not_enforced_has_no_gate(
    tmp_path: Path, write_pipeline: WritePipeline, verification: str, verify: list[str]
) -> None:
    path = write_pipeline(tmp_path, "several_regions")
    definition = _compiled_with(path, verification=verification)

    assert [step["Name"] for step in definition["Steps"]] == [
        *["CreateModel", "Package", *verify, "Stage-NA", "Stage-EU", "Stage-FE"],
        *["Registration-NA", "Registration-EU", "Registration-FE"],
    ]
    stages = ["Stage-NA", "Stage-EU", "Stage-FE"]
    for code in RegionNames().codes:
        assert _step(definition, f"Registration-{code}")["DependsOn"] == stages
    assert lint(definition) == []


def test_an_instance_type_that_runs_no_jobs_is_replaced_by_that_of_packaging(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    path = write_pipeline(tmp_path, "existing_model")
    path.write_text(path.read_text().replace('"ml.m5.large"', '"ml.t2.medium"'))
    verify = _step(compile_pipeline(PipelineConfigs.load(path)).definition, "Verify")

    cluster = verify["Arguments"]["ProcessingResources"]["ClusterConfig"]
    assert cluster["InstanceType"] == "ml.m5.xlarge"


def test_a_container_that_no_processing_job_can_run_is_an_error(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    path = write_pipeline(tmp_path, "existing_model")
    path.write_text(path.read_text().replace('"ml.m5.large"', '"ml.p4d.24xlarge"'))

    with pytest.raises(VerificationInstanceError, match="verification_instance_type"):
        compile_pipeline(PipelineConfigs.load(path))


@pytest.mark.parametrize("payload", [{}, {"verification_instance_type": "ml.m5.large"}])
def test_a_container_of_arm64_is_verified_by_no_job(
    tmp_path: Path, write_pipeline: WritePipeline, payload: dict[str, Any]
) -> None:
    path = write_pipeline(tmp_path, "existing_model")
    path.write_text(path.read_text().replace('"ml.m5.large"', '"ml.c8g.large"'))

    with pytest.raises(VerificationInstanceError, match=r'jobs on Graviton.*"off"'):
        _compiled_with(path, **payload)
    assert "pytorch-inference-graviton" in json.dumps(_compiled_with(path, verification="off"))


def test_a_job_that_aws_ended_is_retried_however_long_it_has_run(
    definitions: dict[str, dict[str, Any]],
) -> None:
    definition = parse_definition(json.dumps(definitions["with_training"]))
    jobs = [step for step in definition.steps if step.type in {"Processing", "Training"}]
    longest = TRAINING_TIMEOUT.total_seconds()

    assert {step.name for step in jobs} == {"Train", "Package", "Verify"}
    for step in jobs:
        ended = matching_policy(step.retry_policies, JOB_INTERNAL_ERROR)
        assert ended is not None
        assert ended.allows(retries=2, elapsed_seconds=longest)
        assert not ended.allows(retries=3, elapsed_seconds=60)
        for reason in (CAPACITY_ERROR, RESOURCE_LIMIT):
            waiting = matching_policy(step.retry_policies, reason)
            assert waiting is not None
            assert waiting.allows(retries=20, elapsed_seconds=4 * 3600)
            assert not waiting.allows(retries=1, elapsed_seconds=6 * 3600)


def _with_old_container(path: Path) -> Path:
    document = json.loads(path.read_text())
    document["configuration"]["shared"] |= {"framework_version": "1.8.1", "py_version": "py36"}
    path.write_text(json.dumps(document))
    return path


def test_a_container_with_too_old_a_python_is_an_error(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    path = _with_old_container(write_pipeline(tmp_path, "existing_model"))

    with pytest.raises(VerificationPythonError, match=r"py36: verification needs Python 3\.8"):
        compile_pipeline(PipelineConfigs.load(path))
    assert "Verify" not in json.dumps(_compiled_with(path, verification="off")["Steps"])


def test_the_version_registered_at_home_is_load_tested_when_asked_for(
    tmp_path: Path, write_pipeline: WritePipeline
) -> None:
    path = write_pipeline(tmp_path, "several_regions")
    definition = _compiled_with(path, load_test_in_aws=True)

    registration, load_test, *_ = _step(definition, "Gate")["Arguments"]["IfSteps"]
    assert (registration["Name"], load_test["Name"]) == ("Registration-NA", "LoadTest")
    assert load_test["FunctionArn"] == "${LoadTestFunctionArn}"
    assert load_test["Arguments"] == {
        "action": "start",
        "model_package_arn": _output("Registration-NA", "model_package_arn"),
    }
    assert lint(definition) == []


_ELEVEN_TYPES = [
    "ml.m5.large",
    *[f"ml.c5.{size}" for size in ("large", "xlarge", "2xlarge", "4xlarge", "9xlarge")],
    *[f"ml.r5.{size}" for size in ("large", "xlarge", "2xlarge", "4xlarge", "12xlarge")],
]


@pytest.mark.parametrize(
    ("payload", "regions", "message"),
    [
        ({}, ["EU", "FE"], "registered in eu-west-1, us-west-2 only"),
        ({"inference_instance_types": _ELEVEN_TYPES}, ["NA"], "at most 10 instance types"),
    ],
)
def test_a_load_test_that_cannot_be_is_an_error(
    tmp_path: Path,
    write_pipeline: WritePipeline,
    payload: dict[str, Any],
    regions: list[str],
    message: str,
) -> None:
    path = write_pipeline(tmp_path, "several_regions")
    document = json.loads(path.read_text())
    document["configuration"]["shared"] |= {"region": regions[0], "registration_regions": regions}
    document["configuration"]["shared"].pop("aws_region", None)
    path.write_text(json.dumps(document))

    with pytest.raises(LoadTestRequestError, match=message):
        _compiled_with(path, load_test_in_aws=True, **payload)


def test_every_region_is_registered_by_the_same_function_from_what_is_staged_there(
    definitions: dict[str, dict[str, Any]],
) -> None:
    definition = definitions["several_regions"]

    for code in RegionNames().codes:
        step = _step(definition, f"Registration-{code}")
        assert (step["Type"], step["FunctionArn"]) == ("Lambda", "${RegistrationFunctionArn}")
        staged = ("evaluation_uri", "model_artifact_uri", "packaging_manifest_uri")
        assert step["Arguments"] == {
            "action": "register",
            "region_code": code,
            "aws_region": code.aws_region,
            "model_package_group_name": "returns-risk",
            "model_approval_status": {"Get": "Parameters.ModelApprovalStatus"},
            "register_again": {"Get": "Parameters.RegisterAgain"},
            "artifact_sha256": _manifest_value("sha256"),
            "code_sha256": _manifest_value("code_sha256"),
            "git_commit": {"Get": "Parameters.GitCommit"},
            "pipeline_execution_arn": {"Get": "Execution.PipelineExecutionArn"},
            "source_model_artifact_uri": {"Get": "Steps.CreateModel.PrimaryContainer.ModelDataUrl"},
            "release_folder": _joined(
                "s3://${ArtifactBucketName}/returns-risk/releases",
                {"Get": "Execution.PipelineExecutionId"},
            ),
            "sample_payload_uri": step["Arguments"]["sample_payload_uri"],
            "registration_request_uri": _output(f"Stage-{code}", "registration_request_uri"),
            **{name: _output(f"Stage-{code}", name) for name in staged},
        }


def test_each_job_writes_to_a_temporary_folder_of_its_own(
    definitions: dict[str, dict[str, Any]],
) -> None:
    folder = (
        {"Get": "Parameters.PIPELINE_EXECUTION_TEMP_DIR"},
        {"Get": "Execution.PipelineExecutionId"},
    )
    for definition in definitions.values():
        for name in ("Package", "Verify"):
            outputs = _step(definition, name)["Arguments"]["ProcessingOutputConfig"]["Outputs"]
            written = [each["S3Output"]["S3Uri"]["Std:Join"]["Values"] for each in outputs]
            assert all(values[:3] == [*folder, name] for values in written)


def _joined(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def test_the_sample_payload_is_one_tar_gz_in_each_regions_bucket(
    definitions: dict[str, dict[str, Any]],
) -> None:
    definition = definitions["several_regions"]
    home = _step(definition, "Registration-NA")["Arguments"]["sample_payload_uri"]
    abroad = _step(definition, "Registration-EU")["Arguments"]["sample_payload_uri"]

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


def test_the_sdks_models_are_built_when_they_are_used_and_all_others_at_once() -> None:
    with sdk._models_built_when_used():

        class OfTheSdk(BaseModel):
            name: str

    class Own(BaseModel):
        name: str

    built = {"at once": [each.__pydantic_complete__ for each in (OfTheSdk, Own)]}
    assert OfTheSdk(name="a").name == "a"
    built["once used"] = [OfTheSdk.__pydantic_complete__]

    assert built == {"at once": [False, True], "once used": [True]}
