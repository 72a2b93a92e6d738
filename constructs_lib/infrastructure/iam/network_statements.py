"""What roles need whose containers run in a VPC: pipeline jobs, endpoints of load tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from constructs_lib.infrastructure.iam.arns import StackArns
from constructs_lib.infrastructure.iam.policies import Statement

_FIND: Final = (
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
_ATTACH: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
)


def network_statements(arns: StackArns, *, attach_sid: str) -> Iterator[Statement]:
    """Let SageMaker attach containers to subnets and security groups of the stack's region.

    Source: Amazon SageMaker Developer Guide, "How to use SageMaker AI execution roles", on
    ``VpcConfig``.

    Args:
        arns: ARNs of the stack.
        attach_sid: Name of the second statement; the first is ``FindNetwork``.
    """
    yield Statement(
        sid="FindNetwork",
        actions=_FIND,
        resources=["*"],
    )
    yield Statement(
        sid=attach_sid,
        actions=_ATTACH,
        resources=[
            arns.arn("ec2", f"{kind}/*")
            for kind in ("network-interface", "security-group", "subnet")
        ],
    )


def load_test_network_statements() -> Iterator[Statement]:
    """Let SageMaker Inference Recommender attach tested endpoints to subnets.

    Source: Amazon SageMaker Developer Guide, "Give Inference Recommender Jobs Access to Resources
    in Your Amazon VPC", which names all resources for each of these actions.
    """
    yield Statement(
        sid="FindNetwork",
        actions=sorted([*_FIND, "ec2:DescribeVpcEndpoints"]),
        resources=["*"],
    )
    yield Statement(
        sid="AttachToNetwork",
        actions=[*_ATTACH, "ec2:ModifyNetworkInterfaceAttribute"],
        resources=["*"],
    )
