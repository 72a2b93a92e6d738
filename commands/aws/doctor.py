"""``doctor``: checks what the app needs, and says how to get what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer

from commands.health.checks import Check
from commands.terminal import places
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.exit_codes import ExitCode
from commands.terminal.options import print_json
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import EARLIER_NAMES
from constructs_lib.terminal.lines import print_fitted

if TYPE_CHECKING:
    from rich.console import Console

    from commands.health.account import AppNeeds
    from commands.health.quotas import InstanceNeed
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.settings import Settings

_NAME_AT: Final = 13
_DETAIL_AT: Final = 30
_MARKS: Final = {
    "ok": "ok",
    "warning": "warning",
    "problem": "PROBLEM",
    "unknown": "not checked",
}


@with_aws_options
def doctor(*, options: AwsOptions) -> None:
    """Check this machine, the configs and the AWS account.

    Python, Node, the CDK, the disk; settings, pipelines, and whether AWS still patches their
    containers; credentials, whether the account has enabled the regions, the bootstrap of each and
    its key, zones, models left behind, and the quotas that the pipelines need. Tells how to fix
    each problem, and exits with 1 if there is one. Without credentials it checks everything else,
    and says what it did not check.

    Examples:
        release doctor
        release doctor --profile prod
    """
    checks = list(_checks(options))
    if options.as_json:
        print_json([asdict(check) for check in checks])
    else:
        _print(checks)
    failed = any(check.state == "problem" for check in checks)
    raise typer.Exit(ExitCode.ERROR if failed else ExitCode.DONE)


def _print(checks: list[Check]) -> None:
    from rich.console import Console

    console = Console()
    for check in checks:
        _tell(check, console)


def _tell(check: Check, console: Console) -> None:
    """Print a check: its details begin in one column, below a name that reaches into it."""
    from rich.text import Text

    from commands.terminal.tables import state_text

    title = state_text(_MARKS[check.state])
    title.append(" " * (_NAME_AT - len(title)) + check.name)
    detail = check.detail.split("\n")
    if len(title) < _DETAIL_AT:
        title.append(" " * (_DETAIL_AT - len(title)) + detail.pop(0))
    print_fitted(console, title, hang=_DETAIL_AT)
    blanks = " " * _DETAIL_AT
    for line in detail:
        print_fitted(console, Text(f"{blanks}{line}"))
    if check.fix:
        print_fitted(console, Text(f"{blanks}fix: {check.fix}", "bold"))


def _checks(options: AwsOptions) -> Iterator[Check]:
    from commands.health.account import account_checks
    from commands.health.containers import container_checks
    from commands.health.machine import machine_checks

    yield from machine_checks()
    pipelines: dict[str, PipelineConfigs] = {}
    try:
        settings = places.read_settings()
    except ReleaseError as error:
        yield Check("settings", "problem", str(error), "Correct cdk.json.")
        return
    yield Check("settings", "ok", "cdk.json")
    try:
        pipelines = places.load_pipelines(settings)
        settings.refuse_unknown_pipelines(pipelines)
        needs = _needs(settings, pipelines)
        yield Check("pipelines", "ok", ", ".join(pipelines))
    except ReleaseError as error:
        yield Check("pipelines", "problem", str(error), "See: release validate")
        needs = _needs(settings, {})
    else:
        yield from container_checks(pipelines, settings.unpatched_containers)
    yield from account_checks(options.aws(), needs)


def _needs(settings: Settings, pipelines: Mapping[str, PipelineConfigs]) -> AppNeeds:
    from commands.health.account import AppNeeds
    from commands.health.bootstrap import BootstrapNeeds

    registered = {
        code.aws_region for each in pipelines.values() for code in each.registration.regions
    }
    return AppNeeds(
        account=settings.account,
        bootstrap=BootstrapNeeds(
            qualifier=places.bootstrap_qualifier(),
            regions=sorted({settings.home_region, *registered}),
            key_arns=settings.additional_key_arns,
        ),
        instances=tuple(_instances(settings, pipelines)),
        creates_vpc=settings.existing_vpc is None,
        zones=settings.vpc_zones,
        s3_prefix_list=_prefix_list(settings),
        network_stack=f"{settings.app_name}-network",
    )


def _prefix_list(settings: Settings) -> str | None:
    """Return the prefix list that synthesis takes, where it is worth a look in the account."""
    from constructs_lib.regions.prefix_lists import s3_prefix_list

    if settings.s3_prefix_list is None and settings.home_code in EARLIER_NAMES:
        return None
    return s3_prefix_list(settings.home_region, settings.s3_prefix_list)


def _instances(
    settings: Settings, pipelines: Mapping[str, PipelineConfigs]
) -> Iterator[InstanceNeed]:
    from commands.health.quotas import needs_of

    with places.compilation(pipelines, settings, no_cache=False) as compiled:
        for name in pipelines:
            yield from needs_of(compiled[name].pipeline, settings.home_code)
