"""From config to registered model packages, with the real CDK CLI on an embedded AWS.

The tests run in this order on one deployment: each is a day in the life of a released model.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.deployment import stack_output
from local.runner import EmulatedAws, Execution, ExecutionStatus, StepExecution, StepStatus
from tests.end_to_end.deployment import (
    REGIONS,
    ROOT,
    Deployment,
    example_with_another_file,
)
from tests.security.secrets_scan import findings


def test_a_release_registers_the_model_in_every_region(deployment: Deployment) -> None:
    commit = f"{'4f' * 20}-dirty"
    model = deployment.put_model("incoming/returns-risk/model.tar.gz")

    execution = deployment.release(model, GitCommit=commit)

    assert execution.failure_reason is None
    for region in REGIONS:
        (package,) = deployment.packages(region)
        assert package["CustomerMetadataProperties"]["git_commit"] == commit
        (container,) = package["InferenceSpecification"]["Containers"]
        assert package["ModelApprovalStatus"] == "PendingManualApproval"
        assert f".{region}." in container["Image"]
        assert container["Environment"]["SCORE_SCALE"] == "1000"
        assert package["SamplePayloadUrl"].endswith("/payload.tar.gz")
        assert container["ModelDataUrl"].endswith(f"/releases/{execution.id}/model.tar.gz")


def test_the_registered_artifact_is_the_model_with_its_inference_code(
    deployment: Deployment, tmp_path: Path
) -> None:
    digests = set()
    for region in REGIONS:
        (package,) = deployment.packages(region)
        uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        target = tmp_path / f"{region}.tar.gz"
        deployment.aws.client("s3", region).download_file(bucket, key, str(target))
        digests.add(package["CustomerMetadataProperties"]["artifact_sha256"])
        with tarfile.open(target) as archive:
            names = archive.getnames()
        assert {"code/inference.py", "model.pth", "weights.npz"} <= {
            name.removeprefix("./") for name in names
        }

    assert len(digests) == 1


def test_the_other_regions_copies_are_under_their_own_key(deployment: Deployment) -> None:
    for region in REGIONS[1:]:
        (package,) = deployment.packages(region)
        uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        bucket, key = uri.removeprefix("s3://").split("/", 1)

        head = deployment.aws.client("s3", region).head_object(Bucket=bucket, Key=key)

        assert head["ServerSideEncryption"] == "aws:kms"
        assert f":kms:{region}:" in head["SSEKMSKeyId"]


def test_the_numbers_that_were_measured_are_on_the_model_package(deployment: Deployment) -> None:
    for region in REGIONS:
        (package,) = deployment.packages(region)
        properties = package["CustomerMetadataProperties"]
        uri = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        content = deployment.aws.client("s3", region).get_object(Bucket=bucket, Key=key)["Body"]
        gate = json.loads(content.read())["gate"]

        assert properties["verification_verdict"] == "passed"
        for name in ("latency_p99_in_millisecond", "error_rate", "achieved_tps"):
            assert float(properties[name]) == gate[name]


def test_the_same_content_is_not_registered_again(deployment: Deployment) -> None:
    execution = deployment.release(deployment.put_model("incoming/returns-risk/other-key.tar.gz"))

    assert execution.failure_reason is None
    for region, code in zip(REGIONS, ("NA", "EU", "FE"), strict=True):
        (package,) = deployment.packages(region)
        outputs = execution.step(f"Stage-{code}").properties["OutputParameters"]
        assert outputs["state"] == "registered"
        assert outputs["registered"] == package["ModelPackageArn"]
        registration = execution.step(f"Registration-{code}").properties["OutputParameters"]
        assert registration["model_package_arn"] == package["ModelPackageArn"]


def test_a_model_that_fails_its_verification_is_registered_nowhere(
    deployment: Deployment,
) -> None:
    broken = io.BytesIO()
    with tarfile.open(fileobj=broken, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("unrelated.txt"))

    execution = deployment.release(
        deployment.put_model("incoming/returns-risk/broken.tar.gz", broken.getvalue())
    )

    assert execution.status is ExecutionStatus.FAILED
    assert execution.failure_reason is not None
    assert "Step 'VerificationFailed' failed: Nothing was registered: " in execution.failure_reason
    assert "/evaluation.json" in execution.failure_reason
    for code in ("NA", "EU", "FE"):
        outputs = execution.step(f"Stage-{code}").properties["OutputParameters"]
        assert outputs["state"] == "refused"
        assert execution.step(f"Registration-{code}").status is StepStatus.NOT_EXECUTED
    assert [len(deployment.packages(region)) for region in REGIONS] == [1, 1, 1]


def test_another_model_under_the_same_key_is_packaged_anew(deployment: Deployment) -> None:
    uri = deployment.put_model("incoming/returns-risk/model.tar.gz", example_with_another_file())

    execution = deployment.release(uri, ModelApprovalStatus="Rejected")

    assert execution.failure_reason is None
    for region in REGIONS:
        before, after = deployment.packages(region)
        assert after["ModelApprovalStatus"] == "Rejected"
        assert (
            after["CustomerMetadataProperties"]["artifact_sha256"]
            != before["CustomerMetadataProperties"]["artifact_sha256"]
        )


@pytest.mark.parametrize(
    ("name", "value", "action"),
    [
        ("VPC_SUBNET", "subnet-0123456789abcdef0", "sagemaker:CreateModel"),
        ("SECURITY_GROUP_ID", "sg-0123456789abcdef0", "sagemaker:CreateModel"),
        ("ModelApprovalStatus", "Approved", "sagemaker:CreateModelPackage"),
    ],
)
def test_a_start_parameter_leads_to_no_other_network_and_approves_nothing(
    deployment: Deployment, name: str, value: str, action: str
) -> None:
    before = {region: len(deployment.packages(region)) for region in REGIONS}
    uri = deployment.put_model(
        "incoming/returns-risk/model.tar.gz", example_with_another_file(f"{name}.txt")
    )

    execution = deployment.release(uri, **{name: value})

    assert execution.failure_reason is not None
    assert f"not authorized to perform: {action} " in execution.failure_reason
    assert before == {region: len(deployment.packages(region)) for region in REGIONS}


def test_the_jobs_role_is_denied_what_would_harm_a_release(deployment: Deployment) -> None:
    execution_role, job_role = deployment.roles()
    stacks = deployment.aws.client("cloudformation")
    bucket = stack_output(stacks, "model-release-storage", "ArtifactBucketName")
    functions = deployment.aws.client("lambda").list_functions()["Functions"]
    aws = EmulatedAws.connect(deployment.aws.environment).as_role(
        job_role, name="job", source_arn="arn:aws:sagemaker:us-east-1:123456789012:training-job/x"
    )
    container = {"Image": "image", "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}
    group = {"ModelPackageGroupName": "returns-risk", "ModelApprovalStatus": "Approved"}
    (version, *_) = deployment.packages("us-east-1")

    calls: dict[str, Callable[[], object]] = {
        "sagemaker:CreateModelPackage": lambda: aws.sagemaker.create_model_package(**group),
        "sagemaker:UpdateModelPackage": lambda: aws.sagemaker.update_model_package(
            ModelPackageArn=version["ModelPackageArn"], ModelApprovalStatus="Approved"
        ),
        "lambda:InvokeFunction": lambda: aws.lambda_.invoke(
            FunctionName=functions[0]["FunctionName"]
        ),
        "sagemaker:CreateModel": lambda: aws.sagemaker.create_model(
            ModelName="hostile", ExecutionRoleArn=execution_role, PrimaryContainer=container
        ),
        "sagemaker:StartPipelineExecution": lambda: aws.sagemaker.start_pipeline_execution(
            PipelineName="returns-risk", ClientRequestToken="x" * 32
        ),
        "s3:GetObject": lambda: aws.s3.get_object(
            Bucket=bucket, Key="incoming/another-pipeline/model.tar.gz"
        ),
        "s3:ListBucket": lambda: aws.s3.list_objects_v2(Bucket=bucket),
    }
    for action, call in calls.items():
        with pytest.raises(ClientError, match=f"not authorized to perform: {action} "):
            call()


def test_an_execution_document_is_filled_from_the_deployed_pipeline(
    deployment: Deployment, tmp_path: Path
) -> None:
    document = tmp_path / "document.json"
    other = {"STEP_TYPE": ["WORKFLOW_INPUT", "CradleDataLoadingStep"], "STEP_CONFIG": {"a": [1]}}
    steps = {"ModelRegistration-EU": {"STEP_TYPE": "X"}, "Loading": other}
    document.write_text(json.dumps({"PIPELINE_STEP_CONFIGS": steps}))

    result = subprocess.run(
        [sys.executable, "cli.py", "execution-document", document, "--pipeline", "returns-risk"],
        cwd=ROOT,
        env=deployment.aws.environment,
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0
    assert "has no step Registration-NA" in result.stderr
    filled = json.loads(document.read_text())["PIPELINE_STEP_CONFIGS"]
    load_test = filled["ModelRegistration-EU"]["STEP_CONFIG"]["load_testing_info_map"]
    registered = deployment.packages("eu-west-1")[0]["SamplePayloadUrl"]
    assert registered == "s3://{sample_payload_s3_bucket}/{sample_payload_s3_key}".format(
        **load_test
    )
    assert filled["Loading"] == other


def test_an_unknown_pipeline_is_an_error_that_suggests_a_deployed_one(
    deployment: Deployment, tmp_path: Path
) -> None:
    document = tmp_path / "document.json"
    document.write_text('{"PIPELINE_STEP_CONFIGS": {}}')

    result = subprocess.run(
        [sys.executable, "cli.py", "execution-document", document, "--pipeline", "returns"],
        cwd=ROOT,
        env=deployment.aws.environment,
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    assert "Did you mean 'returns-risk'?" in result.stderr


@pytest.mark.parametrize(
    ("content", "step", "reason"),
    [
        (None, "CreateModel", "incoming/returns-risk/absent.tar.gz"),
        (b"PK\x03\x04 not a tar", "Package", "zip"),
        (b"", "Package", "empty"),
    ],
    ids=["absent", "zip", "empty"],
)
def test_a_bad_artifact_fails_its_step_and_registers_nothing(
    deployment: Deployment, content: bytes | None, step: str, reason: str
) -> None:
    before = {region: len(deployment.packages(region)) for region in REGIONS}
    uri = deployment.put_model("incoming/returns-risk/bad.tar.gz", content or b"")
    if content is None:
        uri = uri.replace("bad", "absent")

    execution = deployment.release(uri)

    assert execution.status is ExecutionStatus.FAILED
    assert execution.failure_reason is not None
    assert f"Step '{step}' failed" in execution.failure_reason
    assert reason in execution.failure_reason
    assert execution.step("Registration-EU").status is StepStatus.NOT_EXECUTED
    assert before == {region: len(deployment.packages(region)) for region in REGIONS}


def test_a_deployment_without_a_change_changes_nothing(deployment: Deployment) -> None:
    output = deployment.deploy()

    assert output.count("(no changes)") == 7


def test_a_changed_config_is_deployed_and_keeps_what_is_registered(deployment: Deployment) -> None:
    config = deployment.config
    config.write_text(config.read_text().replace("ReturnAbuseRisk", "ReturnFraudRisk"))
    with (config.parent / "inference" / "inference.py").open("a") as script:
        script.write("\n# A later version.\n")
    deployed = deployment.physical_ids()
    before = deployment.aws.client("sagemaker").describe_pipeline(PipelineName="returns-risk")

    deployment.deploy()

    after = deployment.aws.client("sagemaker").describe_pipeline(PipelineName="returns-risk")
    assert after["PipelineDefinition"] != before["PipelineDefinition"]
    assert after["CreationTime"] == before["CreationTime"]
    assert len(deployed) > 40
    assert deployment.physical_ids() == deployed  # nothing was replaced
    assert len(deployment.packages("us-east-1")) == 2


def test_executions_of_the_earlier_definition_keep_their_files_after_a_deployment(
    deployment: Deployment,
) -> None:
    uri = deployment.put_model(
        "incoming/returns-risk/model.tar.gz", example_with_another_file("kept.txt")
    )
    stopped = _stop_at_package(deployment, uri)

    def deploy(_execution: Execution, step: StepExecution | None) -> None:
        if step and step.name == "CreateModel" and step.status is StepStatus.SUCCEEDED:
            with (deployment.config.parent / "inference" / "inference.py").open("a") as script:
                script.write("\n# While executions run.\n")
            deployment.deploy()

    running = deployment.start(uri, on_event=deploy)
    retried = deployment.retry(stopped)

    assert running.failure_reason is None
    assert retried.failure_reason is None
    for execution in (running, retried):
        code = execution.step("Package").arguments["ProcessingInputs"][1]["S3Input"]["S3Uri"]
        definition = deployment.aws.client("sagemaker").describe_pipeline(
            PipelineName="returns-risk"
        )
        assert code not in definition["PipelineDefinition"]


def _stop_at_package(deployment: Deployment, uri: str) -> str:
    """Start an execution and stop it when Package begins; returns its ARN."""
    seen: list[str] = []

    def stop(execution: Execution, step: StepExecution | None) -> None:
        seen.append(execution.arn)
        if step and step.name == "Package" and step.status is StepStatus.STARTING:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deployment.start(uri, on_event=stop)
    return seen[0]


def _scope_network_interfaces(statement: dict[str, Any]) -> None:
    kinds = ("network-interface", "security-group", "subnet")
    statement["Resource"] = [f"arn:aws:ec2:us-east-1:123456789012:{kind}/*" for kind in kinds]


def _allow_assets_of_a_later_definition(statement: dict[str, Any]) -> None:
    assets = "cdk-hnb659fds-assets-123456789012-us-east-1/"
    kept = [each for each in statement["Resource"] if assets not in each]
    assert len(kept) == len(statement["Resource"]) - 1
    statement["Resource"] = [*kept, f"arn:aws:s3:::{assets}later.gz"]


@pytest.mark.parametrize(
    ("sid", "change", "step", "reason"),
    [
        (
            "AttachJobsToNetwork",
            _scope_network_interfaces,
            "Package",
            "ec2:CreateNetworkInterface",
        ),
        ("ReadArtifactsAndAssets", _allow_assets_of_a_later_definition, "Package", "403"),
    ],
)
def test_policies_as_they_once_were_fail_a_step_with_the_call_that_they_lack(
    deployment: Deployment,
    sid: str,
    change: Callable[[dict[str, Any]], None],
    step: str,
    reason: str,
) -> None:
    uri = deployment.put_model(
        "incoming/returns-risk/model.tar.gz", example_with_another_file("once.txt")
    )
    with deployment.changed_statement(sid, change):
        failed = deployment.release(uri)

    assert failed.failure_reason is not None
    assert f"Step '{step}' failed" in failed.failure_reason
    assert reason in failed.failure_reason


def test_a_region_without_its_registry_keeps_the_model_out_of_every_region(
    deployment: Deployment,
) -> None:
    s3 = deployment.aws.client("s3", "us-west-2")
    bucket = "model-release-registry-123456789012-us-west-2"
    for each in s3.list_object_versions(Bucket=bucket)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    uri = deployment.put_model(
        "incoming/returns-risk/model.tar.gz", example_with_another_file("third.txt")
    )

    execution = deployment.release(uri)

    assert execution.failure_reason is not None
    assert "Step 'Stage-FE' failed" in execution.failure_reason
    assert "us-west-2" in execution.failure_reason
    assert "registry stack" in execution.failure_reason
    assert execution.step("Registration-NA").status is StepStatus.NOT_EXECUTED
    assert execution.step("Registration-EU").status is StepStatus.NOT_EXECUTED
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    _complete(deployment, uri, failed=execution)


def _complete(deployment: Deployment, uri: str, *, failed: Execution) -> None:
    """Start again with the same parameters, and then retry what has failed."""
    before = {region: len(deployment.packages(region)) for region in REGIONS}

    execution = deployment.release(uri)
    retried = deployment.retry(failed.arn)

    assert execution.failure_reason is None
    assert retried.failure_reason is None
    # It was new at home when the first one looked, and does not register there for all that.
    assert retried.step("Stage-NA").properties["OutputParameters"]["state"] == "staged"
    after = {region: len(deployment.packages(region)) for region in REGIONS}
    assert after == {region: count + 1 for region, count in before.items()}


def test_nothing_secret_is_left_behind(deployment: Deployment) -> None:
    written = [deployment.packages(region) for region in REGIONS]
    definition = deployment.aws.client("sagemaker").describe_pipeline(PipelineName="returns-risk")
    (deployment.folder / "described.json").write_text(
        json.dumps([written, definition], default=str)
    )

    names = {path.name for path in deployment.folder.rglob("*")}
    assert {"cdk.log", "emulator.log", "report.html", "described.json"} <= names
    assert findings(deployment.folder) == []


def test_everything_can_be_destroyed_and_the_registered_models_stay(
    deployment: Deployment,
) -> None:
    deployment.cdk(lambda cli: cli.destroy(context=deployment.context))

    assert deployment.aws.client("sagemaker").list_pipelines()["PipelineSummaries"] == []
    for region, versions in dict.fromkeys(REGIONS, 4).items():
        stacks = deployment.aws.client("cloudformation", region).describe_stacks()["Stacks"]
        assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]
        packages = deployment.packages(region)
        assert len(packages) == versions
        for package in packages:
            uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
            bucket = uri.removeprefix("s3://").partition("/")[0]
            deployment.aws.client("s3", region).head_bucket(Bucket=bucket)
