"""Decides about calls: collects what decides, asks the evaluator, and words a refusal as AWS does.

Source: "Policy evaluation logic" and "Troubleshoot access denied error messages" in the IAM user
guide.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from local.emulator.authorization.conditions import Context, account_of, context_of
from local.emulator.authorization.evaluator import Answer, Evaluator, Policy, Request
from local.emulator.authorization.identities import CallerIdentity, Kind
from local.emulator.authorization.operations import Operation
from local.emulator.authorization.policies import (
    endpoint_of,
    has_resource_policies,
    identity_policies,
    permissions_boundary,
    resource_policy,
)
from local.emulator.authorization.uses import Use

_KINDS: Final = {
    "identity": "identity-based policy",
    "pb": "permissions boundary",
    "resource": "resource-based policy",
    "vpce": "VPC endpoint policy",
}
"""How a refusal names the kinds of policy, most telling first where several deny."""
_MOST_TELLING: Final = ("vpce", "pb", "identity", "resource")


@dataclass(frozen=True)
class Denial:
    """A call that is not allowed; ``message`` is in the words of AWS."""

    identity: CallerIdentity
    use: Use
    reason: str

    @property
    def message(self) -> str:
        """Say who may not do what, and why."""
        who = "Service" if self.identity.kind is Kind.SERVICE else "User"
        return (
            f"{who}: {self.identity.arn} is not authorized to perform: {self.use.action}"
            f" on resource: {self.use.resource}{self.reason}"
        )


class Decisions:
    """Decides about every call; ``is_on`` false allows everything that is signed."""

    def __init__(self, evaluator: Evaluator, *, is_on: bool) -> None:
        """Decide with an evaluator."""
        self._evaluator = evaluator
        self.is_on = is_on
        self._log = logging.getLogger(__name__)

    def prepare(self) -> None:
        """Start what decides, ahead of the first call."""
        if self.is_on:
            self._evaluator.start()

    def decides(self, identity: CallerIdentity, service: str) -> bool:
        """Whether any call of somebody to a service can be denied: it is worth a look."""
        if not self.is_on or not identity.is_checked:
            return False
        return identity.kind is not Kind.ADMINISTRATOR or has_resource_policies(service)

    def denial(
        self, identity: CallerIdentity, use: Use, *, region: str, operation: Operation | None = None
    ) -> Denial | None:
        """Decide about one use; None means that it is allowed.

        Args:
            identity: Who calls.
            use: What the call needs.
            region: Where.
            operation: The call; None for what a service does within the embedded AWS.
        """
        if not self.decides(identity, use.service):
            return None
        policy = resource_policy(use.action, use.resource)
        if identity.kind is Kind.ADMINISTRATOR and policy is None:
            return None
        context = context_of(identity, use, operation, region)
        request = _request(identity, use, policy, context, region)
        denial = _denial(identity, use, self._evaluator.answer(request))
        if denial is not None:
            self._log.warning("denied: %s; with %s", denial.message, dict(context))
        return denial


def _request(
    identity: CallerIdentity, use: Use, policy: Policy | None, context: Context, region: str
) -> Request:
    endpoint = None
    if identity.origin.vpc_id is not None and use.via is None:
        endpoint = endpoint_of(identity.origin.vpc_id, use.service, region, identity.account)
    network = _network(identity, endpoint and endpoint[0])
    return Request(
        principal=identity.arn,
        action=use.action,
        resource=use.resource,
        account=account_of(use.resource, identity.account),
        context={**context, **network},
        identity_policies=identity_policies(identity),
        permissions_boundary=permissions_boundary(identity),
        resource_policy=policy,
        endpoint_policy=endpoint and endpoint[1],
    )


def _network(identity: CallerIdentity, endpoint_id: str | None) -> Mapping[str, str]:
    if identity.kind is Kind.SERVICE:
        return {}
    if endpoint_id is None or identity.origin.vpc_id is None:
        return {"aws:SourceIp": "127.0.0.1"}
    return {"aws:SourceVpc": identity.origin.vpc_id, "aws:SourceVpce": endpoint_id}


def _denial(identity: CallerIdentity, use: Use, answer: Answer) -> Denial | None:
    if answer.is_allowed:
        return None
    if identity.kind is Kind.ADMINISTRATOR and answer.result == "ImplicitlyDenied":
        return None
    if answer.result == "Error":
        return Denial(identity, use, f": the embedded AWS cannot decide it: {answer.errors}")
    return Denial(identity, use, _reason(identity, use, answer))


def _reason(identity: CallerIdentity, use: Use, answer: Answer) -> str:
    if use.action.startswith("sts:AssumeRole"):
        return ""  # AWS STS does not tell
    how = "Explicit" if answer.result == "ExplicitlyDenied" else "Implicit"
    kinds = [kind for kind, denial in answer.denials if denial == how]
    kind = next((each for each in _MOST_TELLING if each in kinds), "identity")
    if identity.kind is Kind.SERVICE:
        kind = "resource"  # a service has no policy of its own
    if how == "Explicit":
        article = "an" if kind == "identity" else "a"
        return f" with an explicit deny in {article} {_KINDS[kind]}"
    return f" because no {_KINDS[kind]} allows the {use.action} action"
