"""Checks of an AWS account: what the app needs to be deployed and to run there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from commands.executions.models import models_of_executions
from commands.health.bootstrap import BootstrapNeeds, bootstrap_checks
from commands.health.checks import Check
from commands.health.quotas import InstanceNeed, instance_checks, network_checks
from commands.health.regions import disabled_check, disabled_regions, prefix_list_check
from commands.health.zones import zone_check
from commands.terminal.aws import Aws, AwsCallError, calls
from constructs_lib.regions import DEFAULT_HOME_REGION, EARLIER_NAMES


@dataclass(frozen=True, kw_only=True)
class AppNeeds:
    """What the app with its pipelines needs of an account."""

    account: str | None
    """The account it is meant for, if the settings name one."""
    bootstrap: BootstrapNeeds
    """In all regions where it has stacks."""
    instances: tuple[InstanceNeed, ...]
    creates_vpc: bool
    zones: tuple[str, ...]
    """Names of the zones of that VPC; none: the first two of the account's."""
    s3_prefix_list: str | None = None
    """What security groups of the app name for Amazon S3; None where there is nothing to check."""
    network_stack: str
    """Name of the stack that holds the VPC."""


def account_checks(aws: Aws, needs: AppNeeds) -> Iterator[Check]:
    """Check credentials, bootstrap and quotas; what cannot be asked for is not checked."""
    try:
        with calls("Cannot ask who calls"):
            # In a region that every account has: home may be one that is not enabled.
            sts = aws.client("sts", DEFAULT_HOME_REGION)
            account = sts.get_caller_identity()["Account"]
    except AwsCallError as error:
        yield Check("credentials", "problem" if aws.is_chosen else "unknown", str(error))
        for name in ("bootstrap", "quotas"):
            yield Check(name, "unknown", "needs credentials")
        return
    yield _credentials(account, needs.account)
    try:
        disabled = _disabled(aws, needs.bootstrap.regions)
    except AwsCallError as error:
        disabled = []
        yield Check("regions", "unknown", str(error))
    yield from map(disabled_check, disabled)
    if aws.home_region in disabled:
        yield Check("quotas", "unknown", "needs the home region")
        return
    usable = [region for region in needs.bootstrap.regions if region not in disabled]
    yield from bootstrap_checks(aws, account, replace(needs.bootstrap, regions=usable))
    yield from _models(aws)
    if aws.is_embedded:
        yield Check("quotas", "unknown", "the embedded AWS has none")
        return
    yield from instance_checks(aws, needs.instances)
    if needs.creates_vpc:
        yield zone_check(aws, needs.zones)
        if needs.s3_prefix_list is not None:
            yield prefix_list_check(aws, needs.s3_prefix_list)
        yield from network_checks(aws, needs.network_stack)


def _disabled(aws: Aws, regions: Sequence[str]) -> list[str]:
    """List what the account has not enabled; the regions of the earlier system every one has."""
    asked = [each for each in regions if each not in EARLIER_NAMES.values()]
    return disabled_regions(aws, asked) if asked and not aws.is_embedded else []


def _credentials(account: str, expected: str | None) -> Check:
    if expected in (None, account):
        return Check("credentials", "ok", f"account {account}")
    return Check(
        "credentials",
        "problem",
        f"of account {account}; the app is for {expected}",
        "Give --profile, or set AWS_PROFILE, to one of that account.",
    )


def _models(aws: Aws) -> Iterator[Check]:
    """Tell of the models that executions have left behind."""
    try:
        count = len(models_of_executions(aws))
    except AwsCallError as error:
        yield Check("models", "unknown", str(error))
        return
    if count:
        yield Check(
            "models",
            "ok",
            f"{count} of executions, which SageMaker Pipelines leaves behind",
            "They cost nothing; release clean-models PIPELINE deletes those of executions that"
            " succeeded, with --every-ended also those of failed and stopped ones.",
        )
