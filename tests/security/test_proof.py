"""The proof finds what is too much and what is too little, in templates that were changed."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.security.deployment import Deployment
from tests.security.forbidden import ForbiddenCalls
from tests.security.proof import PIPELINE_STACK, Proof
from tests.security.removals import Removals

Statements = list[dict[str, Any]]
Change = Callable[..., Proof]


@pytest.fixture
def changed(proofs: dict[str, Proof]) -> Change:
    """Change the statements of the pipeline's role, or of its jobs' role."""

    def change(edit: Callable[[Statements], None], role: str = "ExecutionRole") -> Proof:
        deployment: Deployment = proofs["shipped"].deployment
        templates = copy.deepcopy(dict(deployment.templates))
        (policy,) = (
            resource
            for name, resource in templates[PIPELINE_STACK]["Resources"].items()
            if name.startswith(f"{role}Policy")
        )
        edit(policy["Properties"]["PolicyDocument"]["Statement"])
        return Proof(dataclasses.replace(deployment, templates=templates))

    return change


def _statement(statements: Statements, sid: str) -> dict[str, Any]:
    return next(each for each in statements if each["Sid"] == sid)


def _needless(proof: Proof) -> list[str]:
    removals = Removals(proof)
    tried = [*removals.allowing_statements(), *removals.parts_of_roles()]
    return [name.partition(": ")[2] for name in removals.needless(tried)]


def test_a_needless_statement_is_found(changed: Change) -> None:
    extra = {"Sid": "Extra", "Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "*"}

    assert _needless(changed(lambda statements: statements.append(extra))) == ["Extra"]


def test_a_statement_that_another_one_covers_is_found(changed: Change) -> None:
    def repeat(statements: Statements) -> None:
        statements.append({**_statement(statements, "PullImages"), "Sid": "Again"})

    assert {"PullImages", "Again"} <= set(_needless(changed(repeat, "JobRole")))


def test_a_needless_action_and_a_needless_resource_are_found(changed: Change) -> None:
    def widen(statements: Statements) -> None:
        statement = _statement(statements, "RunJobs")
        statement["Action"].append("sagemaker:DeleteModel")
        statement["Resource"].append("arn:aws:sagemaker:us-east-1:123456789012:endpoint/*")

    assert _needless(changed(widen)) == [
        "RunJobs without sagemaker:DeleteModel",
        "RunJobs without arn:aws:sagemaker:us-east-1:123456789012:endpoint/*",
    ]


def test_a_call_that_is_not_allowed_any_more_is_found(changed: Change) -> None:
    def narrow(statements: Statements) -> None:
        _statement(statements, "PassJobRole")["Condition"] = {
            "StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}
        }

    proof = changed(narrow)

    refused = {
        call.action
        for call, allowed in zip(proof.calls, proof.allowed(proof.calls), strict=True)
        if not allowed
    }
    assert refused == {"iam:PassRole"}


def test_a_resource_that_is_too_wide_allows_what_is_forbidden(changed: Change) -> None:
    def widen(statements: Statements) -> None:
        _statement(statements, "WriteOutputs")["Resource"] = "*"

    proof = changed(widen, "JobRole")
    forbidden = [call for calls in ForbiddenCalls(proof).by_kind().values() for call in calls]

    allowed = {
        (call.action, call.resource)
        for call, answer in zip(forbidden, proof.allowed(forbidden), strict=True)
        if answer
    }
    assert ("s3:PutObject", "arn:aws:s3:::another-bucket/model.tar.gz") in allowed


def test_a_role_that_nothing_needs_is_found(proofs: dict[str, Proof]) -> None:
    deployment = proofs["shipped"].deployment
    templates = copy.deepcopy(dict(deployment.templates))
    resources = templates[PIPELINE_STACK]["Resources"]
    role = next(name for name in resources if name.startswith("ExecutionRole6"))
    resources["Spare"] = resources[role]
    proof = Proof(dataclasses.replace(deployment, templates=templates))

    with pytest.raises(ValueError, match="not enough values to unpack"):
        _ = proof.calls
