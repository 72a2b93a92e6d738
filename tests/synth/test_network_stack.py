from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from app import build_app
from stacks.network import SubnetRangesError, UnknownPrefixListError
from tests.synth.conftest import Synthesize, cdk_context
from tests.synth.example_copies import named_copy


@pytest.fixture(scope="module")
def network(templates: Mapping[str, Template]) -> Template:
    return templates["network"]


def test_jobs_have_isolated_subnets_in_two_zones(network: Template) -> None:
    subnets = network.find_resources("AWS::EC2::Subnet").values()

    assert {subnet["Properties"]["AvailabilityZone"] for subnet in subnets} == {
        "us-east-1a",
        "us-east-1b",
    }
    network.resource_count_is("AWS::EC2::InternetGateway", 0)
    network.resource_count_is("AWS::EC2::NatGateway", 0)
    network.resource_count_is("AWS::EC2::Route", 0)


def test_every_subnet_reaches_s3_through_the_gateway_endpoint(network: Template) -> None:
    route_tables = [{"Ref": name} for name in network.find_resources("AWS::EC2::RouteTable")]

    network.has_resource_properties(
        "AWS::EC2::VPCEndpoint",
        {
            "VpcEndpointType": "Gateway",
            "ServiceName": Match.object_like({"Fn::Join": Match.any_value()}),
            "RouteTableIds": Match.array_with(route_tables),
        },
    )


def test_jobs_may_talk_to_s3_over_https_only(network: Template) -> None:
    network.has_resource_properties(
        "AWS::EC2::SecurityGroupEgress",
        {"DestinationPrefixListId": "pl-63a5400a", "FromPort": 443, "ToPort": 443},
    )
    network.resource_count_is("AWS::EC2::SecurityGroupEgress", 1)
    network.resource_count_is("AWS::EC2::SecurityGroupIngress", 0)


def test_the_jobs_group_does_not_get_the_rule_that_allows_everything(network: Template) -> None:
    (group,) = network.find_resources("AWS::EC2::SecurityGroup").values()

    (rule,) = group["Properties"]["SecurityGroupEgress"]
    assert (rule["CidrIp"], rule["IpProtocol"]) == ("255.255.255.255/32", "icmp")


def test_the_s3_endpoint_lets_only_this_accounts_data_through(
    synthesize: Synthesize,
) -> None:
    network = synthesize(additional_s3_prefixes=["s3://returns-data/tmp/"])["network"]

    (endpoint,) = network.find_resources("AWS::EC2::VPCEndpoint").values()
    statements = endpoint["Properties"]["PolicyDocument"]["Statement"]
    account = {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}
    assert [statement["Condition"] for statement in statements] == [account] * 3
    assert all("*" not in str(statement["Action"]) for statement in statements)
    for bucket in ("ArtifactBucket", ":s3:::returns-data"):
        assert all(bucket in str(statement["Resource"]) for statement in statements)
    with_assets = [each for each in statements if "cdk-hnb659fds-assets-" in str(each["Resource"])]
    assert [each["Sid"] for each in with_assets] == ["FindData", "ReadData"]


def test_other_homes_have_the_first_two_zones_of_the_account(synthesize: Synthesize) -> None:
    network = synthesize(home_region="ap-northeast-1")["network"]

    zones = [
        subnet["Properties"]["AvailabilityZone"]
        for subnet in network.find_resources("AWS::EC2::Subnet").values()
    ]
    assert zones == [{"Fn::Select": [number, {"Fn::GetAZs": ""}]} for number in (0, 1)]
    network.has_resource_properties(
        "AWS::EC2::SecurityGroupEgress", {"DestinationPrefixListId": "pl-61a54008"}
    )


def test_a_prefix_list_that_the_app_does_not_know_is_to_be_told(synthesize: Synthesize) -> None:
    with pytest.raises(UnknownPrefixListError, match=r"S3 in eu-south-1.*s3_prefix_list"):
        synthesize(home_region="eu-south-1")

    network = synthesize(home_region="eu-south-1", s3_prefix_list="pl-0123abcd")["network"]

    network.has_resource_properties(
        "AWS::EC2::SecurityGroupEgress", {"DestinationPrefixListId": "pl-0123abcd"}
    )


def test_all_traffic_is_logged(network: Template) -> None:
    network.has_resource_properties("AWS::EC2::FlowLog", {"TrafficType": "ALL"})


def test_interface_endpoints_are_created_for_the_services_that_are_named(
    synthesize: Synthesize,
) -> None:
    network = synthesize(interface_endpoints=["logs", "sts"])["network"]

    network.resource_properties_count_is(
        "AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Interface", "PrivateDnsEnabled": True}, 2
    )
    for direction in ("Egress", "Ingress"):
        network.resource_properties_count_is(
            f"AWS::EC2::SecurityGroup{direction}",
            {"Description": Match.string_like_regexp("Jobs to the endpoint of"), "FromPort": 443},
            2,
        )


def test_an_existing_vpc_is_used_as_it_is(synthesize: Synthesize) -> None:
    templates = synthesize(
        existing_vpc={
            "vpc_id": "vpc-0123456789abcdef0",
            "subnet_ids": ["subnet-0a", "subnet-0b"],
            "security_group_id": "sg-0123456789abcdef0",
        }
    )

    assert "network" not in templates
    pipeline = templates["pipeline-returns-risk"]
    (resource,) = pipeline.find_resources("AWS::SageMaker::Pipeline").values()
    _, variables = resource["Properties"]["PipelineDefinition"]["PipelineDefinitionBody"]["Fn::Sub"]
    assert variables["SubnetId"] == "subnet-0a"
    assert variables["SecurityGroupId"] == "sg-0123456789abcdef0"


def test_no_stack_is_without_resources_which_cloudformation_refuses(tmp_path: Path) -> None:
    context = cdk_context(existing_vpc={**VPC, "security_group_id": "sg-0abc"})
    app, _ = build_app(str(tmp_path), context)  # with CDK's own validation

    stacks = app.synth().stacks

    assert len(stacks) == 6
    assert [each.stack_name for each in stacks if not each.template.get("Resources")] == []


def test_a_security_group_is_created_in_an_existing_vpc_that_brings_none(
    synthesize: Synthesize,
) -> None:
    network = synthesize(
        existing_vpc={"vpc_id": "vpc-0123456789abcdef0", "subnet_ids": ["subnet-0a"]}
    )["network"]

    network.has_resource_properties("AWS::EC2::SecurityGroup", {"VpcId": "vpc-0123456789abcdef0"})


DELIVERY = {"repository": "acme/models"}
LOAD_TESTED = {"load_test_in_aws": True}
VPC = {"vpc_id": "vpc-0123456789abcdef0", "subnet_ids": ["subnet-0a"]}


@pytest.fixture
def load_tested(tmp_path: Path, synthesize: Synthesize) -> Synthesize:
    """Synthesize the app with a pipeline whose versions are load-tested."""
    named_copy(tmp_path / "tested", Payload=LOAD_TESTED)
    return lambda **settings: synthesize(pipelines_dir=str(tmp_path), **settings)


def _load_test_group(network: Template) -> tuple[str, dict[str, Any]]:
    ((logical_id, group),) = (
        (name, group["Properties"])
        for name, group in network.find_resources("AWS::EC2::SecurityGroup").items()
        if group["Properties"]["GroupDescription"].startswith("Endpoints of load tests")
    )
    return logical_id, group


def test_tested_endpoints_reach_s3_and_the_subnets_and_nothing_else(
    load_tested: Synthesize,
) -> None:
    templates = load_tested()
    network = templates["network"]

    logical_id, group = _load_test_group(network)
    assert [(each["CidrIp"], each["IpProtocol"]) for each in group["SecurityGroupEgress"]] == [
        ("10.0.0.0/24", "-1"),
        ("10.0.1.0/24", "-1"),
    ]
    network.has_resource_properties(
        "AWS::EC2::SecurityGroupEgress",
        {
            "GroupId": {"Fn::GetAtt": [logical_id, "GroupId"]},
            "DestinationPrefixListId": "pl-63a5400a",
            "FromPort": 443,
        },
    )
    network.resource_count_is("AWS::EC2::SecurityGroupIngress", 0)
    pipeline = json.dumps(templates["pipeline-tested"].to_json())
    assert f"ExportsOutputFnGetAtt{logical_id}GroupId" in pipeline


def test_jobs_reach_no_more_when_endpoints_are_tested(
    load_tested: Synthesize, network: Template
) -> None:
    tested = load_tested()["network"].to_json()["Resources"]

    for name, resource in network.to_json()["Resources"].items():
        assert tested[name] == resource


def test_in_an_existing_vpc_the_ranges_of_the_subnets_have_to_be_told(
    load_tested: Synthesize,
) -> None:
    with pytest.raises(SubnetRangesError, match=r'"subnet_cidrs": \["10\.1\.0\.0/24"\]'):
        load_tested(existing_vpc=VPC)

    told = load_tested(existing_vpc={**VPC, "subnet_cidrs": ["10.1.0.0/24"]})["network"]
    _, group = _load_test_group(told)
    assert [each["CidrIp"] for each in group["SecurityGroupEgress"]] == ["10.1.0.0/24"]


def test_a_group_that_is_given_is_that_of_tested_endpoints_too(load_tested: Synthesize) -> None:
    templates = load_tested(existing_vpc={**VPC, "security_group_id": "sg-0abc"})

    assert "network" not in templates
    templates["pipeline-tested"].has_resource_properties(
        "AWS::Lambda::Function",
        {"Environment": {"Variables": Match.object_like({"SECURITY_GROUP_ID": "sg-0abc"})}},
    )


def test_the_zones_of_the_vpc_can_be_chosen(synthesize: Synthesize) -> None:
    network = synthesize(availability_zones=["us-east-1d", "us-east-1f"])["network"]

    subnets = network.find_resources("AWS::EC2::Subnet").values()
    assert [subnet["Properties"]["AvailabilityZone"] for subnet in subnets] == [
        "us-east-1d",
        "us-east-1f",
    ]


def test_every_name_of_the_bootstrap_has_the_qualifier_of_the_context(tmp_path: Path) -> None:
    context = {
        **cdk_context(environments={"dev": {"account": "111122223333"}}, delivery=DELIVERY),
        "environment": "dev",
        "@aws-cdk/core:bootstrapQualifier": "team42",
    }
    app, _ = build_app(str(tmp_path), context, builtin_cloud_formation_validation=False)
    app.synth()

    texts = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert [name for name, text in texts.items() if "hnb659fds" in text] == []
    for stack in ("delivery", "network", "pipeline-returns-risk"):
        assert "cdk-team42-" in texts[f"model-release-{stack}.template.json"]
