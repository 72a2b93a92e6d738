"""The one way in which this app makes a Lambda function out of one of its scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
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
_ROOMS: Final = {
    "deploy_model": (
        *("common/errors.py", "common/texts.py", "common/serving", "register_model"),
        *("verify_model/answers", "verify_model/findings.py", "verify_model/payloads.py"),
    ),
}
"""What a package imports of other jobs, and is shipped with."""
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
        handler=_handler(spec.script),
        code=_code(spec.script),
        # CDK would let it write dead letters in a policy of its own; all else it leaves alone.
        role=role.without_policy_updates() if dead_letters else role,
        timeout=_minutes(spec.timeout_minutes),
        memory_size=spec.memory_megabytes,
        log_group=group,
        dead_letter_queue=dead_letters,
        environment=dict(spec.environment) or None,
    )
    acknowledge(function, {**_TESTED_RUNTIME, **permissions.accepted_findings})
    statements = [*permissions.statements, *_own_statements(group, dead_letters)]
    grant(role, statements, wildcards=permissions.wildcards)
    return function


@cache
def _minutes(number: int) -> Duration:
    return Duration.minutes(number)


def _handler(script: str) -> str:
    """Name the entry point: a package that needs others is one of the package of jobs.

    Source: AWS Lambda Developer Guide, "Define Lambda function handler in Python": a file in a
    folder is named by its path, and the runtime imports that.
    """
    name = f"{Path(script).stem}.handler"
    return f"{_SCRIPTS.name}.{name}" if script in _ROOMS else name


def _code(script: str) -> lambda_.Code:
    root, exclude, digest = _shipped(script)
    # As in ``assets.py``.
    return lambda_.Code.from_asset(
        str(root), exclude=exclude, ignore_mode=IgnoreMode.GIT, asset_hash=digest
    )


@cache
def _shipped(script: str) -> tuple[Path, list[str], str]:
    """Return the folder of a script, what of it is left out, and the digest of the rest."""
    root = _SCRIPTS.parent if script in _ROOMS else _SCRIPTS
    files = {file.relative_to(root): file for file in script_files(script)}
    folders = {parent.as_posix() for path in files for parent in path.parents} - {"."}
    shipped = [*sorted(folders), *(path.as_posix() for path in files)]
    exclude = ["*", *(f"!{name}" for name in shipped)]
    return root, exclude, _digest(file.read_bytes() for file in files.values())


def script_files(script: str) -> list[Path]:
    """Find a script, or the modules of a package and what it needs of others, in their order."""
    path = _SCRIPTS / script
    files = set(path.rglob("*.py")) if path.is_dir() else {path}
    for room in _ROOMS.get(script, ()):
        other = _SCRIPTS / room
        files |= set(other.rglob("*.py")) if other.is_dir() else {other}
    if script in _ROOMS:
        folders = {folder for file in files for folder in file.parents}
        files |= {each / "__init__.py" for each in folders if each.is_relative_to(_SCRIPTS)}
    return sorted(files)


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
