"""Every policy of a deployment, and which of them decide about a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.security.deployment import ACCOUNT, Deployment, Resource
from tests.security.evaluator import Policy

ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/Administrator"
"""A role outside of the app whose own policy allows everything."""
OTHER_ACCOUNT = "999999999999"
STRANGER = f"arn:aws:iam::{OTHER_ACCOUNT}:role/Administrator"
"""The same in another account."""
EVERYTHING: Policy = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}],
}
_RESOURCE_POLICIES = {
    "kms": "key",
    "lambda": "function",
    "s3": "bucket",
    "sns": "topic",
    "sqs": "queue",
    "sts": "trust",
}
"""The kind of policy that a resource of a service has; no other resource here has one."""


@dataclass(frozen=True)
class AttachedPolicy:
    """A policy and what it belongs to."""

    kind: str
    """``role``, ``trust``, ``bucket``, ``key``, ``topic``, ``queue``, ``function``, ``endpoint``"""
    owner: Resource
    document: Policy

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the policy."""
        return self.kind, self.owner.arn

    @property
    def name(self) -> str:
        """The policy for readers."""
        return f"{self.kind} of {self.owner.stack}/{self.owner.logical_id}"

    @property
    def statements(self) -> list[dict[str, Any]]:
        """Its statements."""
        statements: list[dict[str, Any]] = self.document["Statement"]
        return statements

    def without(self, index: int) -> AttachedPolicy:
        """Take one statement away."""
        return self._with([*self.statements[:index], *self.statements[index + 1 :]])

    def with_statement(self, index: int, statement: dict[str, Any]) -> AttachedPolicy:
        """Replace one statement."""
        return self._with([*self.statements[:index], statement, *self.statements[index + 1 :]])

    def joined(self, other: AttachedPolicy) -> AttachedPolicy:
        """Add the statements of another policy of the same role, which IAM decides by together."""
        return self._with([*self.statements, *other.statements])

    def _with(self, statements: list[dict[str, Any]]) -> AttachedPolicy:
        return AttachedPolicy(self.kind, self.owner, {**self.document, "Statement": statements})


def listed(statement: dict[str, Any], element: str) -> list[str]:
    """Return the actions or resources of a statement, which may be one or many."""
    value = statement[element]
    return [value] if isinstance(value, str) else list(value)


@dataclass(frozen=True)
class Policies:
    """The policies of all stacks."""

    deployment: Deployment

    def __iter__(self) -> Iterator[AttachedPolicy]:
        return iter(self._by_key.values())

    def of(self, kind: str, arn: str) -> AttachedPolicy | None:
        """Find the policy of a resource."""
        return self._by_key.get((kind, arn))

    def identity(self, caller: str) -> AttachedPolicy | None:
        """Find the policy of a role."""
        return self.of("role", caller)

    def resource(self, action: str, arn: str) -> AttachedPolicy | None:
        """Find the policy of the resource of a call: of a bucket also for its objects."""
        kind = _RESOURCE_POLICIES.get(action.partition(":")[0], "")
        return self.of(kind, arn.partition("/")[0] if kind == "bucket" else arn)

    def endpoint(self, action: str) -> AttachedPolicy:
        """Find the policy of the endpoint through which a job in the VPC calls a service."""
        service = action.partition(":")[0]
        (found,) = (
            policy
            for policy in self
            if policy.kind == "endpoint"
            and policy.owner.properties["ServiceName"].rpartition(".")[2] == service
        )
        return found

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], AttachedPolicy]:
        policies: dict[tuple[str, str], AttachedPolicy] = {}
        for policy in self._read():
            earlier = policies.get(policy.key)
            assert earlier is None or policy.kind == "role", f"{policy.key} has two policies"
            policies[policy.key] = policy if earlier is None else earlier.joined(policy)
        return policies

    def _read(self) -> Iterator[AttachedPolicy]:
        for resource in self.deployment.resources:
            properties = resource.properties
            if resource.type == "AWS::IAM::Role":
                yield AttachedPolicy("trust", resource, properties["AssumeRolePolicyDocument"])
            elif resource.type == "AWS::KMS::Key":
                yield AttachedPolicy("key", resource, properties["KeyPolicy"])
            elif resource.type == "AWS::EC2::VPCEndpoint":
                yield AttachedPolicy("endpoint", resource, properties["PolicyDocument"])
            elif resource.type in _ATTACHMENTS:
                yield from self._attached(resource, *_ATTACHMENTS[resource.type])
        for function in self.deployment.of_type("AWS::Lambda::Function"):
            if statements := list(self._permissions(function)):
                document = {"Version": "2012-10-17", "Statement": statements}
                yield AttachedPolicy("function", function, document)

    def _attached(
        self, policy: Resource, kind: str, owner_type: str, member: str
    ) -> Iterator[AttachedPolicy]:
        owners = policy.properties[member]
        for name in [owners] if isinstance(owners, str) else owners:
            (owner,) = (
                each
                for each in self.deployment.of_type(owner_type)
                if name in (each.arn, each.arn.rpartition(":")[2].rpartition("/")[2])
            )
            yield AttachedPolicy(kind, owner, policy.properties["PolicyDocument"])

    def _permissions(self, function: Resource) -> Iterator[dict[str, Any]]:
        """Write AWS::Lambda::Permission as Lambda does: as a statement of the function's policy."""
        for permission in self.deployment.of_type("AWS::Lambda::Permission"):
            properties = permission.properties
            if properties["FunctionName"] == function.arn:
                yield {
                    "Sid": permission.logical_id,
                    "Effect": "Allow",
                    "Principal": {"Service": properties["Principal"]},
                    "Action": properties["Action"],
                    "Resource": function.arn,
                    "Condition": {"ArnLike": {"AWS:SourceArn": properties["SourceArn"]}},
                }


_ATTACHMENTS = {
    "AWS::IAM::ManagedPolicy": ("role", "AWS::IAM::Role", "Roles"),
    "AWS::IAM::Policy": ("role", "AWS::IAM::Role", "Roles"),
    "AWS::S3::BucketPolicy": ("bucket", "AWS::S3::Bucket", "Bucket"),
    "AWS::SNS::TopicPolicy": ("topic", "AWS::SNS::Topic", "Topics"),
    "AWS::SQS::QueuePolicy": ("queue", "AWS::SQS::Queue", "Queues"),
}
"""What a policy resource belongs to: kind of policy, type of the owner, property that names it."""
