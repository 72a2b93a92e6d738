"""Where jobs run: isolated subnets that reach Amazon S3 and nothing else."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import Acknowledgment, RemovalPolicy, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.log_retention import log_retention
from stacks.settings import ExistingVpc, Settings

_HTTPS: Final = ec2.Port.tcp(443)
_S3_PREFIX_LISTS: Final = {
    "us-east-1": "pl-63a5400a",
    "eu-west-1": "pl-6da54004",
    "us-west-2": "pl-68a54001",
}
"""AWS-managed prefix lists of Amazon S3: the same in every account (DescribePrefixLists)."""


class NetworkStack(Stack):
    """The VPC of the jobs, or an existing one, and their security group.

    Jobs need Amazon S3 only: SageMaker pulls images and delivers logs outside the VPC.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        jobs_talk_to_each_other: bool,
        **kwargs: Any,
    ) -> None:
        """Create the network.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            jobs_talk_to_each_other: Whether a pipeline trains on several instances.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        super().__init__(scope, construct_id, **kwargs)
        self._settings = settings
        Validations.of(self).acknowledge(
            Acknowledgment(
                id="CloudFormation-Validate::W3010",
                reason="The zones are named so that synthesis looks nothing up in the account",
            )
        )
        existing = settings.existing_vpc
        vpc = _import_vpc(self, existing) if existing else self._create_vpc()
        self.subnet_ids = (
            list(existing.subnet_ids)
            if existing
            else [subnet.subnet_id for subnet in vpc.isolated_subnets]
        )
        if existing and existing.security_group_id:
            self.security_group_id = existing.security_group_id
        else:
            group = self._create_security_group(
                vpc, jobs_talk_to_each_other=jobs_talk_to_each_other
            )
            self.security_group_id = group.security_group_id

    @property
    def availability_zones(self) -> list[str]:
        """Two zones, by name: CDK would look them up in the account while synthesizing."""
        return [f"{self._settings.home_region}{zone}" for zone in "ab"]

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
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        for service in self._settings.interface_endpoints:
            vpc.add_interface_endpoint(
                f"Endpoint-{service}", service=ec2.InterfaceVpcEndpointAwsService(service)
            )
        self._log_flows(vpc)
        return vpc

    def _log_flows(self, vpc: ec2.Vpc) -> None:
        group = logs.LogGroup(
            self,
            "FlowLogs",
            retention=log_retention(self._settings.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group))

    def _create_security_group(
        self, vpc: ec2.IVpc, *, jobs_talk_to_each_other: bool
    ) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "JobSecurityGroup",
            vpc=vpc,
            description="SageMaker jobs of the model release pipelines",
            allow_all_outbound=False,
        )
        s3 = ec2.Peer.prefix_list(_S3_PREFIX_LISTS[self._settings.home_region])
        group.add_egress_rule(s3, _HTTPS, "Amazon S3 through the gateway endpoint")
        if self._settings.interface_endpoints:
            group.add_egress_rule(ec2.Peer.ipv4(vpc.vpc_cidr_block), _HTTPS, "Interface endpoints")
        if jobs_talk_to_each_other:
            group.connections.allow_internally(
                ec2.Port.all_traffic(), "Instances of one training job"
            )
        return group


def _import_vpc(scope: Construct, existing: ExistingVpc) -> ec2.IVpc:
    # From attributes, not from a look-up, which would call AWS while synthesizing.
    return ec2.Vpc.from_vpc_attributes(
        scope, "Vpc", vpc_id=existing.vpc_id, availability_zones=["unused"]
    )
