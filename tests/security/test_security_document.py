"""``docs/security.md`` tells what the code and the proofs say: ``make security-tables``.

The tables stand between ``<!-- table:<name> -->`` and ``<!-- /table -->``.
"""

from __future__ import annotations

import re

import pytest

from tests.security import attack_tables, tables
from tests.security.conftest import Synthesized
from tests.security.evaluator import ROOT
from tests.security.proof import Proof
from tests.security.reasons import REASONS, RESOURCE_POLICIES

_DOCUMENT = ROOT / "docs" / "security.md"
_BLOCK = re.compile(r"(<!-- table:(?P<name>[\w-]+) -->\n).*?(<!-- /table -->)", re.DOTALL)


@pytest.fixture(scope="module")
def written(
    proofs: dict[str, Proof], synthesized: dict[str, Synthesized], exposed: Synthesized
) -> dict[str, str]:
    """Every table by its name."""
    attacked = {**proofs, "exposed": Proof(exposed.deployment)}
    findings = [each for one in synthesized.values() for each in one.accepted_findings]
    return {
        "figures": tables.figures(proofs),
        "refused": tables.refused(proofs),
        "service-calls": tables.service_calls(),
        "statements": tables.statements(proofs),
        "resource-policies": tables.resource_policies(proofs),
        "rule-packs": tables.rule_packs(
            {
                name: (
                    len(one.deployment.templates),
                    len(one.deployment.resources),
                    sum(len(pack["violations"]) for pack in one.report["pluginReports"]),
                    len(one.accepted_findings),
                )
                for name, one in synthesized.items()
            }
        ),
        "accepted": tables.accepted(findings),
        "inputs": tables.inputs(),
        "attackers": attack_tables.attackers(attacked),
        "hostile-calls": attack_tables.hostile_calls(attacked),
        "hostile-parameters": attack_tables.parameters(proofs["shipped"]),
    }


def test_the_tables_are_current(written: dict[str, str], request: pytest.FixtureRequest) -> None:
    text = _DOCUMENT.read_text()
    current = _BLOCK.sub(lambda block: f"{block[1]}{written[block['name']]}\n{block[3]}", text)
    if request.config.getoption("--update-security-tables", default=False):
        _DOCUMENT.write_text(current)
        text = current

    assert {block["name"] for block in _BLOCK.finditer(text)} == set(written)
    assert text == current, "docs/security.md is not current: make security-tables"


def test_every_statement_has_a_reason_and_every_reason_a_statement(
    proofs: dict[str, Proof],
) -> None:
    policies = [policy for proof in proofs.values() for policy in proof.policies]
    of_roles = {
        (tables.role_name(policy), statement["Sid"])
        for policy in policies
        if policy.kind == "role"
        for statement in policy.statements
    }
    of_resources = {
        (policy.kind, tables.statement_name(policy, statement))
        for policy in policies
        if policy.kind != "role"
        for statement in policy.statements
    }

    assert of_roles ^ REASONS.keys() == set()
    assert of_resources ^ RESOURCE_POLICIES.keys() == set()
