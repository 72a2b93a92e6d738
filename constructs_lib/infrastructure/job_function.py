"""The one way in which this app makes a Lambda function out of one of its scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, IgnoreMode
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from constructs_lib.infrastructure.dead_letters import keep_dead_letters
from constructs_lib.infrastructure.iam.acknowledgements import acknowledge
from constructs_lib.infrastructure.iam.policies import Statement, grant
from constructs_lib.infrastructure.log_groups import LogOptions, log_group

if TYPE_CHECKING:
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_sqs as sqs

_SCRIPTS: Final = Path(__file__).parents[1] / "jobs"
_RUNTIME: Final = lambda_.Runtime.PYTHON_3_13
_LAMBDA: Final = iam.ServicePrincipal("lambda.amazonaws.com")
_TESTED_RUNTIME: Final = {
    "AwsSolutions-L1": "Runs what the tests run; a later runtime is a change to test first"
}


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """What a function runs, and with what."""

    script: str
    """File or package in ``constructs_lib/jobs`` with a function ``handler``."""
    description: str
    """What the function does."""
    timeout_minutes: int = 1
    """How long a call may take."""
    memory_megabytes: int = 256
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables."""


@dataclass(frozen=True, kw_only=True)
class PermissionSet:
    """What a function may do, and why that is no less."""

    statements: Sequence[Statement]
    """Beside writing its logs and dead letters."""
    wildcards: Mapping[str, str]
    """Why the resources of a statement cannot be named in full, by its ``Sid``."""
    accepted_findings: Mapping[str, str] = field(default_factory=dict)
    """Findings of the security rule packs about the function, each with its reason."""


def job_function(
    scope: Construct,
    *,
    spec: FunctionSpec,
    permissions: PermissionSet,
    log_options: LogOptions,
    dead_letters: sqs.Queue | None = None,
) -> lambda_.Function:
    """Create a function outside the VPC, its role (``Role``) and its log group (``Logs``).

    Args:
        scope: Parent construct; has one such function.
        spec: What it runs.
        permissions: What it may do.
        log_options: How its logs are kept.
        dead_letters: Where asynchronous calls end that failed three times.
    """
    group = log_group(scope, "Logs", log_options)
    role = iam.Role(scope, "Role", assumed_by=_LAMBDA, description=spec.description)
    function = lambda_.Function(
        scope,
        "Function",
        description=spec.description,
        runtime=_RUNTIME,
        handler=f"{Path(spec.script).stem}.handler",
        code=_code(spec.script),
        role=role.without_policy_updates(),
        timeout=Duration.minutes(spec.timeout_minutes),
        memory_size=spec.memory_megabytes,
        log_group=group,
        dead_letter_queue=dead_letters,
        environment=dict(spec.environment) or None,
    )
    acknowledge(function, {**_TESTED_RUNTIME, **permissions.accepted_findings})
    statements = [*permissions.statements, *_own_statements(group, dead_letters)]
    grant(role, statements, wildcards=permissions.wildcards)
    return function


def _code(script: str) -> lambda_.Code:
    files = _files(script)
    return lambda_.Code.from_asset(
        str(_SCRIPTS),
        exclude=["*", f"!{script}", *(f"!{name}" for name in files)],
        ignore_mode=IgnoreMode.GIT,
        # As in ``assets.py``.
        asset_hash=_digest(files.values()),
    )


def _files(script: str) -> dict[str, bytes]:
    """Read a script, or the modules of a package, by their paths below the folder."""
    path = _SCRIPTS / script
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    return {file.relative_to(_SCRIPTS).as_posix(): file.read_bytes() for file in files}


def _digest(contents: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def _own_statements(log_group: logs.LogGroup, dead_letters: sqs.Queue | None) -> list[Statement]:
    write_logs = Statement(
        sid="WriteLogs",
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[log_group.log_group_arn],
    )
    return [write_logs, *([keep_dead_letters(dead_letters)] if dead_letters else [])]
