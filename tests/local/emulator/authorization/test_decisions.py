"""Calls that are allowed and denied, by every kind of policy that decides."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from local.runner import EmulatedAws
from local.runner.language.errors import RoleNotAssumedError
from tests.local.emulator.policies import allow, document

ClientAs = Callable[..., Any]

CreateRole = Callable[..., str]


def denial(call: Callable[[], Any]) -> str:
    """Return the message of a call that is denied."""
    with pytest.raises(ClientError) as error:
        call()
    found = error.value.response["Error"]
    assert "Denied" in found["Code"] or found["Code"] in ("403", "AuthorizationError")
    return str(found["Message"])


def test_a_role_may_do_what_its_policy_allows_and_no_more(
    aws: EmbeddedAws, bucket: str, create_role: CreateRole, client_as: ClientAs
) -> None:
    role = create_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/mine/*"))
    s3 = client_as(role, "s3")
    aws.client("s3").put_object(Bucket=bucket, Key="mine/a", Body=b"a")
    aws.client("s3").put_object(Bucket=bucket, Key="b", Body=b"b")

    assert s3.get_object(Bucket=bucket, Key="mine/a")["Body"].read() == b"a"
    name = role.rpartition("/")[2]
    assert denial(lambda: s3.get_object(Bucket=bucket, Key="b")) == (
        f"User: arn:aws:sts::123456789012:assumed-role/{name}/test is not authorized to perform: "
        f"s3:GetObject on resource: arn:aws:s3:::{bucket}/b because no identity-based policy "
        "allows the s3:GetObject action"
    )


def test_a_policy_counts_as_it_is_at_the_time_of_the_call(
    aws: EmbeddedAws, create_role: CreateRole, client_as: ClientAs
) -> None:
    role = create_role()
    sagemaker = client_as(role, "sagemaker")
    denial(lambda: sagemaker.list_models())
    name = role.rpartition("/")[2]
    policy = document(allow("sagemaker:ListModels", "*"))
    aws.client("iam").put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)

    assert sagemaker.list_models()["Models"] == []


def test_a_managed_policy_counts_in_its_default_version(
    aws: EmbeddedAws, create_role: CreateRole, client_as: ClientAs
) -> None:
    iam, role = aws.client("iam"), create_role()
    name = role.rpartition("/")[2]
    arn = iam.create_policy(
        PolicyName=name, PolicyDocument=document(allow("sagemaker:ListModels", "*"))
    )["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    sagemaker = client_as(role, "sagemaker")
    sagemaker.list_models()
    iam.create_policy_version(
        PolicyArn=arn,
        PolicyDocument=document(allow("sagemaker:ListPipelines", "*")),
        SetAsDefault=True,
    )

    sagemaker.list_pipelines()
    denial(lambda: sagemaker.list_models())


def test_a_boundary_limits_what_policies_allow(
    create_role: CreateRole, client_as: ClientAs
) -> None:
    everything = allow("sagemaker:List*", "*")
    role = create_role(everything, boundary=[allow("sagemaker:ListPipelines", "*")])
    sagemaker = client_as(role, "sagemaker")

    sagemaker.list_pipelines()
    message = denial(lambda: sagemaker.list_models())
    assert message.endswith(
        "because no permissions boundary allows the sagemaker:ListModels action"
    )


def test_a_bucket_policy_denies_whom_and_what_it_names(
    aws: EmbeddedAws, bucket: str, create_role: CreateRole, client_as: ClientAs
) -> None:
    objects = f"arn:aws:s3:::{bucket}/*"
    role = create_role(allow("s3:*", objects))
    unencrypted = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    deny = allow("s3:PutObject", objects, Effect="Deny", Principal={"AWS": role})
    aws.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=document({**deny, "Condition": unencrypted})
    )
    s3 = client_as(role, "s3")

    s3.put_object(Bucket=bucket, Key="a", Body=b"", ServerSideEncryption="aws:kms")
    message = denial(lambda: s3.put_object(Bucket=bucket, Key="a", Body=b""))
    assert message.endswith("with an explicit deny in a resource-based policy")
    aws.client("s3").put_object(Bucket=bucket, Key="a", Body=b"")


@pytest.fixture
def key_arn(aws: EmbeddedAws) -> str:
    root = {"AWS": f"arn:aws:iam::{aws.account_id}:root"}
    policy = document({**allow("kms:*", "*"), "Principal": root})
    return str(aws.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"])


def test_an_encrypted_object_needs_the_key_through_amazon_s3(
    aws: EmbeddedAws, bucket: str, key_arn: str, create_role: CreateRole, client_as: ClientAs
) -> None:
    objects = allow("s3:*", f"arn:aws:s3:::{bucket}/*")
    via = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    context = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}/a"}}
    use = ["kms:Decrypt", "kms:GenerateDataKey"]
    with_key = create_role(objects, allow(use, key_arn, Condition=via))
    for_one = create_role(objects, allow(use, key_arn, Condition=context))
    without = create_role(objects)
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_arn}

    def put(role: str, name: str) -> None:
        client_as(role, "s3").put_object(Bucket=bucket, Key=name, Body=b"", **encryption)

    put(with_key, "a")
    put(for_one, "a")
    client_as(with_key, "s3").get_object(Bucket=bucket, Key="a")
    assert "kms:GenerateDataKey" in denial(lambda: put(without, "a"))
    assert "kms:GenerateDataKey" in denial(lambda: put(for_one, "b"))
    s3 = client_as(without, "s3")
    assert "kms:Decrypt" in denial(lambda: s3.get_object(Bucket=bucket, Key="a"))
    kms = client_as(with_key, "kms")
    assert "kms:GenerateDataKey" in denial(
        lambda: kms.generate_data_key(KeyId=key_arn, KeySpec="AES_256")
    )


def test_every_part_of_an_upload_needs_its_key(
    aws: EmbeddedAws, bucket: str, key_arn: str, create_role: CreateRole, client_as: ClientAs
) -> None:
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
    aws.client("s3").put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": encryption}]
        },
    )
    objects = allow("s3:*", f"arn:aws:s3:::{bucket}/*")
    s3 = client_as(create_role(objects, allow("kms:GenerateDataKey", key_arn)), "s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]

    message = denial(
        lambda: s3.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=1, Body=b"")
    )

    assert "kms:Decrypt" in message


def test_a_copy_needs_to_read_and_to_write(
    aws: EmbeddedAws, bucket: str, create_role: CreateRole, client_as: ClientAs
) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key="from/a", Body=b"a")
    write = allow("s3:PutObject", f"arn:aws:s3:::{bucket}/to/*")
    read = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/from/*")

    def copy(role: str, key: str) -> None:
        source = {"Bucket": bucket, "Key": "from/a"}
        client_as(role, "s3").copy_object(Bucket=bucket, Key=key, CopySource=source)

    copy(create_role(read, write), "to/a")
    assert "s3:GetObject" in denial(lambda: copy(create_role(write), "to/a"))
    assert "s3:PutObject" in denial(lambda: copy(create_role(read, write), "elsewhere/a"))


def test_deleting_many_objects_is_decided_for_each(
    bucket: str, create_role: CreateRole, client_as: ClientAs
) -> None:
    s3 = client_as(create_role(allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/a*")), "s3")

    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a1"}, {"Key": "a2"}]})
    message = denial(
        lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    )
    assert f"{bucket}/b " in message


def test_deleting_many_alarms_is_decided_for_each(
    create_role: CreateRole, client_as: ClientAs
) -> None:
    place = "arn:aws:cloudwatch:us-east-1:123456789012:alarm"
    role = create_role(allow("cloudwatch:DeleteAlarms", f"{place}:mine-*"))
    cloudwatch = client_as(role, "cloudwatch")

    told = denial(lambda: cloudwatch.delete_alarms(AlarmNames=["mine-1", "another"]))

    assert f"cloudwatch:DeleteAlarms on resource: {place}:another" in told
    cloudwatch.delete_alarms(AlarmNames=["mine-1"])


def test_prefixes_limit_lists(bucket: str, create_role: CreateRole, client_as: ClientAs) -> None:
    only = {"StringLike": {"s3:prefix": "mine/*"}}
    role = create_role(allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=only))
    s3 = client_as(role, "s3")

    s3.list_objects_v2(Bucket=bucket, Prefix="mine/a")
    denial(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="yours"))


def test_lineage_is_decided_for_each_artifact(
    aws: EmbeddedAws, create_role: CreateRole, client_as: ClientAs
) -> None:
    administrator = aws.client("sagemaker")
    mine, other = (
        administrator.create_artifact(Source={"SourceUri": uri}, ArtifactType="Model")
        for uri in ("s3://b/mine", "s3://b/other")
    )
    actions = ["sagemaker:AddAssociation", "sagemaker:CreateArtifact"]
    role = create_role(allow(actions, mine["ArtifactArn"]))
    sagemaker = client_as(role, "sagemaker")

    for ends in ((mine, other), (other, mine)):
        source, destination = (each["ArtifactArn"] for each in ends)
        message = denial(
            lambda: sagemaker.add_association(SourceArn=source, DestinationArn=destination)  # noqa: B023
        )
        assert other["ArtifactArn"] in message
    made = {"Source": {"SourceUri": "s3://b/third"}, "ArtifactType": "Model"}
    assert ":artifact/" in denial(lambda: sagemaker.create_artifact(**made))


JOB: dict[str, Any] = {
    "ProcessingResources": {
        "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    },
    "AppSpecification": {"ImageUri": "image"},
}


@pytest.mark.parametrize(
    ("condition", "is_told"),
    [({}, True), ({"Condition": {"StringLike": {"s3:prefix": "mine/*"}}}, False), (None, False)],
)
def test_who_may_list_the_bucket_is_told_that_an_object_is_missing(
    bucket: str,
    create_role: CreateRole,
    client_as: ClientAs,
    condition: dict[str, Any] | None,
    is_told: bool,
) -> None:
    read = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")
    find = (
        []
        if condition is None
        else [{**allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"), **condition}]
    )
    s3 = client_as(create_role(read, *find), "s3")

    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=bucket, Key="mine/missing")

    assert error.value.response["Error"]["Code"] == ("404" if is_told else "403")


def test_a_role_is_handed_over_by_who_may_pass_it(
    create_role: CreateRole, client_as: ClientAs
) -> None:
    worker = create_role(trusts={"Service": "sagemaker.amazonaws.com"})
    create = allow("sagemaker:CreateProcessingJob", "*")
    to = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    passing = create_role(create, allow("iam:PassRole", worker, Condition=to))

    def start(role: str) -> None:
        client_as(role, "sagemaker").create_processing_job(
            ProcessingJobName=f"job-{uuid.uuid4().hex}", RoleArn=worker, **JOB
        )

    start(passing)
    assert "iam:PassRole" in denial(lambda: start(create_role(create)))


def test_conditions_see_what_a_request_says(create_role: CreateRole, client_as: ClientAs) -> None:
    interfaces = allow("ec2:*NetworkInterface*", "*")
    worker = create_role(interfaces, trusts={"Service": "sagemaker.amazonaws.com"})
    network = {
        "ForAllValues:StringEquals": {"sagemaker:VpcSubnets": ["subnet-1"]},
        "Null": {"sagemaker:VpcSubnets": "false"},
    }
    jobs = "arn:aws:sagemaker:us-east-1:123456789012:processing-job/own-*"
    role = create_role(
        allow("sagemaker:CreateProcessingJob", jobs, Condition=network),
        allow("iam:PassRole", worker),
    )
    sagemaker = client_as(role, "sagemaker")

    def start(name: str, **config: Any) -> None:
        sagemaker.create_processing_job(
            ProcessingJobName=f"{name}-{uuid.uuid4().hex}",
            RoleArn=worker,
            NetworkConfig=config,
            **JOB,
        )

    def vpc(subnet: str) -> dict[str, Any]:
        return {"VpcConfig": {"Subnets": [subnet], "SecurityGroupIds": ["sg-1"]}}

    start("own", **vpc("subnet-1"))
    denial(lambda: start("own", **vpc("subnet-2")))
    denial(lambda: start("own"))
    denial(lambda: start("other", **vpc("subnet-1")))


def test_tags_of_what_sagemaker_creates_need_a_permission_of_their_own(
    create_role: CreateRole, client_as: ClientAs
) -> None:
    create = allow("sagemaker:CreateModelPackageGroup", "*")
    tags = [{"Key": "k", "Value": "v"}]

    def make(role: str) -> None:
        client_as(role, "sagemaker").create_model_package_group(
            ModelPackageGroupName=f"group-{uuid.uuid4().hex}", Tags=tags
        )

    make(create_role(create, allow("sagemaker:AddTags", "*")))
    assert "sagemaker:AddTags" in denial(lambda: make(create_role(create)))


def test_a_role_is_assumed_by_whom_it_trusts(aws: EmbeddedAws, create_role: CreateRole) -> None:
    runner = EmulatedAws.connect(aws.environment())
    own = {"Service": "sagemaker.amazonaws.com"}

    session = runner.as_role(create_role(trusts=own), name="job", source_arn="arn:aws:x:::y")
    assert session.environment["AWS_SESSION_TOKEN"]
    for role in (
        create_role(trusts={"Service": "lambda.amazonaws.com"}),
        f"{create_role()}-absent",
    ):
        with pytest.raises(
            RoleNotAssumedError, match="is not authorized to perform: sts:AssumeRole"
        ):
            runner.as_role(role, name="job", source_arn="arn:aws:x:::y")


def test_a_role_that_does_not_trust_the_account_is_not_assumed(
    aws: EmbeddedAws, create_role: CreateRole, client_as: ClientAs
) -> None:
    trusted = create_role()
    caller = create_role(allow("sts:AssumeRole", "*"))
    closed = create_role(trusts={"Service": "lambda.amazonaws.com"})
    sts = client_as(caller, "sts")

    assert sts.assume_role(RoleArn=trusted, RoleSessionName="other")["Credentials"]
    assert denial(lambda: sts.assume_role(RoleArn=closed, RoleSessionName="other")).endswith(closed)
    assert sts.get_caller_identity()["Arn"].startswith("arn:aws:sts::123456789012:assumed-role/")


def test_a_job_in_a_vpc_reaches_what_the_endpoint_lets_through(
    aws: EmbeddedAws, bucket: str, create_role: CreateRole
) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/25")["Subnet"]["SubnetId"]
    reading = {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Principal": "*"}
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", PolicyDocument=document(reading)
    )["VpcEndpoint"]["VpcEndpointId"]
    role = create_role(
        allow("s3:*", f"arn:aws:s3:::{bucket}/*"), trusts={"Service": "sagemaker.amazonaws.com"}
    )
    runner = EmulatedAws.connect(aws.environment())
    outside = runner.as_role(role, name="job", source_arn="arn:aws:x:::y")
    inside = runner.as_role(role, name="job", source_arn="arn:aws:x:::y", subnet_ids=[subnet])

    outside.s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    inside.s3.get_object(Bucket=bucket, Key="a")
    message = denial(lambda: inside.s3.put_object(Bucket=bucket, Key="a", Body=b"a"))
    assert message.endswith("because no VPC endpoint policy allows the s3:PutObject action")

    through = {"StringNotEquals": {"aws:SourceVpce": endpoint}}
    deny = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Effect="Deny", Principal="*")
    aws.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=document({**deny, "Condition": through})
    )
    inside.s3.get_object(Bucket=bucket, Key="a")
    denial(lambda: outside.s3.get_object(Bucket=bucket, Key="a"))


def test_without_permissions_every_signed_call_is_allowed(create_role: CreateRole) -> None:
    with EmbeddedAws(permissions=False) as open_aws:
        runner = EmulatedAws.connect(open_aws.environment())
        role = "arn:aws:iam::123456789012:role/absent"
        session = runner.as_role(role, name="job", source_arn="arn:aws:x:::y")

        assert session.sagemaker.list_models()["Models"] == []


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("cloudformation", "describe_stacks", {"StackName": "s"}),
        ("cloudwatch", "put_metric_data", {"Namespace": "n", "MetricData": []}),
        ("ecr", "get_authorization_token", {}),
        ("events", "put_events", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}),
        ("iam", "get_role", {"RoleName": "r"}),
        ("kms", "list_keys", {}),
        ("lambda", "invoke", {"FunctionName": "f"}),
        ("logs", "create_log_stream", {"logGroupName": "g", "logStreamName": "s"}),
        ("s3", "list_buckets", {}),
        ("sagemaker", "describe_model_package", {"ModelPackageName": "p"}),
        ("scheduler", "get_schedule", {"Name": "s"}),
        ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "m"}),
        (
            "sqs",
            "send_message",
            {"QueueUrl": "http://localhost/123456789012/q", "MessageBody": "m"},
        ),
        ("ssm", "get_parameter", {"Name": "/p"}),
        ("stepfunctions", "list_state_machines", {}),
    ],
)
def test_a_denial_reads_as_the_service_writes_it(
    create_role: CreateRole,
    client_as: ClientAs,
    service: str,
    operation: str,
    parameters: dict[str, Any],
) -> None:
    role = create_role()

    message = denial(lambda: getattr(client_as(role, service), operation)(**parameters))

    assert "is not authorized to perform: " in message
    assert message.endswith(" action")
    assert role.rpartition("/")[2] in message
