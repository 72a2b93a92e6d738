"""Roles with policies, and clients that call as them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from local.emulator import EmbeddedAws
from tests.local.emulator.authorization.policies import Statement, document

ClientAs = Callable[..., Any]


@pytest.fixture
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
