"""What SageMaker itself calls for a step: a role that may not do it fails the step."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.infrastructure.iam.request_conditions import AllowedNetwork, approval_up_to
from constructs_lib.language.service_calls import Caller, On, actions
from local.emulator import EmbeddedAws
from local.runner import EmulatedAws, Execution, ExecutionStatus, start_execution
from tests.local.emulator.policies import Statement, allow, document

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6-cpu-py312"
TAGS = [{"Key": "pipeline", "Value": "returns-risk"}]
TYPES = ("Model", "Processing", "RegisterModel")
Statements = dict[tuple[Caller, On | str], Statement]
ALL: Statements = {
    (by, on): allow(names, "*")
    for by in Caller
    for on in On
    if (names := actions(TYPES, on, by=by))
}
"""A statement per role and kind of resource, each without a scope."""

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
    """Run a pipeline of one step; it and the step's job have a role each, with these statements."""

    def create_role(name: str, statements: list[Statement]) -> str:
        trust = allow("sts:AssumeRole", [], Principal={"Service": "sagemaker.amazonaws.com"})
        del trust["Resource"]
        iam = server.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return str(role["Arn"])

    def execute(step: dict[str, Any], statements: Statements) -> Execution:
        name = f"pipeline-{uuid.uuid4().hex}"
        roles = {
            by: create_role(
                f"{name}-{by.name}", [each for (of, _), each in statements.items() if of is by]
            )
            for by in Caller
        }
        key = server.client("kms").create_key()["KeyMetadata"]["KeyId"]
        text = json.dumps({"Version": "2020-12-01", "Steps": [step]}).replace("KEY", key)
        server.client("sagemaker").create_pipeline(
            PipelineName=name,
            PipelineDefinition=text.replace("ROLE", roles[Caller.JOB]),
            RoleArn=roles[Caller.PIPELINE],
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


def without(*left_out: On) -> Statements:
    return {key: statement for key, statement in ALL.items() if key[1] not in left_out}


def conditioned(on: On, condition: dict[str, Any]) -> Statements:
    """Put a condition on what the pipeline's role creates."""
    names = actions(TYPES, on)
    create = [name for name in names if name.startswith("sagemaker:Create")]
    return {
        **ALL,
        (Caller.PIPELINE, on): allow(sorted(set(names) - set(create)), "*"),
        (Caller.PIPELINE, "create"): {**allow(create, "*"), "Condition": condition},
    }


def reason(execution: Execution) -> str:
    assert execution.status is ExecutionStatus.FAILED
    (step,) = execution.steps
    return str(step.reason)


def test_a_registration_creates_its_group_first_with_the_tags_of_the_pipeline(
    server: EmbeddedAws, run: Run, group: str, bucket: str
) -> None:
    execution = run(registration(group, bucket), ALL)

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    sagemaker = server.client("sagemaker")
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert sagemaker.list_tags(ResourceArn=arn["ModelPackageGroupArn"])["Tags"] == TAGS


def test_a_group_that_exists_stands_in_the_way_of_no_registration(
    server: EmbeddedAws, run: Run, group: str, bucket: str
) -> None:
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)

    execution = run(registration(group, bucket), ALL)

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
        {
            **without(On.CREATED),
            (Caller.PIPELINE, On.GROUP): allow(allowed, f"{prefix}model-package-group/{group}"),
            (Caller.PIPELINE, On.PACKAGE): allow(
                actions(TYPES, On.PACKAGE), f"{prefix}model-package/{group}/*"
            ),
        },
    )

    assert missing in reason(execution)
    assert "AccessDenied" in reason(execution)
    listed = server.client("sagemaker").list_model_packages(ModelPackageGroupName=group)
    assert listed["ModelPackageSummaryList"] == []


def test_a_job_runs_with_all_that_sagemaker_does_for_it_and_gets_the_pipelines_tags(
    server: EmbeddedAws, run: Run, bucket: str
) -> None:
    execution = run(processing(bucket), ALL)

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
    failed = reason(run(processing(bucket), without(left_out)))

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
    interfaces = (Caller.JOB, On.NETWORK_INTERFACE)

    failed = reason(run(processing(bucket), {**ALL, interfaces: {**ALL[interfaces], **scope}}))

    assert "ValidationException" in failed
    assert "ec2:CreateNetworkInterface" in failed
    assert "on Resource '*' and without conditions" in failed


def test_a_scope_on_network_interfaces_is_no_matter_without_a_vpc(run: Run, bucket: str) -> None:
    step = processing(bucket)
    del step["Arguments"]["NetworkConfig"]

    execution = run(step, without(On.NETWORK_INTERFACE, On.NETWORK))

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason


def test_neither_role_needs_what_the_other_one_calls(run: Run, bucket: str) -> None:
    exchanged = {
        (by, on): statement for (of, on), statement in ALL.items() for by in Caller if by is not of
    }

    assert "sagemaker:CreateProcessingJob" in reason(run(processing(bucket), exchanged))


@pytest.mark.parametrize(
    ("network", "is_allowed"),
    [
        ({"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}, True),
        ({"Subnets": ["subnet-2"], "SecurityGroupIds": ["sg-1"]}, False),
        ({"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}, False),
        ({"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-2"]}, False),
        (None, False),
    ],
)
@pytest.mark.parametrize("isolated", [True, False])
def test_a_job_starts_in_the_subnets_and_groups_of_the_policy_and_isolated_only(
    run: Run, bucket: str, network: dict[str, Any] | None, is_allowed: bool, isolated: bool
) -> None:
    step = processing(bucket)
    step["Arguments"]["NetworkConfig"] = {
        "EnableNetworkIsolation": isolated,
        **({"VpcConfig": network} if network else {}),
    }
    allowed = AllowedNetwork(subnet_ids=["subnet-1"], security_group_ids=["sg-1"])

    execution = run(step, conditioned(On.CREATED, allowed.required(isolated=True)))

    if is_allowed and isolated:
        assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    else:
        assert "AccessDenied" in reason(execution)
        assert "sagemaker:CreateProcessingJob" in reason(execution)


@pytest.mark.parametrize(
    ("environment", "status", "is_allowed"),
    [
        ("PendingManualApproval", "PendingManualApproval", True),
        ("PendingManualApproval", "Approved", False),
        ("Rejected", "Approved", False),
        ("Approved", "Approved", True),
        ("Approved", "PendingManualApproval", True),
    ],
)
def test_a_start_parameter_approves_only_where_the_environment_does(
    run: Run, group: str, bucket: str, environment: str, status: str, is_allowed: bool
) -> None:
    step = registration(group, bucket)
    step["Arguments"]["ModelApprovalStatus"] = status

    execution = run(step, conditioned(On.PACKAGE, approval_up_to(environment)))

    if is_allowed:
        assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    else:
        assert "sagemaker:CreateModelPackage" in reason(execution)
