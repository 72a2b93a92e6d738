"""Each resource type through create, update and delete, read back from its service."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from tests.local.emulator.conftest import StackDriver

ACCOUNT = "123456789012"


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def policy(action: str, resource: Any = "*") -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trust(service: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def get_att(logical_id: str, attribute: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def deleted(stack: StackDriver) -> bool:
    stack_id = stack.description["StackId"]
    stack.delete()
    (gone,) = stack.client.describe_stacks(StackName=stack_id)["Stacks"]
    assert gone["StackStatus"] == "DELETE_COMPLETE", gone["StackStatusReason"]
    return True


def test_bucket_settings_are_applied_changed_and_taken_back(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    s3 = aws.client("s3")
    logs = resource("AWS::S3::Bucket")
    key = resource("AWS::KMS::Key")
    bucket = resource(
        "AWS::S3::Bucket",
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [
                {
                    "BucketKeyEnabled": True,
                    "ServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": get_att("Key", "Arn"),
                    },
                }
            ]
        },
        LifecycleConfiguration={
            "Rules": [
                {"Id": "tmp", "Prefix": "tmp/", "Status": "Enabled", "ExpirationInDays": 30},
                {
                    "Status": "Enabled",
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                    "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 90}],
                },
            ]
        },
        LoggingConfiguration={
            "DestinationBucketName": {"Ref": "Logs"},
            "LogFilePrefix": "access/",
        },
        NotificationConfiguration={"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        Tags=tags(team="models"),
        VersioningConfiguration={"Status": "Enabled"},
    )
    assert stack.deploy_resources(Key=key, Logs=logs, Bucket=bucket) == "CREATE_COMPLETE"
    name = stack.physical_id("Bucket")
    rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"].endswith(
        stack.physical_id("Key")
    )
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert lifecycle[0]["Expiration"] == {"Days": 30}
    assert lifecycle[1]["Transitions"] == [{"Days": 90, "StorageClass": "GLACIER"}]
    assert s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]["TargetPrefix"] == "access/"
    assert (
        s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        == (bucket["Properties"]["PublicAccessBlockConfiguration"])
    )
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"

    bare = resource("AWS::S3::Bucket", Tags=tags(team="others"))
    assert stack.deploy_resources(Key=key, Logs=logs, Bucket=bare) == "UPDATE_COMPLETE"
    assert stack.physical_id("Bucket") == name
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags(team="others")
    for read in (s3.get_bucket_lifecycle_configuration, s3.get_public_access_block):
        with pytest.raises(ClientError, match="NoSuch"):
            read(Bucket=name)

    assert deleted(stack)
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=name)


def test_bucket_policy_follows_its_bucket(aws: EmbeddedAws, stack: StackDriver) -> None:
    s3 = aws.client("s3")

    def resources(action: str) -> dict[str, Any]:
        document = policy(action, {"Fn::Sub": "${Bucket.Arn}/*"})
        return {
            "Bucket": resource("AWS::S3::Bucket"),
            "Policy": resource(
                "AWS::S3::BucketPolicy", Bucket={"Ref": "Bucket"}, PolicyDocument=document
            ),
        }

    stack.deploy_resources(**resources("s3:GetObject"))
    name = stack.physical_id("Bucket")
    stack.deploy_resources(**resources("s3:PutObject"))

    (statement,) = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert statement["Action"] == "s3:PutObject"
    assert statement["Resource"] == f"arn:aws:s3:::{name}/*"

    stack.deploy_resources(Bucket=resource("AWS::S3::Bucket"))
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=name)


def test_key_and_alias(aws: EmbeddedAws, stack: StackDriver) -> None:
    kms = aws.client("kms")

    def resources(description: str, rotation: bool) -> dict[str, Any]:
        return {
            "Key": resource(
                "AWS::KMS::Key",
                Description=description,
                EnableKeyRotation=rotation,
                KeyPolicy=policy("kms:*"),
                Tags=tags(purpose=description),
            ),
            "Alias": resource(
                "AWS::KMS::Alias",
                AliasName=f"alias/{stack.name}",
                TargetKeyId={"Ref": "Key"},
            ),
        }

    stack.deploy_resources(**resources("first", rotation=True))
    key_id = stack.physical_id("Key")
    assert kms.describe_key(KeyId=f"alias/{stack.name}")["KeyMetadata"]["KeyId"] == key_id
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]

    stack.deploy_resources(**resources("second", rotation=False))
    assert stack.physical_id("Key") == key_id
    assert not kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
    metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert (metadata["Description"], metadata["KeyState"]) == ("second", "Enabled")
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [
        {"TagKey": "purpose", "TagValue": "second"}
    ]

    assert deleted(stack)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with pytest.raises(ClientError, match="NotFound"):
        kms.describe_key(KeyId=f"alias/{stack.name}")


def test_role_and_policies(aws: EmbeddedAws, stack: StackDriver) -> None:
    iam = aws.client("iam")

    def resources(action: str, *inline: str) -> dict[str, Any]:
        return {
            "Role": resource(
                "AWS::IAM::Role",
                AssumeRolePolicyDocument=trust("sagemaker"),
                Description=action,
                ManagedPolicyArns=[{"Ref": "Managed"}],
                Policies=[
                    {"PolicyName": name, "PolicyDocument": policy(action)} for name in inline
                ],
                Tags=tags(size=str(len(action))),
            ),
            "Policy": resource(
                "AWS::IAM::Policy",
                PolicyName=f"policy-{len(inline)}",
                PolicyDocument=policy(action),
                Roles=[{"Ref": "Role"}],
            ),
            "Managed": resource(
                "AWS::IAM::ManagedPolicy", PolicyDocument=policy(action), Description="fixed"
            ),
        }

    stack.deploy_resources(**resources("s3:GetObject", "one", "two"))
    role = stack.physical_id("Role")
    assert set(iam.list_role_policies(RoleName=role)["PolicyNames"]) == {"one", "two", "policy-2"}

    for action in ("s3:PutObject", "s3:ListBucket", "s3:*", "s3:A*", "s3:B*", "s3:C*"):
        assert stack.deploy_resources(**resources(action, "one")) == "UPDATE_COMPLETE", stack.reason
    assert stack.physical_id("Role") == role
    assert set(iam.list_role_policies(RoleName=role)["PolicyNames"]) == {"one", "policy-1"}
    document = iam.get_role_policy(RoleName=role, PolicyName="one")["PolicyDocument"]
    assert document["Statement"][0]["Action"] == "s3:C*"
    managed = iam.get_policy(PolicyArn=stack.physical_id("Managed"))["Policy"]
    version = iam.get_policy_version(
        PolicyArn=managed["Arn"], VersionId=managed["DefaultVersionId"]
    )["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Action"] == "s3:C*"

    assert deleted(stack)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=role)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_policy(PolicyArn=managed["Arn"])


def test_a_role_with_a_managed_policy_that_is_none_leaves_no_role(
    aws: EmbeddedAws, stack: StackDriver
) -> None:
    stack.deploy_resources(
        Role=resource(
            "AWS::IAM::Role",
            RoleName=stack.name,
            AssumeRolePolicyDocument=trust("lambda"),
            ManagedPolicyArns=["arn:aws:iam::aws:policy/NoSuchPolicy"],
        )
    )

    assert "NoSuchPolicy does not exist" in stack.reason
    with pytest.raises(ClientError, match="NoSuchEntity"):
        aws.client("iam").get_role(RoleName=stack.name)


def network(*, endpoint_policy: str, open_port: int, dns: bool = True) -> dict[str, Any]:
    subnets = [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]
    return {
        "Vpc": resource(
            "AWS::EC2::VPC",
            CidrBlock="10.0.0.0/20",
            EnableDnsHostnames=dns,
            EnableDnsSupport=True,
            Tags=tags(Name="jobs"),
        ),
        **{
            f"Subnet{letter}": resource(
                "AWS::EC2::Subnet",
                VpcId={"Ref": "Vpc"},
                AvailabilityZone={"Fn::Select": [index, {"Fn::GetAZs": ""}]},
                CidrBlock={"Fn::Select": [index, {"Fn::Cidr": ["10.0.0.0/20", 2, 8]}]},
            )
            for index, letter in enumerate("AB")
        },
        "Routes": resource("AWS::EC2::RouteTable", VpcId={"Ref": "Vpc"}),
        "RoutesOfA": resource(
            "AWS::EC2::SubnetRouteTableAssociation",
            RouteTableId={"Ref": "Routes"},
            SubnetId={"Ref": "SubnetA"},
        ),
        "S3": resource(
            "AWS::EC2::VPCEndpoint",
            VpcId={"Ref": "Vpc"},
            ServiceName="com.amazonaws.us-east-1.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[{"Ref": "Routes"}],
            PolicyDocument=policy(endpoint_policy),
        ),
        "Api": resource(
            "AWS::EC2::VPCEndpoint",
            VpcId={"Ref": "Vpc"},
            ServiceName="com.amazonaws.us-east-1.sagemaker.api",
            VpcEndpointType="Interface",
            PrivateDnsEnabled=True,
            SecurityGroupIds=[get_att("Endpoints", "GroupId")],
            SubnetIds=subnets if dns else subnets[:1],
        ),
        "Jobs": resource(
            "AWS::EC2::SecurityGroup",
            GroupDescription="jobs",
            VpcId={"Ref": "Vpc"},
            SecurityGroupEgress=[
                {
                    "CidrIp": "10.0.0.0/20",
                    "IpProtocol": "tcp",
                    "FromPort": open_port,
                    "ToPort": open_port,
                }
            ],
        ),
        "Endpoints": resource(
            "AWS::EC2::SecurityGroup", GroupDescription="endpoints", VpcId={"Ref": "Vpc"}
        ),
        "In": resource(
            "AWS::EC2::SecurityGroupIngress",
            GroupId=get_att("Endpoints", "GroupId"),
            SourceSecurityGroupId=get_att("Jobs", "GroupId"),
            IpProtocol="tcp",
            FromPort=open_port,
            ToPort=open_port,
        ),
        "Out": resource(
            "AWS::EC2::SecurityGroupEgress",
            GroupId=get_att("Jobs", "GroupId"),
            DestinationSecurityGroupId=get_att("Endpoints", "GroupId"),
            Description=f"port {open_port}",
            IpProtocol="tcp",
            FromPort=443,
            ToPort=443,
        ),
        "Logs": resource("AWS::Logs::LogGroup", RetentionInDays=7),
        "LogsRole": resource("AWS::IAM::Role", AssumeRolePolicyDocument=trust("vpc-flow-logs")),
        "Flow": resource(
            "AWS::EC2::FlowLog",
            ResourceType="VPC",
            ResourceId={"Ref": "Vpc"},
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName={"Ref": "Logs"},
            DeliverLogsPermissionArn=get_att("LogsRole", "Arn"),
        ),
    }


def test_network(aws: EmbeddedAws, stack: StackDriver) -> None:
    ec2 = aws.client("ec2")

    def ports(logical_id: str, section: str) -> set[tuple[int, int]]:
        (group,) = ec2.describe_security_groups(GroupIds=[stack.physical_id(logical_id)])[
            "SecurityGroups"
        ]
        return {(rule.get("FromPort"), rule.get("ToPort")) for rule in group[section]}

    resources = network(endpoint_policy="s3:GetObject", open_port=443)
    assert stack.deploy_resources(**resources) == "CREATE_COMPLETE", stack.reason
    ids = {name: stack.physical_id(name) for name in resources}
    assert ports("Jobs", "IpPermissionsEgress") == {(443, 443)}
    assert ports("Endpoints", "IpPermissions") == {(443, 443)}
    table = ec2.describe_route_tables(RouteTableIds=[ids["Routes"]])["RouteTables"][0]
    assert [item["SubnetId"] for item in table["Associations"]] == [ids["SubnetA"]]

    resources = network(endpoint_policy="s3:*", open_port=8443, dns=False)
    assert stack.deploy_resources(**resources) == "UPDATE_COMPLETE", stack.reason
    replaced = {name for name in ids if stack.physical_id(name) != ids[name]}
    assert replaced == {"In"}
    assert ports("Jobs", "IpPermissionsEgress") == {(443, 443), (8443, 8443)}
    assert ports("Endpoints", "IpPermissions") == {(8443, 8443)}
    endpoints = {
        item["VpcEndpointId"]: item for item in ec2.describe_vpc_endpoints()["VpcEndpoints"]
    }
    assert "s3:*" in endpoints[ids["S3"]]["PolicyDocument"]
    assert endpoints[ids["Api"]]["SubnetIds"] == [ids["SubnetA"]]
    attribute = ec2.describe_vpc_attribute(VpcId=ids["Vpc"], Attribute="enableDnsHostnames")
    assert not attribute["EnableDnsHostnames"]["Value"]

    assert deleted(stack)
    for describe, argument, name in (
        (ec2.describe_vpcs, "VpcIds", "Vpc"),
        (ec2.describe_subnets, "SubnetIds", "SubnetA"),
        (ec2.describe_route_tables, "RouteTableIds", "Routes"),
        (ec2.describe_security_groups, "GroupIds", "Jobs"),
    ):
        with pytest.raises(ClientError, match="NotFound"):
            describe(**{argument: [ids[name]]})
    assert ec2.describe_flow_logs(FlowLogIds=[ids["Flow"]])["FlowLogs"] == []


def test_a_new_address_range_replaces_the_network(stack: StackDriver) -> None:
    def resources(block: str) -> dict[str, Any]:
        return {
            "Vpc": resource("AWS::EC2::VPC", CidrBlock=block),
            "Subnet": resource("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock=block),
        }

    stack.deploy_resources(**resources("10.1.0.0/24"))
    before = {name: stack.physical_id(name) for name in ("Vpc", "Subnet")}

    assert stack.deploy_resources(**resources("10.2.0.0/24")) == "UPDATE_COMPLETE"

    assert all(stack.physical_id(name) != before[name] for name in before)


def function(memory: int, code: dict[str, Any], **environment: str) -> dict[str, Any]:
    return {
        "Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument=trust("lambda")),
        "Function": resource(
            "AWS::Lambda::Function",
            Code=code,
            Environment={"Variables": environment},
            Handler="index.handler",
            MemorySize=memory,
            Role=get_att("Role", "Arn"),
            Runtime="python3.12",
            Tags=tags(memory=str(memory)),
            Timeout=60,
        ),
        "Permission": resource(
            "AWS::Lambda::Permission",
            Action="lambda:InvokeFunction",
            FunctionName={"Ref": "Function"},
            Principal="events.amazonaws.com",
        ),
    }


def archive(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("index.py", source)
    return buffer.getvalue()


def test_function_and_permission(aws: EmbeddedAws, stack: StackDriver) -> None:
    client, s3 = aws.client("lambda"), aws.client("s3")
    bucket = f"{stack.name}-code"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="code.zip", Body=archive("def handler(*_): return 2"))

    inline = {"ZipFile": "def handler(*_): return 1"}
    assert stack.deploy_resources(**function(128, inline, STAGE="a")) == "CREATE_COMPLETE"
    name = stack.physical_id("Function")
    before = client.get_function(FunctionName=name)["Configuration"]
    assert "events.amazonaws.com" in client.get_policy(FunctionName=name)["Policy"]

    stored = {"S3Bucket": bucket, "S3Key": "code.zip"}
    assert stack.deploy_resources(**function(512, stored, STAGE="b")) == "UPDATE_COMPLETE"
    after = client.get_function(FunctionName=name)
    assert after["Configuration"]["FunctionArn"] == before["FunctionArn"]
    assert after["Configuration"]["MemorySize"] == 512
    assert after["Configuration"]["Environment"] == {"Variables": {"STAGE": "b"}}
    assert after["Configuration"]["CodeSha256"] != before["CodeSha256"]
    assert after["Tags"]["memory"] == "512"

    assert deleted(stack)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client.get_function(FunctionName=name)


def test_rule_with_targets(aws: EmbeddedAws, stack: StackDriver) -> None:
    events = aws.client("events")

    def resources(state: str, *targets: str) -> dict[str, Any]:
        return {
            "One": resource("AWS::SQS::Queue"),
            "Two": resource("AWS::SQS::Queue"),
            "Rule": resource(
                "AWS::Events::Rule",
                EventPattern={"source": ["aws.sagemaker"]},
                State=state,
                Targets=[{"Id": name, "Arn": get_att(name, "Arn")} for name in targets],
            ),
        }

    stack.deploy_resources(**resources("ENABLED", "One"))
    name = stack.physical_id("Rule")
    stack.deploy_resources(**resources("DISABLED", "Two"))

    assert stack.physical_id("Rule") == name
    assert events.describe_rule(Name=name)["State"] == "DISABLED"
    assert [item["Id"] for item in events.list_targets_by_rule(Rule=name)["Targets"]] == ["Two"]
    assert deleted(stack)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        events.describe_rule(Name=name)


def test_queue_topic_subscription_and_their_policies(aws: EmbeddedAws, stack: StackDriver) -> None:
    sqs, sns = aws.client("sqs"), aws.client("sns")

    def resources(timeout: int, display_name: str) -> dict[str, Any]:
        return {
            "Queue": resource(
                "AWS::SQS::Queue",
                VisibilityTimeout=timeout,
                RedrivePolicy={
                    "deadLetterTargetArn": get_att("DeadLetters", "Arn"),
                    "maxReceiveCount": 3,
                },
            ),
            "DeadLetters": resource("AWS::SQS::Queue", FifoQueue=False),
            "QueuePolicy": resource(
                "AWS::SQS::QueuePolicy",
                Queues=[{"Ref": "Queue"}],
                PolicyDocument=policy("sqs:SendMessage"),
            ),
            "Topic": resource("AWS::SNS::Topic", DisplayName=display_name),
            "TopicPolicy": resource(
                "AWS::SNS::TopicPolicy",
                Topics=[{"Ref": "Topic"}],
                PolicyDocument=policy("sns:Publish"),
            ),
            "Subscription": resource(
                "AWS::SNS::Subscription",
                TopicArn={"Ref": "Topic"},
                Protocol="sqs",
                Endpoint=get_att("Queue", "Arn"),
                RawMessageDelivery=True,
            ),
        }

    assert stack.deploy_resources(**resources(30, "before")) == "CREATE_COMPLETE", stack.reason
    url, arn = stack.physical_id("Queue"), stack.physical_id("Topic")
    assert stack.deploy_resources(**resources(60, "after")) == "UPDATE_COMPLETE", stack.reason

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "60"
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 3
    assert "sqs:SendMessage" in attributes["Policy"]
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "after"
    assert len(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]) == 1
    assert deleted(stack)
    with pytest.raises(ClientError, match="NotFound"):
        sns.get_topic_attributes(TopicArn=arn)


def test_alarm_dashboard_log_group_and_metadata(aws: EmbeddedAws, stack: StackDriver) -> None:
    cloudwatch, logs = aws.client("cloudwatch"), aws.client("logs")

    def resources(threshold: int, days: int | None) -> dict[str, Any]:
        retention = {} if days is None else {"RetentionInDays": days}
        return {
            "Alarm": resource(
                "AWS::CloudWatch::Alarm",
                ComparisonOperator="GreaterThanOrEqualToThreshold",
                EvaluationPeriods=1,
                MetricName="Errors",
                Namespace="AWS/Lambda",
                Period=300,
                Statistic="Sum",
                Threshold=threshold,
            ),
            "Dashboard": resource(
                "AWS::CloudWatch::Dashboard", DashboardBody=f'{{"start":"-PT{threshold}H"}}'
            ),
            "Logs": resource("AWS::Logs::LogGroup", **retention),
            "Metadata": resource("AWS::CDK::Metadata", Analytics=f"v2:{threshold}"),
        }

    assert stack.deploy_resources(**resources(1, 7)) == "CREATE_COMPLETE", stack.reason
    alarm, group = stack.physical_id("Alarm"), stack.physical_id("Logs")
    assert stack.deploy_resources(**resources(2, None)) == "UPDATE_COMPLETE", stack.reason

    (described,) = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    assert described["Threshold"] == 2
    body = cloudwatch.get_dashboard(DashboardName=stack.physical_id("Dashboard"))["DashboardBody"]
    assert body == '{"start":"-PT2H"}'
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert "retentionInDays" not in found
    assert deleted(stack)
    assert cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"] == []
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_image_repository(aws: EmbeddedAws, stack: StackDriver) -> None:
    def repository(mutability: str) -> dict[str, Any]:
        return resource(
            "AWS::ECR::Repository",
            RepositoryName=stack.name,
            ImageTagMutability=mutability,
            RepositoryPolicyText=policy("ecr:BatchGetImage"),
        )

    stack.deploy_resources(Repository=repository("MUTABLE"))
    assert stack.deploy_resources(Repository=repository("IMMUTABLE")) == "UPDATE_COMPLETE"

    client = aws.client("ecr")
    (described,) = client.describe_repositories(repositoryNames=[stack.name])["repositories"]
    assert described["imageTagMutability"] == "IMMUTABLE"
    assert deleted(stack)
