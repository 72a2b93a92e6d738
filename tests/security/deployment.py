"""The synthesized templates with sample values in place of what a deployment would fill in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ACCOUNT = "123456789012"
KEY_ID = "11111111-2222-3333-4444-555555555555"
_ARNS = {
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::IAM::OIDCProvider": "arn:aws:iam::{account}:oidc-provider/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SageMaker::Pipeline": "arn:aws:sagemaker:{region}:{account}:pipeline/{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_NAMES = {
    "AWS::IAM::OIDCProvider": "Url",
    "AWS::IAM::Role": "RoleName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SageMaker::Pipeline": "PipelineName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
"""The property that gives a resource its name, by type; other names are CloudFormation's."""
_KNOWN_BY_ARN = {"AWS::IAM::OIDCProvider", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}
"""Types whose ``Ref`` is an ARN."""


@dataclass(frozen=True)
class Resource:
    """A resource with its properties resolved."""

    stack: str
    logical_id: str
    type: str
    arn: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Deployment:
    """All stacks of an app, as if deployed."""

    templates: Mapping[str, Mapping[str, Any]]
    regions: Mapping[str, str]
    bootstrap_roles: Mapping[str, frozenset[str]]
    """The roles of ``cdk bootstrap`` that the CDK CLI assumes, by what it does with them."""

    @cached_property
    def resources(self) -> list[Resource]:
        """Every resource of every stack."""
        return [
            Resource(
                stack,
                logical_id,
                resource["Type"],
                self._arn(stack, logical_id),
                self.resolve(stack, resource.get("Properties", {})),
            )
            for stack, template in self.templates.items()
            for logical_id, resource in template.get("Resources", {}).items()
        ]

    def of_type(self, kind: str, stack: str = "") -> Iterator[Resource]:
        """Find resources by type, and by a part of the stack's name."""
        return (each for each in self.resources if each.type == kind and stack in each.stack)

    @cached_property
    def by_arn(self) -> dict[str, Resource]:
        """Every resource by its ARN."""
        return {resource.arn: resource for resource in self.resources}

    def resolve(self, stack: str, value: Any) -> Any:
        """Replace the intrinsic functions in a value of a stack's template."""
        if isinstance(value, list):
            return [self.resolve(stack, item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(stack, name, argument)
        return {name: self.resolve(stack, member) for name, member in value.items()}

    def _call(self, stack: str, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._ref(stack, argument)
        if name == "Fn::GetAtt":
            logical_id, attribute = argument
            return (
                self._arn(stack, logical_id) if attribute == "Arn" else f"{logical_id}.{attribute}"
            )
        if name == "Fn::Join":
            delimiter, parts = argument
            return delimiter.join(map(str, self.resolve(stack, parts)))
        if name == "Fn::ImportValue":
            return self._exports[self.resolve(stack, argument)]
        if name == "Fn::Sub":
            return self._substitute(stack, argument)
        raise AssertionError(f"The resolver does not know {name}: {argument}")

    def _substitute(self, stack: str, argument: Any) -> str:
        text, variables = argument if isinstance(argument, list) else (argument, {})

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in variables:
                return str(self.resolve(stack, variables[name]))
            return str(self._ref(stack, name))

        return re.sub(r"\$\{([^!}]+)\}", value, text)

    def _ref(self, stack: str, name: str) -> str:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": self.regions[stack],
            "AWS::URLSuffix": "amazonaws.com",
        }
        resource = self.templates[stack].get("Resources", {}).get(name, {})
        if resource.get("Type") in _KNOWN_BY_ARN:
            return self._arn(stack, name)
        return pseudo.get(name) or self._physical_name(stack, name)

    def _physical_name(self, stack: str, logical_id: str) -> str:
        resource = self.templates[stack].get("Resources", {}).get(logical_id)
        if resource is None:
            return logical_id  # a parameter
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind == "AWS::KMS::Key":
            return KEY_ID
        if (given := properties.get(_NAMES.get(kind, ""))) is not None:
            return str(self.resolve(stack, given)).removeprefix("https://")
        name = f"{stack}-{logical_id}"
        return name.lower() if kind == "AWS::S3::Bucket" else name

    def _arn(self, stack: str, logical_id: str) -> str:
        kind = self.templates[stack]["Resources"][logical_id]["Type"]
        name = self._physical_name(stack, logical_id)
        pattern = _ARNS.get(kind, "{name}")
        return pattern.format(region=self.regions[stack], account=ACCOUNT, name=name)

    @cached_property
    def _exports(self) -> dict[str, Any]:
        return {
            self.resolve(stack, output["Export"]["Name"]): self.resolve(stack, output["Value"])
            for stack, template in self.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def definition(self, stack: str) -> dict[str, Any]:
        """Read the pipeline definition of a stack."""
        (pipeline,) = self.of_type("AWS::SageMaker::Pipeline", stack)
        body = pipeline.properties["PipelineDefinition"]["PipelineDefinitionBody"]
        definition: dict[str, Any] = json.loads(body)
        return definition
