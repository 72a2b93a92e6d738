"""What surrounds an execution: finding the pipeline's bucket, uploading, reading stacks."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from constructs_lib.aws.cloud_assembly import CloudAssembly
from constructs_lib.aws.handle import AccessKey, AwsHandle
from constructs_lib.release.incoming import ModelArtifactError
from local.demo import NoExampleError, example_stack, run_demo
from local.deployment import StackOutputError, stack_output
from local.release import release
from local.releases import registered_packages
from local.runner import EmulatedAws, Execution
from local.runner.language.errors import PipelineNotFoundError

REGION = "eu-west-1"
ROLE_ARN = "arn:aws:iam::123456789012:role/execution"
TEMPLATE = {
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
    "Outputs": {"PipelineName": {"Value": "returns-risk"}},
}

CreatePipeline = Callable[[str | None], str]
Release = Callable[[str, Path], Execution]


@pytest.fixture
def home(aws: EmulatedAws, administrator: AccessKey) -> AwsHandle:
    """An app whose home region is not the default one."""
    return AwsHandle(REGION, aws.environment["AWS_ENDPOINT_URL"], administrator)


@pytest.fixture
def home_bucket(home: AwsHandle) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    home.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return name


@pytest.fixture
def create_pipeline(home: AwsHandle) -> CreatePipeline:
    """Deploy a pipeline that creates a model and keeps intermediate outputs in a bucket."""

    def create(bucket: str | None) -> str:
        name = f"pipeline-{uuid.uuid4().hex}"
        temp_dir = {
            "Name": "PIPELINE_EXECUTION_TEMP_DIR",
            "Type": "String",
            "DefaultValue": f"s3://{bucket}/tmp/{name}",
        }
        model = {"Name": "ModelS3Uri", "Type": "String"}
        container = {"Image": "image", "ModelDataUrl": {"Get": "Parameters.ModelS3Uri"}}
        step = {
            "Name": "CreateModel",
            "Type": "Model",
            "Arguments": {"ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": container},
        }
        definition = {
            "Version": "2020-12-01",
            "Parameters": [model, temp_dir] if bucket else [model],
            "Steps": [step],
        }
        home.client("sagemaker").create_pipeline(
            PipelineName=name,
            PipelineDefinition=json.dumps(definition),
            RoleArn=ROLE_ARN,
            ClientRequestToken=uuid.uuid4().hex,
        )
        return name

    return create


@pytest.fixture
def release_file(home: AwsHandle, tmp_path: Path) -> Release:
    def run(pipeline: str, model: Path) -> Execution:
        return release(
            pipeline,
            str(model),
            aws=home,
            state_dir=tmp_path / "state",
            console=Console(file=io.StringIO()),
        )

    return run


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"model")
    return path


def test_a_file_is_uploaded_where_the_pipeline_works_to_a_key_that_names_its_content(
    home: AwsHandle,
    home_bucket: str,
    create_pipeline: CreatePipeline,
    release_file: Release,
    model_file: Path,
) -> None:
    pipeline = create_pipeline(home_bucket)

    execution = release_file(pipeline, model_file)

    digest = hashlib.sha256(b"model").hexdigest()[:16]
    key = f"incoming/{pipeline}/{digest}-model.tar.gz"
    assert execution.failure_reason is None
    assert execution.parameters["ModelS3Uri"] == f"s3://{home_bucket}/{key}"
    assert home.client("s3").get_object(Bucket=home_bucket, Key=key)["Body"].read() == b"model"


def test_another_model_in_a_file_of_the_same_name_gets_a_key_of_its_own(
    home_bucket: str, create_pipeline: CreatePipeline, release_file: Release, model_file: Path
) -> None:
    pipeline = create_pipeline(home_bucket)

    before = release_file(pipeline, model_file)
    model_file.write_bytes(b"another model")
    after = release_file(pipeline, model_file)

    assert before.parameters["ModelS3Uri"] != after.parameters["ModelS3Uri"]


def test_a_model_that_is_no_archive_is_refused_before_its_upload(
    tmp_path: Path, release_file: Release
) -> None:
    weights = tmp_path / "model.pt"
    weights.write_bytes(b"PK\x03\x04")

    with pytest.raises(ModelArtifactError, match=r"is a zip file, as torch\.save writes too"):
        release_file("any", weights)
    with pytest.raises(ModelArtifactError, match=rf"tar -czf model.tar.gz -C {tmp_path} \."):
        release_file("any", tmp_path)


def test_a_file_for_an_unknown_pipeline_is_an_error_that_names_the_region(
    release_file: Release, model_file: Path
) -> None:
    with pytest.raises(ModelArtifactError, match=f"'absent' in {REGION}"):
        release_file("absent", model_file)


def test_a_pipeline_that_names_no_bucket_takes_s3_uris_only(
    create_pipeline: CreatePipeline, release_file: Release, model_file: Path
) -> None:
    with pytest.raises(ModelArtifactError, match="give its S3 URI"):
        release_file(create_pipeline(None), model_file)


def test_a_bucket_that_is_gone_is_named(
    create_pipeline: CreatePipeline, release_file: Release, model_file: Path
) -> None:
    with pytest.raises(ModelArtifactError, match="s3://absent-bucket"):
        release_file(create_pipeline("absent-bucket"), model_file)


def test_a_pipeline_of_another_region_is_not_found(
    aws: EmulatedAws,
    administrator: AccessKey,
    home_bucket: str,
    create_pipeline: CreatePipeline,
    tmp_path: Path,
) -> None:
    pipeline = create_pipeline(home_bucket)

    with pytest.raises(PipelineNotFoundError, match="in us-east-1"):
        release(
            pipeline,
            "s3://bucket/model.tar.gz",
            aws=AwsHandle("us-east-1", aws.environment["AWS_ENDPOINT_URL"], administrator),
            state_dir=tmp_path,
            console=Console(file=io.StringIO()),
        )


def test_versions_that_a_person_registered_are_not_an_executions(home: AwsHandle) -> None:
    client = home.client("sagemaker")
    group = f"group-{uuid.uuid4().hex}"
    client.create_model_package_group(ModelPackageGroupName=group)
    client.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={"Containers": [{"Image": "image", "ModelDataUrl": "s3://b/m"}]},
    )
    step = {"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": group}}

    packages = registered_packages(
        {"Steps": [step]}, "arn", home_region=REGION, sagemaker=lambda _: client
    )

    assert packages == []


def test_the_output_of_a_stack_is_read_in_its_region(home: AwsHandle) -> None:
    client = home.client("cloudformation")
    stack = f"stack-{uuid.uuid4().hex}"
    client.create_stack(StackName=stack, TemplateBody=json.dumps(TEMPLATE))

    assert stack_output(client, stack, "PipelineName") == "returns-risk"
    with pytest.raises(StackOutputError, match=r"no output 'Other'. It has: PipelineName"):
        stack_output(client, stack, "Other")
    with pytest.raises(StackOutputError, match=f"'absent' in {REGION}"):
        stack_output(client, "absent", "PipelineName")


def _assembly(folder: Path, *stacks: str) -> CloudAssembly:
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://unknown-account/{REGION}",
    }
    manifest: dict[str, Any] = {"artifacts": dict.fromkeys(stacks, artifact)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return CloudAssembly(folder)


def test_the_demo_finds_the_example_whatever_the_app_is_called(tmp_path: Path) -> None:
    assembly = _assembly(tmp_path, "risk-storage", "risk-pipeline-returns-risk")

    assert example_stack(assembly) == "risk-pipeline-returns-risk"
    assert assembly.region("risk-pipeline-returns-risk") == REGION


def test_the_demo_without_the_example_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(NoExampleError, match="risk-storage"):
        example_stack(_assembly(tmp_path, "risk-storage"))


def test_the_demo_without_the_examples_model_starts_nothing_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.demo._ROOT", tmp_path)
    folder = tmp_path / "demo"
    (folder / "executions").mkdir(parents=True)

    with pytest.raises(NoExampleError, match="release run NAME --model MODEL"):
        run_demo(folder, Console(file=io.StringIO()))

    assert [path.name for path in folder.iterdir()] == ["executions"]
