"""What SageMaker itself calls for a step: a role that may not do it fails the step."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.language.service_calls import On, actions
from local.emulator import EmbeddedAws
from local.runner import EmulatedAws, Execution, ExecutionStatus, start_execution
from tests.local.emulator.policies import Statement, allow, document

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6-cpu-py312"
TAGS = [{"Key": "pipeline", "Value": "returns-risk"}]
TYPES = ("Model", "Processing", "RegisterModel")
ALL = {on: allow(names, "*") for on in On if (names := actions(TYPES, on))}
"""A statement per kind of resource, each without a scope."""

Run = Callable[..., Execution]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as embedded:
        yield embedded


@pytest.fixture
def bucket(server: EmbeddedAws) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    server.client("s3").create_bucket(Bucket=name)
    server.client("s3").put_object(Bucket=name, Key="code/job.py", Body=b"print('done')")
    server.client("s3").put_object(Bucket=name, Key="model.tar.gz", Body=b"model")
    return name


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def run(server: EmbeddedAws, tmp_path: Path) -> Run:
    """Run a pipeline of one step whose role has these statements."""

    def execute(step: dict[str, Any], *statements: Statement) -> Execution:
        name = f"pipeline-{uuid.uuid4().hex}"
        trust = allow("sts:AssumeRole", [], Principal={"Service": "sagemaker.amazonaws.com"})
        del trust["Resource"]
        iam = server.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        key = server.client("kms").create_key()["KeyMetadata"]["KeyId"]
        text = json.dumps({"Version": "2020-12-01", "Steps": [step]}).replace("KEY", key)
        server.client("sagemaker").create_pipeline(
            PipelineName=name,
            PipelineDefinition=text.replace("ROLE", role["Arn"]),
            RoleArn=role["Arn"],
            ClientRequestToken=uuid.uuid4().hex,
            Tags=TAGS,
        )
        aws = EmulatedAws.connect(server.environment())
        return start_execution(name, {}, aws=aws, state_dir=tmp_path, sleep=lambda _: None)

    return execute


def registration(group: str, bucket: str) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}
    specification = {"Containers": [container], "SupportedContentTypes": ["text/csv"]}
    return {
        "Name": "Registration-NA",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": group,
            "InferenceSpecification": {
                **specification,
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        },
    }


def processing(bucket: str) -> dict[str, Any]:
    cluster = {
        "InstanceCount": 1,
        "InstanceType": "ml.m5.large",
        "VolumeSizeInGB": 30,
        "VolumeKmsKeyId": "KEY",
    }
    code = {
        "S3Uri": f"s3://{bucket}/code/job.py",
        "LocalPath": "/opt/ml/processing/input/code",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    return {
        "Name": "Package",
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/job.py"],
            },
            "RoleArn": "ROLE",
            "NetworkConfig": {"VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
            "ProcessingInputs": [{"InputName": "code", "S3Input": code}],
        },
    }


def without(*left_out: On) -> list[Statement]:
    return [statement for on, statement in ALL.items() if on not in left_out]


def reason(execution: Execution) -> str:
    assert execution.status is ExecutionStatus.FAILED
    (step,) = execution.steps
    return str(step.reason)


def test_a_registration_creates_its_group_first_with_the_tags_of_the_pipeline(
    server: EmbeddedAws, run: Run, group: str, bucket: str
) -> None:
    execution = run(registration(group, bucket), *ALL.values())

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    sagemaker = server.client("sagemaker")
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert sagemaker.list_tags(ResourceArn=arn["ModelPackageGroupArn"])["Tags"] == TAGS


def test_a_group_that_exists_stands_in_the_way_of_no_registration(
    server: EmbeddedAws, run: Run, group: str, bucket: str
) -> None:
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)

    execution = run(registration(group, bucket), *ALL.values())

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason


@pytest.mark.parametrize("missing", ["sagemaker:CreateModelPackageGroup", "sagemaker:AddTags"])
def test_a_role_that_may_not_create_the_group_registers_nothing(
    server: EmbeddedAws, run: Run, group: str, bucket: str, missing: str
) -> None:
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    allowed = [name for name in actions(TYPES, On.GROUP) if name != missing]
    prefix = "arn:aws:sagemaker:us-east-1:123456789012:"

    execution = run(
        registration(group, bucket),
        *without(On.GROUP, On.PACKAGE, On.CREATED),
        allow(allowed, f"{prefix}model-package-group/{group}"),
        allow(actions(TYPES, On.PACKAGE), f"{prefix}model-package/{group}/*"),
    )

    assert missing in reason(execution)
    assert "AccessDenied" in reason(execution)
    listed = server.client("sagemaker").list_model_packages(ModelPackageGroupName=group)
    assert listed["ModelPackageSummaryList"] == []


def test_a_job_runs_with_all_that_sagemaker_does_for_it_and_gets_the_pipelines_tags(
    server: EmbeddedAws, run: Run, bucket: str
) -> None:
    execution = run(processing(bucket), *ALL.values())

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    arn = execution.step("Package").properties["ProcessingJobArn"]
    assert server.client("sagemaker").list_tags(ResourceArn=arn)["Tags"] == TAGS


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        (On.REGISTRY, "ecr:GetAuthorizationToken"),
        (On.IMAGE, "ecr:BatchCheckLayerAvailability"),
        (On.NETWORK, "ec2:DescribeDhcpOptions"),
        (On.VOLUME_KEY, "kms:CreateGrant"),
        (On.LOG_GROUP, "logs:CreateLogGroup"),
        (On.LOG_STREAM, "logs:CreateLogStream"),
        (On.METRICS, "cloudwatch:PutMetricData"),
        (On.ROLE, "iam:PassRole"),
        (On.INPUT, "403: Forbidden"),  # to a HEAD, which has no body, Amazon S3 says no more
        (On.INPUT_BUCKET, "s3:ListBucket"),
    ],
)
def test_a_job_whose_role_may_not_do_one_of_it_fails_with_the_action(
    run: Run, bucket: str, left_out: On, told: str
) -> None:
    failed = reason(run(processing(bucket), *without(left_out)))

    assert told in failed


@pytest.mark.parametrize(
    "scope",
    [
        {"Resource": ["arn:aws:ec2:us-east-1:123456789012:*/*"]},
        {"Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}},
    ],
)
def test_a_scope_on_network_interfaces_fails_a_job_in_a_vpc_as_its_validation_does(
    run: Run, bucket: str, scope: dict[str, Any]
) -> None:
    scoped = {**ALL[On.NETWORK_INTERFACE], **scope}

    failed = reason(run(processing(bucket), *without(On.NETWORK_INTERFACE), scoped))

    assert "ValidationException" in failed
    assert "ec2:CreateNetworkInterface" in failed
    assert "on Resource '*' and without conditions" in failed


def test_a_scope_on_network_interfaces_is_no_matter_without_a_vpc(run: Run, bucket: str) -> None:
    step = processing(bucket)
    del step["Arguments"]["NetworkConfig"]

    execution = run(step, *without(On.NETWORK_INTERFACE, On.NETWORK))

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
