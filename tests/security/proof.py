"""Puts calls and policies together: which request meets which policies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.security.calls import Call, Pipeline, all_steps
from tests.security.deployment import ACCOUNT, Deployment, Resource
from tests.security.evaluator import Policy, Request

PIPELINE_STACK = "model-release-pipeline-returns-risk"


@dataclass(frozen=True)
class Proof:
    """The calls of a pipeline, and the policies of its deployment."""

    deployment: Deployment

    @cached_property
    def execution_role(self) -> Resource:
        """The role of the pipeline's steps."""
        return self.role("ExecutionRole")

    @cached_property
    def function_role(self) -> Resource:
        """The role of the function that registers in other regions."""
        return self.role("RegistrationFunctionRole")

    def role(self, name: str) -> Resource:
        """Find a role of the pipeline's stack."""
        roles = self.deployment.of_type("AWS::IAM::Role", PIPELINE_STACK)
        return next(role for role in roles if role.logical_id.startswith(name))

    @cached_property
    def artifact_bucket(self) -> Resource:
        """The home region's bucket of artifacts."""
        return self._one("AWS::S3::Bucket", "model-release-storage", "ArtifactBucket7")

    @cached_property
    def key(self) -> Resource:
        """The home region's key."""
        return self._one("AWS::KMS::Key", "model-release-storage", "EncryptionKey")

    def _one(self, kind: str, stack: str, name: str) -> Resource:
        found = self.deployment.of_type(kind, stack)
        (resource,) = (each for each in found if each.logical_id.startswith(name))
        return resource

    @cached_property
    def calls(self) -> list[Call]:
        """What the steps have to be allowed."""
        bucket = self.artifact_bucket.arn.removeprefix("arn:aws:s3:::")
        definition = self.deployment.definition(PIPELINE_STACK)
        (image,) = {
            container["Image"]
            for step in all_steps(definition["Steps"])
            if step["Type"] == "RegisterModel"
            for container in step["Arguments"]["InferenceSpecification"]["Containers"]
        }
        home = self.deployment.regions[PIPELINE_STACK]
        regions = set(self.deployment.regions.values())
        pipeline = Pipeline(
            definition,
            home,
            self.execution_role.arn,
            self.key.arn,
            frozenset({bucket}),
            f"s3://{bucket}/incoming/returns-risk/model.tar.gz",
            "alias/model-release-registry",
            {region: image.replace(home, region) for region in regions},
        )
        return list(pipeline.calls())

    def request(self, call: Call, **changes: Any) -> Request:
        """Add the policies that apply to a call."""
        role = self.function_role if call.function else self.execution_role
        policies: dict[str, Any] = {
            "identity_policies": self.identity_policies(role),
            "resource_policy": self.resource_policy(call.resource),
            "endpoint_policy": self.endpoint_policy if call.in_vpc else None,
        }
        return Request(
            name=call.step,
            principal=role.arn,
            action=call.action,
            resource=call.resource,
            account=ACCOUNT,
            context=dict(call.context),
            **{**policies, **changes},
        )

    def identity_policies(self, role: Resource) -> list[Policy]:
        """Read the policies of a role."""
        name = role.arn.rpartition("/")[2]
        return [
            policy.properties["PolicyDocument"]
            for policy in self.deployment.of_type("AWS::IAM::ManagedPolicy")
            if name in policy.properties["Roles"]
        ]

    def resource_policy(self, arn: str) -> Policy | None:
        """Read the policy of a bucket (for its objects, too) or of a key."""
        if arn.startswith("arn:aws:s3:::"):
            bucket = arn.removeprefix("arn:aws:s3:::").partition("/")[0]
            policies = self.deployment.of_type("AWS::S3::BucketPolicy")
            documents = {each.properties["Bucket"]: each.properties for each in policies}
            return documents[bucket]["PolicyDocument"] if bucket in documents else None
        keys = {each.arn: each for each in self.deployment.of_type("AWS::KMS::Key")}
        return keys[arn].properties["KeyPolicy"] if arn in keys else None

    @cached_property
    def endpoint_policy(self) -> Policy:
        """The policy of the gateway endpoint of Amazon S3."""
        endpoints = self.deployment.of_type("AWS::EC2::VPCEndpoint")
        (endpoint,) = (e for e in endpoints if e.properties["VpcEndpointType"] == "Gateway")
        policy: Policy = endpoint.properties["PolicyDocument"]
        return policy


def without_each_statement(policy: Policy) -> Iterator[tuple[dict[str, Any], Policy]]:
    """Take one statement away after the other."""
    for index, statement in enumerate(policy["Statement"]):
        rest = [*policy["Statement"][:index], *policy["Statement"][index + 1 :]]
        yield statement, {**policy, "Statement": rest}
