"""What roles need whose containers run in a VPC: pipeline jobs, endpoints of load tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.language.service_calls import On, actions

_IN_A_NETWORK: Final = ("Model", "Processing", "Training")
_FIND: Final = tuple(actions(_IN_A_NETWORK, On.NETWORK))
_ATTACH: Final = tuple(actions(_IN_A_NETWORK, On.NETWORK_INTERFACE))


def network_statements(*, attach_sid: str) -> Iterator[Statement]:
    """Let SageMaker attach containers to the network.

    The actions on network interfaces have neither a scope nor a condition: SageMaker's validation
    of a processing job in a VPC refuses a role that has one there.

    Source: Amazon SageMaker Developer Guide, "How to use SageMaker AI execution roles", on
    ``VpcConfig``.

    Args:
        attach_sid: Name of the second statement; the first is ``FindNetwork``.
    """
    yield Statement("FindNetwork", _FIND, ["*"])
    yield Statement(attach_sid, _ATTACH, ["*"])


def load_test_network_statements() -> Iterator[Statement]:
    """Let SageMaker Inference Recommender attach tested endpoints to subnets.

    Source: Amazon SageMaker Developer Guide, "Give Inference Recommender Jobs Access to Resources
    in Your Amazon VPC", which names all resources for each of these actions.
    """
    yield Statement("FindNetwork", sorted([*_FIND, "ec2:DescribeVpcEndpoints"]), ["*"])
    modify = "ec2:ModifyNetworkInterfaceAttribute"
    yield Statement("AttachToNetwork", [*_ATTACH, modify], ["*"])
