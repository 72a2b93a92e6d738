"""Fixtures: one embedded AWS per test process, and stacks that are gone after the test."""

from __future__ import annotations

import io
import json
import textwrap
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from local.emulator import EmbeddedAws
from tests.local.emulator.policies import Statement, document


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS that the tests of this process share: every test has its own stacks."""
    with EmbeddedAws() as embedded:
        yield embedded


@dataclass(frozen=True)
class StackDriver:
    """One stack, driven by change sets as the CDK CLI does."""

    client: Any
    name: str

    def propose(self, template: Mapping[str, Any], **parameters: str) -> dict[str, Any]:
        """Create a change set, in place of an earlier one, and return its description."""
        self.client.delete_change_set(StackName=self.name, ChangeSetName="change")
        self.client.create_change_set(
            StackName=self.name,
            ChangeSetName="change",
            ChangeSetType="UPDATE" if self._exists() else "CREATE",
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
        )
        return self._change_set()

    def deploy(self, template: Mapping[str, Any], **parameters: str) -> str:
        """Create and execute a change set, and return the status of the stack."""
        self.propose(template, **parameters)
        self.client.execute_change_set(StackName=self.name, ChangeSetName="change")
        return self.status

    def deploy_resources(self, **resources: Mapping[str, Any]) -> str:
        """Deploy a template of resources only, and return the status of the stack."""
        return self.deploy({"Resources": resources})

    def delete(self) -> None:
        """Ask for deletion."""
        self.client.delete_stack(StackName=self.name)

    @property
    def description(self) -> dict[str, Any]:
        """What DescribeStacks tells."""
        (stack,) = self.client.describe_stacks(StackName=self.name)["Stacks"]
        return dict(stack)

    @property
    def status(self) -> str:
        """The status of the stack."""
        return str(self.description["StackStatus"])

    @property
    def reason(self) -> str:
        """The reason of the status of the stack."""
        return str(self.description["StackStatusReason"])

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack by key."""
        return {item["OutputKey"]: item["OutputValue"] for item in self.description["Outputs"]}

    @property
    def events(self) -> list[str]:
        """The history, oldest first, as ``logical id: status``."""
        events = self.client.describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            f"{event['LogicalResourceId']}: {event['ResourceStatus']}" for event in reversed(events)
        ]

    def physical_id(self, logical_id: str) -> str:
        """What ``Ref`` of a resource returns."""
        detail = self.client.describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )["StackResourceDetail"]
        return str(detail["PhysicalResourceId"])

    def _exists(self) -> bool:
        stacks = self.client.describe_stacks()["Stacks"]
        return any(
            stack["StackName"] == self.name and stack["StackStatus"] != "REVIEW_IN_PROGRESS"
            for stack in stacks
        )

    def _change_set(self) -> dict[str, Any]:
        return dict(self.client.describe_change_set(StackName=self.name, ChangeSetName="change"))


@pytest.fixture
def stack(aws: EmbeddedAws) -> StackDriver:
    """A stack of this test."""
    return StackDriver(aws.client("cloudformation"), f"stack-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def other_stack(aws: EmbeddedAws) -> StackDriver:
    """A second stack in the same region."""
    return StackDriver(aws.client("cloudformation"), f"other-{uuid.uuid4().hex[:8]}")


ClientAs = Callable[..., Any]


@pytest.fixture(scope="session")
def create_role(aws: EmbeddedAws) -> Callable[..., str]:
    """Create a role with an inline policy, which administrators may assume; returns its ARN."""

    def create(
        *statements: Statement, boundary: list[Statement] | None = None, trusts: Any = None
    ) -> str:
        iam, name = aws.client("iam"), f"role-{uuid.uuid4().hex[:8]}"
        principal = trusts or {"AWS": aws.account_id}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        options = {}
        if boundary is not None:
            policy = iam.create_policy(PolicyName=name, PolicyDocument=document(*boundary))
            options["PermissionsBoundary"] = policy["Policy"]["Arn"]
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust), **options)
        if statements:
            policy_text = document(*statements)
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy_text)
        return str(role["Role"]["Arn"])

    return create


@pytest.fixture
def client_as(aws: EmbeddedAws) -> ClientAs:
    """Make a client that calls as a role."""

    def make(role_arn: str, service: str, region: str = "us-east-1") -> Any:
        sts = aws.client("sts")
        keys = sts.assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=aws.endpoint_url,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    return make


@pytest.fixture
def bucket(aws: EmbeddedAws) -> str:
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def create_function(aws: EmbeddedAws, create_role: Callable[..., str]) -> Callable[..., str]:
    """Create a function whose module is given as text; returns its name."""

    def create(code: str, *, role: str | None = None, **configuration: Any) -> str:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("index.py", textwrap.dedent(code))
        name = f"function-{uuid.uuid4().hex[:12]}"
        aws.client("lambda").create_function(
            **{
                "FunctionName": name,
                "Role": role or create_role(trusts={"Service": "lambda.amazonaws.com"}),
                "Handler": "index.handler",
                "Runtime": "python3.11",
                "Timeout": 120,  # the service's 3 seconds are few on a busy machine
                "Code": {"ZipFile": archive.getvalue()},
                **configuration,
            }
        )
        return name

    return create
