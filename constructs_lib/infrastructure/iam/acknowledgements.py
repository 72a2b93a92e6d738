"""Findings of the security rule packs that are accepted, each with its reason beside the resource.

The rules are those of cdk-nag; ``tests/security/test_rule_packs.py`` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
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
