"""IAM under the load of stacks that are deployed side by side."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from local.emulator import EmbeddedAws

TRUST = {"Version": "2012-10-17", "Statement": []}
ALLOWED = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def test_roles_and_policies_are_made_side_by_side(aws: EmbeddedAws) -> None:
    iam = aws.client("iam")

    def make(number: int) -> int:
        name, policy = f"beside-{number}", {"Version": "2012-10-17", "Statement": [ALLOWED]}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        arn = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        return len(attached)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make, range(60))) == [1] * 60
