"""Where jobs run: isolated subnets that reach Amazon S3 and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from aws_cdk import Acknowledgment, Fn, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib.errors import ReleaseError
from constructs_lib.infrastructure.iam.acknowledgements import acknowledge
from constructs_lib.infrastructure.iam.arns import ACCOUNT, s3_arn
from constructs_lib.infrastructure.iam.policies import (
    Statement,
    grant,
    service_for_this_account,
)
from constructs_lib.infrastructure.log_groups import log_group
from constructs_lib.regions.prefix_lists import s3_prefix_list, s3_prefix_list_name
from constructs_lib.settings import ExistingVpc, Settings
from stacks.storage import StorageStack

_HTTPS: Final = ec2.Port.tcp(443)
_NO_TRAFFIC: Final = {
    "CidrIp": "255.255.255.255/32",
    "Description": "Disallow all traffic",
    "FromPort": 252,
    "IpProtocol": "icmp",
    "ToPort": 86,
}
"""What CDK gives a group without outbound rules: it matches nothing."""
_NAMED_ZONES: Final = Acknowledgment(
    id="CloudFormation-Validate::W3010",
    reason="The zones are named so that synthesis looks nothing up in the account",
)
_OPEN_DEFAULT_GROUP: Final = {
    "NIST.800.53.R5-VPCDefaultSecurityGroupClosed": (
        "Nothing is in the default group; CloudFormation can take its rules away only by a custom"
        " resource, a function that may change any group of the account"
    )
}
_OPEN_AMONG_INSTANCES: Final = {
    "NIST.800.53.R5-EC2RestrictedCommonPorts": (
        "From the group itself only; distributed training needs all its ports"
    )
}


@dataclass(frozen=True, kw_only=True)
class NetworkUse:
    """What the pipelines do in the network."""

    data_buckets: Sequence[str]
    """Names of the buckets beside the app's own that jobs read or write."""
    jobs_talk_to_each_other: bool
    """Whether a pipeline trains on several instances."""
    endpoints_are_tested: bool
    """Whether a pipeline has its versions load-tested in AWS."""


@dataclass(frozen=True, kw_only=True)
class JobNetwork:
    """Where jobs and tested endpoints run."""

    subnet_ids: Sequence[str]
    security_group_id: str
    """Group of the jobs."""
    load_test_security_group_id: str
    """Group of the endpoints of load tests."""


def given_network(settings: Settings) -> JobNetwork | None:
    """Return the network that the settings name in full; None where something is to be created."""
    existing = settings.existing_vpc
    if existing is None or existing.security_group_id is None:
        return None
    return JobNetwork(
        subnet_ids=existing.subnet_ids,
        security_group_id=existing.security_group_id,
        load_test_security_group_id=existing.security_group_id,
    )


class SubnetRangesError(ReleaseError):
    """Tested endpoints need rules for subnets whose ranges nobody told."""


class UnknownPrefixListError(ReleaseError):
    """Nobody told the prefix list of Amazon S3 in the home region."""


class NetworkStack(Stack):
    """The VPC of the jobs, or an existing one, and the security groups in it.

    Jobs need Amazon S3 only: SageMaker pulls images and delivers logs outside the VPC. An app with
    :func:`given_network` has no such stack: CloudFormation refuses one without resources.

    Attributes:
        jobs: Where jobs and tested endpoints run.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        storage: StorageStack,
        use: NetworkUse,
        **kwargs: Any,
    ) -> None:
        """Create the network.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            storage: Where models are; its key encrypts the flow logs.
            use: What the pipelines do there.
            kwargs: ``aws_cdk.Stack`` properties.

        Raises:
            SubnetRangesError: Endpoints are tested in an existing VPC, and the group is to be made.
            UnknownPrefixListError: The settings have to tell it, and do not.
        """
        super().__init__(scope, construct_id, **kwargs)
        self._settings = settings
        self._storage = storage
        Validations.of(self).acknowledge(_NAMED_ZONES)
        existing = settings.existing_vpc
        vpc = _import_vpc(self, existing) if existing else self._create_vpc()
        jobs = tests = self._create_job_group(
            vpc, jobs_talk_to_each_other=use.jobs_talk_to_each_other
        )
        if use.endpoints_are_tested:
            tests = self._create_load_test_group(vpc, _subnet_ranges(vpc, existing))
        self.jobs = JobNetwork(
            subnet_ids=existing.subnet_ids if existing else _isolated_subnet_ids(vpc),
            security_group_id=jobs.security_group_id,
            load_test_security_group_id=tests.security_group_id,
        )
        if existing is None:
            self._add_endpoints(vpc, jobs, use.data_buckets)

    @property
    def availability_zones(self) -> list[str]:
        """Two zones, by name or as CloudFormation finds them when it deploys.

        CDK would look them up in the account while synthesizing.

        Source: AWS CloudFormation Template Reference, "Fn::GetAZs".
        """
        return list(self._settings.vpc_zones) or [
            Fn.select(number, Fn.get_azs()) for number in range(2)
        ]

    def _create_vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/20"),
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Jobs", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24
                )
            ],
        )
        acknowledge(vpc, _OPEN_DEFAULT_GROUP)
        self._log_flows(vpc)
        return vpc

    def _add_endpoints(
        self, vpc: ec2.IVpc, jobs: ec2.SecurityGroup, data_buckets: Sequence[str]
    ) -> None:
        s3 = vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        for statement in self._s3_statements(data_buckets):
            s3.add_to_policy(statement)
        for service in self._settings.interface_endpoints:
            self._add_interface_endpoint(vpc, jobs, service)

    def _add_interface_endpoint(self, vpc: ec2.IVpc, jobs: ec2.SecurityGroup, service: str) -> None:
        group = ec2.SecurityGroup(
            self,
            f"Endpoint-{service}-SecurityGroup",
            vpc=vpc,
            description=f"Endpoint of {service}",
            allow_all_outbound=False,
        )
        endpoint = vpc.add_interface_endpoint(
            f"Endpoint-{service}",
            service=ec2.InterfaceVpcEndpointAwsService(service),
            security_groups=[group],
            open=False,
        )
        endpoint.connections.allow_from(jobs, _HTTPS, f"Jobs to the endpoint of {service}")
        # Whatever the user's scripts call.
        endpoint.add_to_policy(_only_this_account("CallService", ["*"], ["*"]))

    def _s3_statements(self, data_buckets: Sequence[str]) -> list[iam.PolicyStatement]:
        """Let through what jobs do in their buckets, and what they read of the app's assets."""
        assets = s3_arn(_asset_bucket(self))
        writable = [
            self._storage.artifacts.bucket_arn,
            *map(s3_arn, data_buckets),
        ]
        return [
            _only_this_account("FindData", ["s3:ListBucket"], [*writable, assets]),
            _only_this_account(
                "ReadData", ["s3:GetObject"], [f"{bucket}/*" for bucket in (*writable, assets)]
            ),
            _only_this_account(
                "WriteData",
                ["s3:AbortMultipartUpload", "s3:PutObject"],
                [f"{bucket}/*" for bucket in writable],
            ),
        ]

    def _log_flows(self, vpc: ec2.Vpc) -> None:
        group = log_group(self, "FlowLogs", self._storage.log_options)
        vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                group, self._create_flow_log_role(group).without_policy_updates()
            ),
        )

    def _create_flow_log_role(self, group: logs.LogGroup) -> iam.Role:
        role = iam.Role(
            self,
            "FlowLogRole",
            assumed_by=service_for_this_account("vpc-flow-logs.amazonaws.com"),
            description="Delivers the flow logs of the jobs' network",
        )
        deliver = Statement(
            sid="DeliverLogs",
            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[group.log_group_arn],
        )
        grant(role, [deliver], wildcards={})
        return role

    def _create_job_group(
        self, vpc: ec2.IVpc, *, jobs_talk_to_each_other: bool
    ) -> ec2.SecurityGroup:
        description = "SageMaker jobs of the model release pipelines"
        group = self._create_security_group("JobSecurityGroup", vpc, description, [_NO_TRAFFIC])
        if jobs_talk_to_each_other:
            group.connections.allow_internally(
                ec2.Port.all_traffic(), "Instances of one training job"
            )
            acknowledge(group, _OPEN_AMONG_INSTANCES)
        return group

    def _create_load_test_group(
        self, vpc: ec2.IVpc, subnet_ranges: Sequence[str]
    ) -> ec2.SecurityGroup:
        """Create the group of tested endpoints.

        Source: Amazon SageMaker Developer Guide, "Give Inference Recommender Jobs Access to
        Resources in Your Amazon VPC": outbound to Amazon S3 and to the subnets' CIDR ranges.
        """
        description = "Endpoints of load tests by SageMaker Inference Recommender"
        to_subnets = [
            {"CidrIp": each, "Description": "A subnet of load tests", "IpProtocol": "-1"}
            for each in subnet_ranges
        ]
        return self._create_security_group("LoadTestSecurityGroup", vpc, description, to_subnets)

    def _create_security_group(
        self,
        construct_id: str,
        vpc: ec2.IVpc,
        description: str,
        egress: Sequence[Mapping[str, object]],
    ) -> ec2.SecurityGroup:
        """Create a group that lets out what reaches Amazon S3, and these rules."""
        group = ec2.SecurityGroup(
            self, construct_id, vpc=vpc, description=description, allow_all_outbound=False
        )
        # The rule below is a resource of its own: a group that brings none gets one from EC2 that
        # allows everything.
        resource = cast("ec2.CfnSecurityGroup", group.node.default_child)
        resource.add_property_override("SecurityGroupEgress", egress)
        s3 = ec2.Peer.prefix_list(_s3_prefix_list(self._settings))
        group.add_egress_rule(s3, _HTTPS, "Amazon S3 through the gateway endpoint")
        return group


def _s3_prefix_list(settings: Settings) -> str:
    region = settings.home_region
    found = s3_prefix_list(region, settings.s3_prefix_list)
    if found is None:
        raise UnknownPrefixListError(
            f"The app does not know the prefix list of Amazon S3 in {region}, which the jobs'"
            ' security group has to name. Set s3_prefix_list in cdk.json, such as "pl-63a5400a",'
            f" to what this prints: aws ec2 describe-managed-prefix-lists --region {region}"
            f" --filters Name=prefix-list-name,Values={s3_prefix_list_name(region)}"
            " --query 'PrefixLists[0].PrefixListId'"
        )
    return found


def _import_vpc(scope: Construct, existing: ExistingVpc) -> ec2.IVpc:
    # From attributes, not from a look-up, which would call AWS while synthesizing.
    return ec2.Vpc.from_vpc_attributes(
        scope, "Vpc", vpc_id=existing.vpc_id, availability_zones=["unused"]
    )


def _subnet_ranges(vpc: ec2.IVpc, existing: ExistingVpc | None) -> Sequence[str]:
    if existing is None:
        return [subnet.ipv4_cidr_block for subnet in vpc.isolated_subnets]
    if not existing.subnet_cidrs:
        raise SubnetRangesError(
            "A pipeline has load_test_in_aws, and the group of its endpoints needs rules for the"
            " subnets of existing_vpc: add their CIDR ranges to cdk.json, for example"
            ' "subnet_cidrs": ["10.1.0.0/24"], or a security_group_id that allows them.'
        )
    return existing.subnet_cidrs


def _isolated_subnet_ids(vpc: ec2.IVpc) -> Sequence[str]:
    return [subnet.subnet_id for subnet in vpc.isolated_subnets]


def _only_this_account(
    sid: str, actions: Sequence[str], resources: Sequence[str]
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.StarPrincipal()],
        actions=list(actions),
        resources=list(resources),
        conditions={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}},
    )


def _asset_bucket(stack: Stack) -> str:
    """Name the bucket that ``cdk bootstrap`` made for the assets of this region."""
    qualifier = stack.synthesizer.bootstrap_qualifier
    return f"cdk-{qualifier}-assets-{ACCOUNT}-{stack.region}"
