"""Checks of an AWS account: what the app needs to be deployed and to run there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from commands.health.checks import Check
from commands.health.quotas import InstanceNeed, instance_checks, network_checks
from commands.terminal.aws import Aws, AwsCallError, calls

_BOOTSTRAP_PARAMETER: Final = "/cdk-bootstrap/hnb659fds/version"
_MIN_BOOTSTRAP: Final = 6
"""What the stacks require, see ``requiresBootstrapStackVersion`` in a cloud assembly."""


@dataclass(frozen=True, kw_only=True)
class AppNeeds:
    """What the app with its pipelines needs of an account."""

    account: str | None
    """The account it is meant for, if the settings name one."""
    regions: tuple[str, ...]
    """Where it has stacks."""
    instances: tuple[InstanceNeed, ...]
    creates_vpc: bool
    network_stack: str
    """Name of the stack that holds the VPC."""


def account_checks(aws: Aws, needs: AppNeeds) -> Iterator[Check]:
    """Check credentials, bootstrap and quotas; what cannot be asked for is not checked."""
    try:
        with calls("Cannot ask who calls"):
            account = aws.client("sts").get_caller_identity()["Account"]
    except AwsCallError as error:
        yield Check("credentials", "unknown", str(error))
        for name in ("bootstrap", "quotas"):
            yield Check(name, "unknown", "needs credentials")
        return
    yield _credentials(account, needs.account)
    for region in needs.regions:
        yield _bootstrap(aws, account, region)
    if aws.is_embedded:
        yield Check("quotas", "unknown", "the embedded AWS has none")
        return
    yield from instance_checks(aws, needs.instances)
    if needs.creates_vpc:
        yield from network_checks(aws, needs.network_stack)


def _credentials(account: str, expected: str | None) -> Check:
    if expected in (None, account):
        return Check("credentials", "ok", f"account {account}")
    return Check(
        "credentials",
        "problem",
        f"of account {account}; the app is for {expected}",
        "Give --profile, or set AWS_PROFILE, to one of that account.",
    )


def _bootstrap(aws: Aws, account: str, region: str) -> Check:
    name, fix = f"bootstrap of {region}", f"cdk bootstrap aws://{account}/{region}"
    client = aws.client("ssm", region)
    try:
        with calls(f"Cannot read {_BOOTSTRAP_PARAMETER}"):
            version = client.get_parameter(Name=_BOOTSTRAP_PARAMETER)["Parameter"]["Value"]
    except AwsCallError as error:
        if "ParameterNotFound" not in str(error):
            return Check(name, "unknown", str(error))
        return Check(name, "problem", "missing", fix)
    if int(version) < _MIN_BOOTSTRAP:
        return Check(name, "problem", f"version {version}, needs {_MIN_BOOTSTRAP}", fix)
    return Check(name, "ok", f"version {version}")
