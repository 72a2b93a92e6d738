"""A call of an AWS API, and what those who derive calls share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from constructs_lib.language.service_calls import On, actions
from constructs_lib.language.step_calls import repository_arn
from tests.security.deployment import ACCOUNT

Context = Mapping[str, str | list[str]]

TLS: Context = {"aws:SecureTransport": "true"}
NEW: Context = {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}
"""Writing an object where there is none."""
OVER: Context = {"s3:ObjectCreationOperation": "true"}
"""Writing an object, whatever is there."""
A_PART: Context = {"s3:ObjectCreationOperation": "false"}
"""Beginning an upload of parts, or writing one."""
OWN: Context = {"aws:PrincipalAccount": ACCOUNT}
FROM_HERE: Context = {"aws:SourceAccount": ACCOUNT}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of an AWS API."""

    by: str
    """What makes it: a step of a pipeline, or a resource."""
    caller: str
    """ARN of a role, or an AWS service as policies name it."""
    action: str
    resource: str
    context: Context = field(default_factory=dict)
    in_vpc: bool = False
    account: str = ACCOUNT
    """The account of the resource."""


def arn(service: str, resource: str, region: str) -> str:
    """Name a resource of the deployment's account."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def location(uri: str) -> tuple[str, str]:
    """Split an ``s3://bucket/key`` URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def via_s3(region: str) -> dict[str, str | list[str]]:
    """Tell that Amazon S3 uses a key for the caller."""
    return {"kms:ViaService": f"s3.{region}.amazonaws.com"}


def network_calls(region: str) -> Iterator[tuple[str, str]]:
    """List action and resource of what SageMaker does to run something in a VPC."""
    for action in actions(("Model",), On.NETWORK):
        yield action, "*"
    resources = ("network-interface/eni-1", "security-group/sg-1", "subnet/subnet-1")
    for action in actions(("Model",), On.NETWORK_INTERFACE):
        affected = resources if action == "ec2:CreateNetworkInterface" else resources[:1]
        for resource in affected:
            yield action, arn("ec2", resource, region)


def load_test_network_calls(region: str) -> Iterator[tuple[str, str]]:
    """List action and resource of what Inference Recommender does to run endpoints in a VPC."""
    yield from network_calls(region)
    yield "ec2:DescribeVpcEndpoints", "*"
    yield "ec2:ModifyNetworkInterfaceAttribute", arn("ec2", "network-interface/eni-1", region)


def pull_calls(image: str) -> Iterator[tuple[str, str]]:
    """List action and resource of what SageMaker does to get an image."""
    yield "ecr:GetAuthorizationToken", "*"
    for action in actions(("Model",), On.IMAGE):
        yield action, repository_arn(image)
