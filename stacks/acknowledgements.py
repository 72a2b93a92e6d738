"""Findings of the security rule packs that are accepted, each with its reason beside the resource.

The rules are those of cdk-nag; ``tests/security/test_rule_packs.py`` applies them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aws_cdk import Acknowledgment, Reference, Stack, Tokenization, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct

_TOKEN: Final = re.compile(r"\$\{Token\[[^\]]+\]\}")
"""How CDK writes a value in a text that is known only later."""


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
        resource: wildcards[sid]
        for statement in statements
        if (sid := statement.sid or "") in wildcards
        for resource in statement.resources
        # Before it is resolved: that takes calls to Node.
        if "*" in resource
    }
    written = _as_in_templates(Stack.of(role), list(reasons))
    acknowledge(
        policy,
        {
            f"AwsSolutions-IAM5[Resource::{resource}]": reason
            for resource, reason in zip(written, reasons.values(), strict=True)
        },
    )
    return policy


def _as_in_templates(stack: Stack, resources: list[str]) -> list[str]:
    """Write resources as cdk-nag does: as in the template, with imports from other stacks."""
    tokens = sorted({token for resource in resources for token in _TOKEN.findall(resource)})
    imports = {token: _import_from_other_stack(stack, token) for token in tokens}
    imported = [_TOKEN.sub(lambda match: imports[match[0]], resource) for resource in resources]
    return [_flat(resource) for resource in stack.resolve(imported)]


def _import_from_other_stack(stack: Stack, token: str) -> str:
    """Return the import that synthesis will make of a value of another stack, else the value."""
    [value] = Tokenization.reverse_string(token).tokens
    if isinstance(value, Reference) and Stack.of(value.target) != stack:
        return str(Stack.of(value.target).export_value(token))
    return token


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
