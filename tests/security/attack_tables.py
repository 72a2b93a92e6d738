"""The tables of ``docs/security.md`` about attackers."""

from __future__ import annotations

from collections.abc import Mapping

from tests.security.attackers import ATTACKERS, HOSTILE, allowed_calls, refusals
from tests.security.proof import Proof
from tests.security.tables import table


def attackers(proofs: Mapping[str, Proof]) -> str:
    """Who controls what, as whom they act, and how many hostile calls they are allowed."""
    rows = []
    for each in ATTACKERS:
        allowed = [f"to {name}" for name in allowed_calls(proofs[each.deployment], each)]
        calls = f"{len(allowed)} of {len(HOSTILE)}" if each.role else "none to make"
        told = f"{calls}: {', '.join(allowed)}" if allowed else calls
        rows.append([each.controls, each.acts_as, _credentials(each.role), told, each.reaches])
    header = ["controls", "acts as", "credentials", "hostile calls allowed", "reaches"]
    return table(header, rows)


def _credentials(role: str) -> str:
    return f"`{role}`" if role else "none"


def hostile_calls(proofs: Mapping[str, Proof]) -> str:
    """Every hostile call, and which role is allowed it."""
    roles = {each.role: proofs[each.deployment] for each in ATTACKERS if each.role}
    allowed = {
        each.role: allowed_calls(proofs[each.deployment], each) for each in ATTACKERS if each.role
    }
    header = ["hostile call", "action", *(f"`{role}`" for role in roles)]
    return table(
        header,
        [
            [name, f"`{action}`", *("allowed" if name in allowed[r] else "refused" for r in roles)]
            for name, (action, _, _) in HOSTILE.items()
        ],
    )


def parameters(proof: Proof) -> str:
    """Where executions with hostile parameters end."""
    return table(
        ["whoever starts an execution wants", "parameter", "ends in", "refused"],
        [
            [each.wish, f"`{each.parameter}`", each.step, f"`{each.action}`"]
            for each in refusals(proof)
        ],
    )
