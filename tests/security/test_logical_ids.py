"""What holds data or is known by name must keep its logical id from version to version.

After a wanted change: ``python -m pytest tests/security/test_logical_ids.py --update-logical-ids``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.security.conftest import Synthesized

_ACCEPTED = Path(__file__).with_name("logical_ids.json")
_STATEFUL = {
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::SageMaker::Pipeline",
}


def _stateful(synthesized: Synthesized) -> dict[str, dict[str, str]]:
    return {
        stack: {
            logical_id: resource["Type"]
            for logical_id, resource in sorted(template.get("Resources", {}).items())
            if resource["Type"] in _STATEFUL
        }
        for stack, template in sorted(synthesized.deployment.templates.items())
    }


def test_no_stateful_resource_is_replaced(
    shipped: Synthesized, request: pytest.FixtureRequest
) -> None:
    now = _stateful(shipped)
    if request.config.getoption("--update-logical-ids", default=False):
        _ACCEPTED.write_text(json.dumps(now, indent=2) + "\n")
    accepted = json.loads(_ACCEPTED.read_text())

    gone = [
        f"{stack}: {logical_id} ({kind})"
        for stack, resources in accepted.items()
        for logical_id, kind in resources.items()
        if now.get(stack, {}).get(logical_id) != kind
    ]
    assert gone == [], (
        "A deployment would create these anew and delete the old ones, or leave them behind with"
        " their data and fail where the name is taken. If that is wanted, write the new list with"
        " --update-logical-ids and tell in docs/deploy.md how to upgrade."
    )
    assert now == accepted, "New stateful resources: add them with --update-logical-ids."
