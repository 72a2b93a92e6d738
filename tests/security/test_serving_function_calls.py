"""The functions around serving name no operation of a service that is not derived for their role.

Their scripts are read, not run: an operation that stands in them is one that they may call.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import boto3
import pytest

from tests.security.evaluator import ROOT
from tests.security.proof import Proof

_JOBS = ROOT / "constructs_lib" / "jobs"
_SERVICES = {
    "application-autoscaling": "application-autoscaling",
    "cloudwatch": "cloudwatch",
    "sagemaker": "sagemaker",
    "sagemaker-runtime": "sagemaker",
    "sns": "sns",
    "stepfunctions": "states",
}
"""Prefixes of actions, by the names of clients. Objects are read by functions of another job."""


def _operations() -> dict[str, set[str]]:
    """Name the actions of each operation, as Python calls it; services share some names."""
    found: dict[str, set[str]] = {}
    for service, prefix in _SERVICES.items():
        client = boto3.client(
            service, "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        for method, operation in client.meta.method_to_api_mapping.items():
            found.setdefault(method, set()).add(f"{prefix}:{operation}")
    return found


def _called(script: str) -> Iterator[tuple[str, ...]]:
    """Yield the actions of each operation that a script names: what it calls, or lists by pages."""
    path = _JOBS / script
    known = _operations()
    for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        for node in ast.walk(ast.parse(module.read_text())):
            name: object = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = node.func.attr
            elif isinstance(node, ast.Constant):
                name = node.value
            if isinstance(name, str) and name in known:
                yield tuple(sorted(known[name]))


@pytest.mark.parametrize(
    ("script", "role"),
    [
        ("deploy_model", "DeploymentRole"),
        ("guard_endpoints.py", "GuardRole"),
        ("start_deployment.py", "ApprovalTriggerStartDeploymentRole"),
    ],
)
def test_the_scripts_make_derived_calls_only(
    proofs: dict[str, Proof], script: str, role: str
) -> None:
    proof = proofs["operated"]
    (caller,) = (each.arn for each in proof.roles if each.logical_id.startswith(role))
    derived = {call.action for call in proof.calls if call.caller == caller}

    called = set(_called(script))
    assert called
    assert [actions for actions in called if not derived & set(actions)] == []
