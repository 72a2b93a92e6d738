"""Policies of roles, written as plain data: CDK gets each as one document, in one call to Node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aws_cdk import Reference, Stack, Tokenization
from aws_cdk import aws_iam as iam

from constructs_lib.infrastructure.iam.acknowledgements import acknowledge
from constructs_lib.infrastructure.iam.arns import ACCOUNT
from constructs_lib.infrastructure.iam.batches import split

_MOST_CHARACTERS: Final = 6_000
"""Of the statements of a policy; IAM takes 6,144 in a managed policy without white space."""
_TOKEN: Final = re.compile(r"\$\{Token\[[^\]]+\]\}")
"""How CDK writes a value in a text that is known only later."""


@dataclass(frozen=True)
class Statement:
    """What a role may do: a statement with the effect ``Allow``."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    """ARNs, with CDK tokens or without."""
    conditions: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the statement as it stands in a policy."""
        statement = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        return {**statement, "Condition": self.conditions} if self.conditions else statement


@cache
def service_for_this_account(name: str) -> iam.ServicePrincipal:
    """Return a service as who assumes a role, but not on behalf of another account.

    Args:
        name: Such as ``sagemaker.amazonaws.com``.
    """
    return iam.ServicePrincipal(name, conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT}})


def grant(role: iam.Role, statements: Iterable[Statement], *, wildcards: Mapping[str, str]) -> None:
    """Give a role a policy of its own, or several where one would be too long.

    Args:
        role: The role.
        statements: What it may do.
        wildcards: Why the resources of a statement cannot be named in full, by its ``Sid``.
    """
    # Few roles need a second one.
    for number, part in enumerate(split(statements, _MOST_CHARACTERS, _length)):
        _add_policy(role, f"Policy{number + 1}" if number else "Policy", part, wildcards)


def _length(statement: Statement) -> int:
    """Return how many characters of a policy a statement takes at most, with its comma."""
    text = json.dumps(statement.to_json(), separators=(",", ":"))
    return len(_TOKEN.sub(_longest_value, text)) + 1


def _longest_value(token: re.Match[str]) -> str:
    """Stand in for a value: a partition or an account, or else the ARN of a bucket or a key."""
    return "x" * (12 if "AWS." in token[0] else 90)


def _add_policy(
    role: iam.Role,
    construct_id: str,
    statements: Sequence[Statement],
    wildcards: Mapping[str, str],
) -> None:
    document = {"Version": "2012-10-17", "Statement": [each.to_json() for each in statements]}
    policy = iam.ManagedPolicy(
        role, construct_id, document=iam.PolicyDocument.from_json(document), roles=[role]
    )
    acknowledge(policy, lambda: _accepted_wildcards(role.stack, statements, wildcards))


def _accepted_wildcards(
    stack: Stack, statements: Sequence[Statement], wildcards: Mapping[str, str]
) -> dict[str, str]:
    reasons: dict[str, list[str]] = {}
    for each in statements:
        for resource in each.resources if each.sid in wildcards else ():
            if "*" in resource:
                rule = f"AwsSolutions-IAM5[Resource::{_as_in_template(stack, resource)}]"
                reasons.setdefault(rule, []).append(wildcards[each.sid])
    # Several statements may name the same resource, each for a reason of its own.
    return {rule: "; ".join(dict.fromkeys(why)) for rule, why in reasons.items()}


def _as_in_template(stack: Stack, resource: str) -> str:
    """Write a resource as cdk-nag does: as it stands in the template."""
    return _TOKEN.sub(lambda match: _value(stack, match[0]), resource)


def _value(stack: Stack, token: str) -> str:
    owner = _owner(token)
    if owner is not None and owner != stack:
        return _import(owner, token)
    if token not in _WRITTEN:
        _WRITTEN[token] = _flat(stack.resolve(token))
    return _WRITTEN[token]


_WRITTEN: Final[dict[str, str]] = {}
"""Values as in the template of their own stack, or of any stack where nothing owns them."""


@cache
def _owner(token: str) -> Stack | None:
    """Return the stack to whose resource a value refers."""
    [value] = Tokenization.reverse_string(token).tokens
    return Stack.of(value.target) if isinstance(value, Reference) else None


@cache
def _import(owner: Stack, token: str) -> str:
    """Write the import that synthesis will make of a value in every other stack."""
    return _flat(owner.resolve(owner.export_value(token)))


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        delimiter, parts = value["Fn::Join"]
        return str(delimiter).join(map(_flat, parts))
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    if "Fn::ImportValue" in value:
        return _flat(value["Fn::ImportValue"])
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([^}]+)\}", r"<\1>", value["Fn::Sub"])
    if "Ref" in value:
        return f"<{value['Ref']}>"
    return json.dumps(value, separators=(",", ":"))
