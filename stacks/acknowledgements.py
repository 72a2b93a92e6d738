"""Findings of the security rule packs that are accepted, each with its reason beside the resource.

The rules are those of cdk-nag; ``tests/security/test_rule_packs.py`` applies them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aws_cdk import Acknowledgment, Reference, Stack, Tokenization, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings of a construct.

    Args:
        construct: The construct; what is below it is included.
        reasons: Why each finding is accepted, by ``<rule pack>-<rule>``.
    """
    Validations.of(construct).acknowledge(
        *(
            Acknowledgment(id=f"{rule.split('-')[0]}::{rule}", reason=reason)
            for rule, reason in reasons.items()
        )
    )


def grant(
    role: iam.Role, statements: Iterable[iam.PolicyStatement], *, wildcards: Mapping[str, str]
) -> iam.ManagedPolicy:
    """Give a role a policy of its own.

    Args:
        role: The role.
        statements: What it may do.
        wildcards: Why the resources of a statement cannot be named in full, by its ``Sid``.
    """
    statements = list(statements)
    policy = iam.ManagedPolicy(role, "Policy", statements=statements, roles=[role])
    reasons = {
        f"AwsSolutions-IAM5[Resource::{resource}]": wildcards[statement.sid]
        for statement in statements
        if statement.sid and statement.sid in wildcards
        for resource in _resources(Stack.of(role), statement)
        if "*" in resource
    }
    acknowledge(policy, reasons)
    return policy


def _resources(stack: Stack, statement: iam.PolicyStatement) -> Iterator[str]:
    """Write the resources of a statement as cdk-nag does."""
    for resource in statement.resources:
        yield _flat(stack.resolve(_import_from_other_stacks(stack, resource)))


def _import_from_other_stacks(stack: Stack, text: str) -> str:
    """Replace values of other stacks by the imports that synthesis will make of them."""
    fragments = Tokenization.reverse_string(text)
    for token in fragments.tokens:
        if isinstance(token, Reference) and Stack.of(token.target) != stack:
            exported = Stack.of(token.target).export_value(token.to_string())
            text = text.replace(token.to_string(), exported)
    return text


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
    if "Ref" in value:
        return f"<{value['Ref']}>"
    return json.dumps(value, separators=(",", ":"))
