"""What whoever controls a part of a release can do with it, call by call."""

from __future__ import annotations

import pytest

from tests.security.attackers import (
    ATTACKERS,
    HOSTILE,
    PARAMETERS,
    allowed_calls,
    isolated_steps,
    refusals,
)
from tests.security.conftest import Synthesized
from tests.security.proof import Proof
from tests.security.removals import Removals


@pytest.fixture(scope="module")
def attacked(proofs: dict[str, Proof], exposed: Synthesized) -> dict[str, Proof]:
    return {**proofs, "exposed": Proof(exposed.deployment)}


def test_no_attacker_is_allowed_a_hostile_call(attacked: dict[str, Proof]) -> None:
    allowed = {
        attacker.controls: names
        for attacker in ATTACKERS
        if (names := allowed_calls(attacked[attacker.deployment], attacker))
    }

    assert len(HOSTILE) == 11
    assert allowed == {}


def test_who_has_no_credentials_acts_in_isolated_containers(attacked: dict[str, Proof]) -> None:
    for attacker in ATTACKERS:
        assert not (attacker.steps and attacker.role)
        assert set(attacker.steps) <= set(isolated_steps(attacked[attacker.deployment]))

    assert isolated_steps(attacked["exposed"]) == ["Package", "Verify"]  # not Train


def test_every_hostile_parameter_ends_the_execution(proofs: dict[str, Proof]) -> None:
    found = list(refusals(proofs["shipped"]))

    assert [each.wish for each in found] == list(PARAMETERS)


def test_what_is_not_isolated_is_allowed_no_more_than_it_needs(
    attacked: dict[str, Proof],
) -> None:
    proof = attacked["exposed"]
    removals = Removals(proof)

    assert all(proof.allowed(proof.calls))
    assert removals.needless(removals.allowing_statements()) == []
    assert removals.needless(removals.parts_of_roles()) == []
