"""How data is protected at rest, on its way, and from deletion, in the templates of every stack."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.service_model.instances import has_local_storage
from tests.security.conftest import Synthesized
from tests.security.deployment import Deployment, Resource
from tests.security.proof import PIPELINE_STACK, Proof
from tests.security.step_calls import all_steps

JOBS = Path(__file__).parents[2] / "constructs_lib" / "jobs"
_S3_PREFIX_LIST = "pl-63a5400a"
_KEEPING = {
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SageMaker::ModelPackageGroup",
}
"""What ``cdk destroy`` leaves behind, unless ``retain_data`` is ``false``."""


@pytest.fixture
def deployment(proof: Proof) -> Deployment:
    return proof.deployment


def _buckets(deployment: Deployment) -> list[Resource]:
    buckets = list(deployment.of_type("AWS::S3::Bucket"))
    assert len(buckets) == 6  # in the home region and in each other one: data, and access logs
    return buckets


def _data_buckets(deployment: Deployment) -> list[Resource]:
    return [each for each in _buckets(deployment) if "LoggingConfiguration" in each.properties]


def test_every_bucket_is_private_and_versioned(deployment: Deployment) -> None:
    for bucket in _buckets(deployment):
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket.properties["PublicAccessBlockConfiguration"]) == 4
        assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}


def test_every_data_bucket_is_under_its_own_regions_key_and_logs_access(
    deployment: Deployment,
) -> None:
    keys = {key.stack: key.arn for key in deployment.of_type("AWS::KMS::Key")}
    buckets = _data_buckets(deployment)

    assert len(buckets) == 3
    for bucket in buckets:
        (rule,) = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": keys[bucket.stack],
        }
        logs = bucket.properties["LoggingConfiguration"]["DestinationBucketName"]
        assert logs.startswith(bucket.stack)


def test_temporary_superseded_and_unfinished_objects_expire(deployment: Deployment) -> None:
    for bucket in _buckets(deployment):
        rules = bucket.properties["LifecycleConfiguration"]["Rules"]
        assert any("NoncurrentVersionExpiration" in rule for rule in rules)
    for bucket in _data_buckets(deployment):
        rules = bucket.properties["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
        temporary = [rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == "tmp/"]
        assert temporary == ([60] if bucket.stack == "model-release-storage" else [])


def test_every_key_rotates_and_has_an_alias(deployment: Deployment) -> None:
    aliases = {each.properties["TargetKeyId"] for each in deployment.of_type("AWS::KMS::Alias")}
    for key in deployment.of_type("AWS::KMS::Key"):
        assert key.properties["EnableKeyRotation"] is True
        assert key.arn in aliases


def _deletion_policies(synthesized: Synthesized) -> set[tuple[str, str]]:
    return {
        (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for template in synthesized.deployment.templates.values()
        for resource in template.get("Resources", {}).values()
        if resource["Type"] in _KEEPING
    }


@pytest.mark.parametrize("name", ["shipped", "extended", "staging", "prod"])
def test_data_outlives_the_stacks(synthesized: dict[str, Synthesized], name: str) -> None:
    assert _deletion_policies(synthesized[name]) == {("Retain", "Retain")}


@pytest.mark.parametrize("name", ["operated", "dev"])
def test_the_development_switch_removes_data(
    synthesized: dict[str, Synthesized], name: str
) -> None:
    assert _deletion_policies(synthesized[name]) == {("Delete", "Delete")}


def test_logs_topics_and_queues_are_encrypted(deployment: Deployment, proof: Proof) -> None:
    groups = {each.arn: each for each in deployment.of_type("AWS::Logs::LogGroup")}
    for group in groups.values():
        assert group.properties["KmsKeyId"] == proof.key.arn
        assert group.properties["RetentionInDays"] <= 365
    for function in deployment.of_type("AWS::Lambda::Function"):
        used = function.properties["LoggingConfig"]["LogGroup"]
        assert any(arn.endswith(f":{used}:*") for arn in groups)
    for topic in deployment.of_type("AWS::SNS::Topic"):
        assert topic.properties["KmsMasterKeyId"] == proof.key.arn
    for queue in deployment.of_type("AWS::SQS::Queue"):
        assert queue.properties["SqsManagedSseEnabled"] is True


def test_topics_and_queues_refuse_plain_http(proof: Proof) -> None:
    for kind, types in {"topic": "AWS::SNS::Topic", "queue": "AWS::SQS::Queue"}.items():
        for resource in proof.deployment.of_type(types):
            policy = proof.policies.of(kind, resource.arn)
            assert policy is not None
            refused = [each.get("Condition") for each in policy.statements]
            assert {"Bool": {"aws:SecureTransport": "false"}} in refused


def test_subnets_have_no_way_to_the_internet(deployment: Deployment) -> None:
    for kind in ("InternetGateway", "NatGateway", "EIP", "Route", "TransitGatewayAttachment"):
        assert not list(deployment.of_type(f"AWS::EC2::{kind}"))
    for subnet in deployment.of_type("AWS::EC2::Subnet"):
        assert subnet.properties["MapPublicIpOnLaunch"] is False


def test_all_traffic_of_the_vpc_is_logged(deployment: Deployment) -> None:
    (vpc,) = deployment.of_type("AWS::EC2::VPC")
    (flow_log,) = deployment.of_type("AWS::EC2::FlowLog")

    assert flow_log.properties["ResourceId"] == vpc.arn
    assert flow_log.properties["TrafficType"] == "ALL"


def test_jobs_reach_amazon_s3_the_endpoints_and_each_other_only(deployment: Deployment) -> None:
    groups = {each.logical_id: each for each in deployment.of_type("AWS::EC2::SecurityGroup")}
    jobs = next(name for name in groups if name.startswith("JobSecurityGroup"))
    subnets = [each.properties["CidrBlock"] for each in deployment.of_type("AWS::EC2::Subnet")]
    for name, group in groups.items():
        assert "SecurityGroupIngress" not in group.properties
        rules = group.properties["SecurityGroupEgress"]
        ranges = [rule["CidrIp"] for rule in rules]
        # Inference Recommender asks for the way to the subnets; the other is a rule for nothing.
        assert ranges == (subnets if name.startswith("LoadTest") else ["255.255.255.255/32"])

    for rule in deployment.of_type("AWS::EC2::SecurityGroupEgress"):
        properties = rule.properties
        assert "CidrIp" not in properties
        assert "CidrIpv6" not in properties
        to_itself = str(properties.get("DestinationSecurityGroupId", "")).startswith(jobs)
        to_s3 = properties.get("DestinationPrefixListId") == _S3_PREFIX_LIST
        to_endpoint = "Endpoint" in str(properties.get("DestinationSecurityGroupId", ""))
        assert to_itself or (properties["FromPort"], properties["ToPort"]) == (443, 443)
        assert to_itself or to_s3 or to_endpoint
    for rule in deployment.of_type("AWS::EC2::SecurityGroupIngress"):
        assert str(rule.properties["SourceSecurityGroupId"]).startswith(jobs)


def test_only_distributed_training_lets_jobs_talk_to_each_other(proofs: dict[str, Proof]) -> None:
    talking = {
        name: [
            rule
            for rule in proof.deployment.of_type("AWS::EC2::SecurityGroupEgress")
            if rule.properties["IpProtocol"] == "-1"
        ]
        for name, proof in proofs.items()
    }

    assert {name: len(rules) for name, rules in talking.items()} == {
        "shipped": 0,
        "extended": 1,
        "operated": 0,
    }


def _jobs(deployment: Deployment) -> Iterator[tuple[str, dict[str, Any]]]:
    for step in all_steps(deployment.definition(PIPELINE_STACK)["Steps"]):
        if step["Type"] in ("Processing", "Training", "Model"):
            arguments = dict(step["Arguments"])
            yield step["Name"], {**arguments, **arguments.get("NetworkConfig", {})}


def test_every_job_and_model_is_in_the_network(deployment: Deployment) -> None:
    for name, arguments in _jobs(deployment):
        assert arguments["VpcConfig"] == {
            "SecurityGroupIds": [{"Get": "Parameters.SECURITY_GROUP_ID"}],
            "Subnets": [{"Get": "Parameters.VPC_SUBNET"}],
        }, name


def test_every_job_and_model_is_isolated_from_the_network(proofs: dict[str, Proof]) -> None:
    connected = {
        step
        for proof in proofs.values()
        for step, arguments in _jobs(proof.deployment)
        if arguments.get("EnableNetworkIsolation") is not True
    }

    assert connected == set()


@pytest.mark.parametrize("job", ["package_model", "verify_model"])
def test_the_scripts_of_isolated_jobs_know_no_aws_api(job: str) -> None:
    imported = {
        alias.name.partition(".")[0]
        for folder in ("common", job)
        for module in (JOBS / folder).rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (
            node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")]
        )
    }

    assert "argparse" in imported
    assert imported.isdisjoint({"boto3", "botocore", "requests", "urllib3"})


def test_outputs_volumes_and_traffic_of_jobs_are_encrypted(deployment: Deployment) -> None:
    key = {"Get": "Parameters.KMS_ENCRYPTION_KEY_PARAM"}
    for name, arguments in _jobs(deployment):
        if name == "CreateModel":
            continue
        outputs = arguments.get("ProcessingOutputConfig") or arguments["OutputDataConfig"]
        assert outputs["KmsKeyId"] == key, name
        cluster = arguments.get("ProcessingResources", {}).get("ClusterConfig")
        resources = cluster or arguments["ResourceConfig"]
        has_own_disks = has_local_storage(resources["InstanceType"])
        assert resources.get("VolumeKmsKeyId") == (None if has_own_disks else key), name
        if resources["InstanceCount"] > 1:
            assert arguments["EnableInterContainerTrafficEncryption"] is True, name
