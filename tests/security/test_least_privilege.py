from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.security.calls import Call
from tests.security.conftest import Synthesized
from tests.security.deployment import ACCOUNT
from tests.security.evaluator import Request, evaluate
from tests.security.proof import Proof, without_each_statement

_SSE = "s3:x-amz-server-side-encryption"
_TLS = {"aws:SecureTransport": "true"}
_OTHER_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/99999999-2222-3333-4444-555555555555"


@pytest.fixture(scope="module", params=["shipped", "extended"])
def proof(request: pytest.FixtureRequest) -> Proof:
    synthesized: Synthesized = request.getfixturevalue(request.param)
    return Proof(synthesized.deployment)


def test_every_call_of_every_step_is_allowed(proof: Proof) -> None:
    requests = [proof.request(call) for call in proof.calls]

    refused = [
        (request.name, request.action, request.resource)
        for request, allowed in zip(requests, evaluate(requests), strict=True)
        if not allowed
    ]
    assert len(requests) > 100
    assert refused == []


def test_no_statement_can_be_taken_away(proof: Proof) -> None:
    needless = []
    variants = [*_roles_without(proof), *_endpoint_without(proof)]
    requests = [request for _, batch in variants for request in batch]
    results = iter(evaluate(requests))
    for name, batch in variants:
        answers = [next(results) for _ in batch]
        if all(answers):
            needless.append(name)

    assert needless == []


def _roles_without(proof: Proof) -> list[tuple[str, list[Request]]]:
    variants = []
    for role in (proof.execution_role, proof.function_role):
        calls = [c for c in proof.calls if c.function == (role is proof.function_role)]
        (policy,) = proof.identity_policies(role)
        for statement, rest in without_each_statement(policy):
            if statement["Sid"] == "WriteLogs" and role is proof.function_role:
                continue  # the runtime's calls; checked by their own test
            concerned = [c for c in calls if c.action in _actions(statement)]
            batch = [proof.request(call, identity_policies=[rest]) for call in concerned]
            variants.append((f"{role.logical_id} {statement['Sid']}", batch))
    return variants


def _endpoint_without(proof: Proof) -> list[tuple[str, list[Request]]]:
    calls = [call for call in proof.calls if call.in_vpc]
    return [
        (
            f"endpoint {statement['Sid']}",
            [proof.request(c, endpoint_policy=rest) for c in calls],
        )
        for statement, rest in without_each_statement(proof.endpoint_policy)
    ]


def _actions(statement: dict[str, Any]) -> list[str]:
    actions = statement["Action"]
    return [actions] if isinstance(actions, str) else list(actions)


def _put(proof: Proof, **headers: str) -> Call:
    resource = f"{proof.artifact_bucket.arn}/returns-risk/releases/1/model.tar.gz"
    return Call(step="", action="s3:PutObject", resource=resource, context=_TLS | headers)


def _sse(**values: str) -> dict[str, str]:
    names = {"algorithm": _SSE, "key": f"{_SSE}-aws-kms-key-id"}
    return {names.get(name, f"{_SSE}-customer-algorithm"): value for name, value in values.items()}


def _refused_encryption(proof: Proof) -> dict[str, Call]:
    return {
        "other algorithm": _put(proof, **_sse(algorithm="AES256")),
        "other key": _put(proof, **_sse(algorithm="aws:kms", key=_OTHER_KEY)),
        "key that AWS manages": _put(proof, **_sse(algorithm="aws:kms")),
        "key of the customer's": _put(proof, **_sse(customer="AES256")),
        "plain HTTP": dataclasses.replace(_put(proof), context={"aws:SecureTransport": "false"}),
    }


def test_objects_are_written_under_the_apps_key_or_without_naming_one(proof: Proof) -> None:
    accepted = [_put(proof), _put(proof, **_sse(algorithm="aws:kms", key=proof.key.arn))]

    assert evaluate([proof.request(call) for call in accepted]) == [True, True]


def test_other_encryption_and_plain_http_are_refused(proof: Proof) -> None:
    refused = _refused_encryption(proof)

    results = evaluate([proof.request(call) for call in refused.values()])
    assert dict(zip(refused, results, strict=True)) == dict.fromkeys(refused, False)


def test_no_statement_of_the_bucket_policy_can_be_taken_away(proof: Proof) -> None:
    policy = proof.resource_policy(proof.artifact_bucket.arn)
    assert policy is not None
    refused = _refused_encryption(proof).values()

    for statement, rest in without_each_statement(policy):
        requests = [proof.request(call, resource_policy=rest) for call in refused]
        assert any(evaluate(requests)), f"nothing is allowed without {statement}"


_RELEASE = "arn:aws:s3:::elsewhere/returns-risk/model.tar.gz"
_FORBIDDEN = [
    ("s3:GetObject", _RELEASE, {}),
    ("s3:PutObject", _RELEASE, {}),
    ("s3:GetObject", "{bucket}/another-pipeline/releases/1/model.tar.gz", {}),
    ("s3:PutObject", "{bucket}/incoming/returns-risk/model.tar.gz", {}),
    ("s3:PutObject", "{bucket}/another-pipeline/releases/1/model.tar.gz", {}),
    ("s3:DeleteObject", "{bucket}/returns-risk/releases/1/model.tar.gz", {}),
    ("s3:DeleteObjectVersion", "{bucket}/returns-risk/releases/1/model.tar.gz", {}),
    ("s3:DeleteBucket", "{bucket}", {}),
    ("s3:PutBucketPolicy", "{bucket}", {}),
    ("s3:PutBucketLogging", "{bucket}", {}),
    ("s3:PutEncryptionConfiguration", "{bucket}", {}),
    ("s3:PutBucketVersioning", "{bucket}", {}),
    ("kms:Decrypt", _OTHER_KEY, {}),
    ("kms:ScheduleKeyDeletion", "{key}", {}),
    ("kms:PutKeyPolicy", "{key}", {}),
    ("kms:CreateGrant", "{key}", {"kms:GrantIsForAWSResource": "false"}),
    (
        "iam:PassRole",
        "arn:aws:iam::{account}:role/Administrator",
        {"iam:PassedToService": "sagemaker.amazonaws.com"},
    ),
    ("iam:PassRole", "{role}", {"iam:PassedToService": "lambda.amazonaws.com"}),
    ("iam:PutRolePolicy", "{role}", {}),
    ("iam:CreatePolicyVersion", "arn:aws:iam::{account}:policy/any", {}),
    ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:{account}:function:another", {}),
    ("lambda:UpdateFunctionCode", "{function}", {}),
    (
        "sagemaker:StartPipelineExecution",
        "arn:aws:sagemaker:us-east-1:{account}:pipeline/another",
        {},
    ),
    (
        "sagemaker:UpdatePipeline",
        "arn:aws:sagemaker:us-east-1:{account}:pipeline/returns-risk",
        {},
    ),
    (
        "sagemaker:CreateModelPackage",
        "arn:aws:sagemaker:us-east-1:{account}:model-package/another/1",
        {},
    ),
    (
        "sagemaker:UpdateModelPackage",
        "arn:aws:sagemaker:us-east-1:{account}:model-package/returns-risk/1",
        {},
    ),
    (
        "sagemaker:DeleteModelPackage",
        "arn:aws:sagemaker:us-east-1:{account}:model-package/returns-risk/1",
        {},
    ),
    ("sagemaker:CreateEndpoint", "arn:aws:sagemaker:us-east-1:{account}:endpoint/any", {}),
    ("ecr:PutImage", "arn:aws:ecr:us-east-1:{account}:repository/any", {}),
    ("logs:DeleteLogGroup", "arn:aws:logs:us-east-1:{account}:log-group:any", {}),
    ("ec2:DeleteFlowLogs", "arn:aws:ec2:us-east-1:{account}:vpc-flow-log/fl-1", {}),
    ("cloudtrail:StopLogging", "arn:aws:cloudtrail:us-east-1:{account}:trail/any", {}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Another"}),
]
"""What neither role may do: action, resource and context."""


_EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
_REFUSED_BY_KEY_POLICIES = {"kms:CreateGrant", "kms:Decrypt"}


def _forbidden(proof: Proof, *, function: bool) -> list[Call]:
    functions = proof.deployment.of_type("AWS::Lambda::Function", "pipeline-returns-risk")
    names = {
        "account": ACCOUNT,
        "bucket": proof.artifact_bucket.arn,
        "function": next(functions).arn,
        "key": proof.key.arn,
        "role": proof.execution_role.arn,
    }
    return [
        Call(
            step="",
            action=action,
            resource=resource.format(**names),
            context=context | (_TLS if action.startswith("s3:") else {}),
            function=function,
        )
        for action, resource, context in _FORBIDDEN
    ]


@pytest.mark.parametrize("role", ["execution", "function"])
def test_what_no_step_does_is_refused(proof: Proof, role: str) -> None:
    calls = _forbidden(proof, function=role == "function")

    answers = evaluate([proof.request(call) for call in calls])
    allowed = [
        (call.action, call.resource) for call, answer in zip(calls, answers, strict=True) if answer
    ]
    assert allowed == []


def test_it_is_the_roles_policy_that_refuses_it(proof: Proof) -> None:
    calls = _forbidden(proof, function=False)

    requests = [proof.request(call, identity_policies=[_EVERYTHING]) for call in calls]
    refused = {
        call.action for call, answer in zip(calls, evaluate(requests), strict=True) if not answer
    }
    assert refused == _REFUSED_BY_KEY_POLICIES


def test_another_accounts_registry_is_refused(proof: Proof) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:999999999999:model-package/returns-risk/1"
    call = Call(
        step="", action="sagemaker:CreateModelPackage", resource=arn, context={}, function=True
    )

    request = dataclasses.replace(proof.request(call), account="999999999999")
    assert evaluate([request]) == [False]


def test_the_endpoint_lets_no_data_out_to_other_buckets_or_accounts(proof: Proof) -> None:
    put = dataclasses.replace(_put(proof), in_vpc=True)
    own, other = {"aws:PrincipalAccount": ACCOUNT}, {"aws:PrincipalAccount": "999999999999"}
    calls = [
        dataclasses.replace(put, context={**_TLS, **own}),
        dataclasses.replace(put, resource=_RELEASE, context={**_TLS, **own}),
        dataclasses.replace(put, context={**_TLS, **other}),
    ]

    requests = [proof.request(call, identity_policies=[_EVERYTHING]) for call in calls]
    assert evaluate(requests) == [True, False, False]


@pytest.mark.parametrize(
    ("role", "service", "account", "allowed"),
    [
        ("ExecutionRole", "sagemaker", ACCOUNT, True),
        ("ExecutionRole", "sagemaker", "999999999999", False),
        ("ExecutionRole", "lambda", ACCOUNT, False),
        ("ExecutionRole", "ec2", ACCOUNT, False),
        ("RegistrationFunctionRole", "lambda", ACCOUNT, True),
        ("RegistrationFunctionRole", "sagemaker", ACCOUNT, False),
    ],
)
def test_only_its_own_service_assumes_a_role(
    proof: Proof, role: str, service: str, account: str, *, allowed: bool
) -> None:
    resource = proof.role(role)
    request = Request(
        principal=f"{service}.amazonaws.com",
        action="sts:AssumeRole",
        resource=resource.arn,
        account=ACCOUNT,
        context={"aws:SourceAccount": account},
        resource_policy=resource.properties["AssumeRolePolicyDocument"],
    )

    assert evaluate([request]) == [allowed]


def test_the_functions_runtime_writes_its_own_logs_only(proof: Proof) -> None:
    groups = list(proof.deployment.of_type("AWS::Logs::LogGroup", "pipeline-returns-risk"))
    own = groups[0].arn.removesuffix(":*") + ":log-stream:1"
    other = own.replace("RegistrationFunction", "Another")
    calls = [
        Call(step="", action="logs:PutLogEvents", resource=arn, context={}, function=True)
        for arn in (own, other)
    ]

    assert evaluate([proof.request(call) for call in calls]) == [True, False]


def test_key_policies_name_accounts_and_services_and_no_wildcard(proof: Proof) -> None:
    for key in proof.deployment.of_type("AWS::KMS::Key"):
        for statement in key.properties["KeyPolicy"]["Statement"]:
            assert "*" not in str(statement["Principal"])
            assert not [action for action in _actions(statement) if "*" in action]


def test_nobody_uses_a_key_beyond_its_key_policy(proof: Proof) -> None:
    contexts: dict[str, dict[str, str | list[str]]] = {
        "kms:PutKeyPolicy": {},
        "kms:Decrypt": {},
        "kms:CreateGrant": {"kms:GrantIsForAWSResource": "true"},
        "kms:ReplicateKey": {},
        "kms:Sign": {},
    }
    requests = [
        Request(
            principal=f"arn:aws:iam::{ACCOUNT}:role/Administrator",
            action=action,
            resource=proof.key.arn,
            account=ACCOUNT,
            context=context,
            identity_policies=[_EVERYTHING],
            resource_policy=proof.key.properties["KeyPolicy"],
        )
        for action, context in contexts.items()
    ]

    assert evaluate(requests) == [True, True, True, False, False]
