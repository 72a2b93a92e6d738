"""The one way in which this app makes a Lambda function out of one of its scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib.infrastructure.iam.acknowledgements import acknowledge
from constructs_lib.infrastructure.iam.policies import Statement, grant
from constructs_lib.infrastructure.log_retention import log_retention
from constructs_lib.settings import Settings

if TYPE_CHECKING:
    from aws_cdk import aws_sqs as sqs

_SCRIPTS: Final = Path(__file__).parents[1] / "jobs"
_RUNTIME: Final = lambda_.Runtime.PYTHON_3_13
_LAMBDA: Final = iam.ServicePrincipal("lambda.amazonaws.com")
_TESTED_RUNTIME: Final = {
    "AwsSolutions-L1": "Runs what the tests run; a later runtime is a change to test first"
}


def job_function(
    scope: Construct,
    *,
    settings: Settings,
    script: str,
    description: str,
    encryption_key: kms.IKey,
    statements: Sequence[Statement],
    wildcards: Mapping[str, str],
    accepted_findings: Mapping[str, str],
    timeout: Duration,
    memory_size: int,
    environment: Mapping[str, str] | None = None,
    dead_letters: sqs.Queue | None = None,
) -> lambda_.Function:
    """Create a function outside the VPC, its role (``Role``) and its log group (``Logs``).

    Args:
        scope: Parent construct; has one such function.
        settings: The app's settings.
        script: File in ``constructs_lib/jobs`` with a function ``handler``.
        description: What the function does.
        encryption_key: Key of the logs.
        statements: What the function may do beside writing its logs and dead letters.
        wildcards: Why the resources of a statement cannot be named in full, by its ``Sid``.
        accepted_findings: Findings of the security rule packs, each with its reason.
        timeout: How long a call may take.
        memory_size: MB.
        environment: Environment variables.
        dead_letters: Where asynchronous calls end that failed three times.
    """
    log_group = logs.LogGroup(
        scope,
        "Logs",
        encryption_key=encryption_key,
        retention=log_retention(settings.log_retention_days),
        removal_policy=RemovalPolicy.DESTROY,
    )
    role = iam.Role(
        scope,
        "Role",
        assumed_by=_LAMBDA,
        description=description,
    )
    function = lambda_.Function(
        scope,
        "Function",
        description=description,
        runtime=_RUNTIME,
        handler=f"{Path(script).stem}.handler",
        code=lambda_.Code.from_asset(
            str(_SCRIPTS),
            exclude=["*", f"!{script}"],
            ignore_mode=IgnoreMode.GIT,
            # As in ``assets.py``.
            asset_hash=hashlib.sha256((_SCRIPTS / script).read_bytes()).hexdigest(),
        ),
        role=role.without_policy_updates(),
        timeout=timeout,
        memory_size=memory_size,
        log_group=log_group,
        dead_letter_queue=dead_letters,
        environment=dict(environment) if environment else None,
    )
    acknowledge(function, {**_TESTED_RUNTIME, **accepted_findings})
    grant(role, [*statements, *_own_statements(log_group, dead_letters)], wildcards=wildcards)
    return function


def _own_statements(log_group: logs.LogGroup, dead_letters: sqs.Queue | None) -> list[Statement]:
    write_logs = Statement(
        sid="WriteLogs",
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],
    )
    if dead_letters is None:
        return [write_logs]
    keep = Statement(
        sid="KeepDeadLetters",
        actions=["sqs:SendMessage"],
        resources=[dead_letters.queue_arn],
    )
    return [write_logs, keep]
