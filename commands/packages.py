"""``packages``, ``approve`` and ``reject``: the registered versions."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.aws import Aws, UnknownNameError
from commands.exit_codes import ExitCode
from commands.options import Json, Local, Pipeline, Profile, Region, RegistryRegion, print_json
from commands.registry import ModelPackage, set_approval
from commands.registry import packages as read_packages

Limit = Annotated[int, typer.Option(min=1, help="So many versions per region, newest first.")]
Version = Annotated[
    int | None, typer.Option(min=1, help="Version; by default the newest of each region.")
]
Comment = Annotated[str | None, typer.Option(help="Kept with the decision (1,024 characters).")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_ALL = 1_000_000


def packages(
    pipeline: Pipeline,
    *,
    compare: Annotated[
        tuple[int, int] | None, typer.Option(metavar="A B", help="Compare two versions.")
    ] = None,
    limit: Limit = 5,
    in_region: RegistryRegion = None,
    region: Region = None,
    local: Local = False,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Show the registered versions of every region: approval, digest, numbers."""
    aws = Aws.chosen(local=local, profile=profile, region=region)
    found = read_packages(aws, pipeline, in_region, limit=_ALL if compare else limit)
    if compare:
        chosen = [_of_version(found, version) for version in compare]
        found = [package for packages_ in chosen for package in packages_]
    if as_json:
        print_json([package.as_json() for package in found])
    elif compare:
        _print_comparison(found, compare)
    else:
        _print_table(found, pipeline)


def approve(
    pipeline: Pipeline,
    *,
    version: Version = None,
    comment: Comment = None,
    yes: Yes = False,
    in_region: RegistryRegion = None,
    region: Region = None,
    local: Local = False,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Approve a version in every region that registered it, or in one."""
    aws = Aws.chosen(local=local, profile=profile, region=region)
    chosen = _chosen(aws, pipeline, version, in_region)
    _decide(aws, chosen, "Approved", comment, yes=yes, as_json=as_json)


def reject(
    pipeline: Pipeline,
    *,
    version: Version = None,
    comment: Comment = None,
    yes: Yes = False,
    in_region: RegistryRegion = None,
    region: Region = None,
    local: Local = False,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Reject a version in every region that registered it, or in one."""
    aws = Aws.chosen(local=local, profile=profile, region=region)
    chosen = _chosen(aws, pipeline, version, in_region)
    _decide(aws, chosen, "Rejected", comment, yes=yes, as_json=as_json)


def _chosen(
    aws: Aws, pipeline: str, version: int | None, in_region: str | None
) -> list[ModelPackage]:
    found = read_packages(aws, pipeline, in_region, limit=_ALL if version else 1)
    return _of_version(found, version)


def _of_version(found: list[ModelPackage], version: int | None) -> list[ModelPackage]:
    chosen = [package for package in found if version in (None, package.version)]
    if not chosen:
        versions = sorted({package.version for package in found})
        raise UnknownNameError(
            f"Nothing is registered as version {version}."
            f" There are: {', '.join(map(str, versions)) or 'none'}."
            if version
            else "Nothing is registered yet: start an execution first (release start)."
        )
    return chosen


def _decide(
    aws: Aws,
    chosen: list[ModelPackage],
    status: str,
    comment: str | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    for package in chosen:
        typer.echo(
            f"{package.region}  {package.group} version {package.version}:"
            f" {package.approval_status} -> {status}",
            err=True,
        )
    if not yes and not typer.confirm(f"Set {len(chosen)} to {status}?", err=True):
        typer.echo("Nothing changed.", err=True)
        raise typer.Exit(ExitCode.ERROR)
    for package in chosen:
        set_approval(aws, package, status, comment)
    if as_json:
        print_json([{**package.as_json(), "approval_status": status} for package in chosen])
    else:
        typer.echo(f"{status}: {len(chosen)}")


def _print_table(found: list[ModelPackage], pipeline: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not found:
        typer.echo(f"{pipeline} has registered nothing yet.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("region", "version", "approval", "created", "sha256"):
        table.add_column(name, no_wrap=True)
    for package in found:
        table.add_row(
            package.region,
            str(package.version),
            package.approval_status,
            package.creation_time[:16].replace("T", " "),
            (package.artifact_sha256 or "-")[:12],
        )
    Console().print(table)


def _print_comparison(found: list[ModelPackage], versions: tuple[int, int]) -> None:
    for region in sorted({package.region for package in found}):
        sides = {package.version: package for package in found if package.region == region}
        typer.echo(region)
        if set(versions) - sides.keys():
            typer.echo(f"  has no version {', '.join(map(str, set(versions) - sides.keys()))}")
            continue
        before, after = (_facts(sides[version]) for version in versions)
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                typer.echo(f"  {name}: {before.get(name, '-')} -> {after.get(name, '-')}")


def _facts(package: ModelPackage) -> dict[str, str]:
    facts = {
        "approval_status": package.approval_status,
        "artifact_uri": package.artifact_uri or "-",
    }
    return {**package.metadata, **facts}
