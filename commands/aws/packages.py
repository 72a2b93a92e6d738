"""``packages``, ``approve`` and ``reject``: the registered versions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import typer

from commands.registry.registry import packages as read_packages
from commands.registry.registry import set_approval, with_medians
from commands.serving.found import how_it_starts, workflow_if_any
from commands.terminal.asking import confirm
from commands.terminal.aws import Aws, AwsCallError, UnknownNameError
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.messages import say
from commands.terminal.options import Pipeline, RegistryRegion, Yes, print_json
from constructs_lib.aws.registry import ModelPackage

_APPROVED: Final = "Approved"

Limit = Annotated[int, typer.Option(min=1, help="So many versions per region, newest first.")]
Version = Annotated[
    int | None, typer.Option(min=1, help="Version; by default the newest of each region.")
]
Comment = Annotated[str | None, typer.Option(help="Kept with the decision (1,024 characters).")]


@with_aws_options
def packages(
    pipeline: Pipeline,
    *,
    compare: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="A B", help="Put two versions side by side instead."),
    ] = None,
    limit: Limit = 5,
    in_region: RegistryRegion = None,
    options: AwsOptions,
) -> None:
    """Show or compare the registered versions of every region.

    With their approval, what verification measured, and the digest of the packaged model.

    Examples:
        release packages returns-risk
        release packages returns-risk --compare 1 2 --in-region us-east-1
    """
    from commands.registry import versions

    if compare and compare[0] == compare[1]:
        raise typer.BadParameter(
            f"both versions are {compare[0]}: give two different ones, the older first. To see a"
            " version by itself, leave --compare out.",
            param_hint="'--compare'",
        )
    aws = options.aws()
    found = read_packages(aws, pipeline, in_region, limit=limit, versions=compare or ())
    found = with_medians(aws, found)
    if options.as_json:
        print_json([package.as_json() for package in found])
    elif compare:
        versions.show_comparison(found, compare)
    elif found:
        versions.show(found)
    else:
        say(f"{pipeline} has registered nothing yet.")


@with_aws_options
def approve(
    pipeline: Pipeline,
    *,
    version: Version = None,
    comment: Comment = None,
    yes: Yes = False,
    in_region: RegistryRegion = None,
    options: AwsOptions,
) -> None:
    """Approve a version in every region that registered it.

    Or in one region. By default the newest version of each. Shows first what is known of it: the
    verdict of verification, its measured numbers and what else differs from the version that
    serves, and what was found in its pickles. Then it asks.

    Examples:
        release approve returns-risk --comment "Reviewed by the risk team"
        release approve returns-risk --version 2 --in-region eu-west-1 --yes
    """
    from commands.serving.evidence_tables import show_evidence

    aws = options.aws()
    chosen = _chosen(aws, pipeline, version, in_region)
    done = _decide(
        aws,
        chosen,
        _APPROVED,
        comment,
        yes=yes,
        as_json=options.as_json,
        before_asking=partial(show_evidence, aws, pipeline),
    )
    if not options.as_json:
        _tell_how_to_serve(aws, pipeline, done, options.again())


@with_aws_options
def reject(
    pipeline: Pipeline,
    *,
    version: Version = None,
    comment: Comment = None,
    yes: Yes = False,
    in_region: RegistryRegion = None,
    options: AwsOptions,
) -> None:
    """Reject a version in every region that registered it.

    Or in one region. By default the newest version of each; shows them and asks first.

    Examples:
        release reject returns-risk --comment "Too slow for EU" --in-region eu-west-1
    """
    aws = options.aws()
    chosen = _chosen(aws, pipeline, version, in_region)
    _decide(aws, chosen, "Rejected", comment, yes=yes, as_json=options.as_json)


def _chosen(
    aws: Aws, pipeline: str, version: int | None, in_region: str | None
) -> list[ModelPackage]:
    versions = () if version is None else (version,)
    chosen = read_packages(aws, pipeline, in_region, limit=1, versions=versions)
    if not chosen:
        raise UnknownNameError(
            "Nothing is registered yet: start an execution first (release start)."
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
    before_asking: Callable[[list[ModelPackage]], None] | None = None,
) -> list[ModelPackage]:
    # A comment is kept with the version though its status stays.
    changes = [each for each in chosen if comment or each.approval_status != status]
    _show(chosen, changes, status)
    if changes:
        if before_asking is not None and not yes:
            before_asking(changes)
        confirm(f"Make {_these(changes)} {status}?", yes=yes)
    done: list[ModelPackage] = []
    try:
        for package in chosen:
            if package in changes:
                set_approval(aws, package, status, comment)
            done.append(package)
    finally:  # when a region refuses, too: what was done before is done
        _tell(done, status, as_json=as_json)
    return done


def _show(chosen: list[ModelPackage], changes: list[ModelPackage], status: str) -> None:
    for each in chosen:
        change = f"{each.approval_status} -> {status}" if each in changes else f"{status} already"
        say(f"{each.region}  {each.group} version {each.version}: {change}", err=True)
    if not changes:
        say("Nothing to change.", err=True)


def _tell(done: list[ModelPackage], status: str, *, as_json: bool) -> None:
    if as_json:
        print_json([{**package.as_json(), "approval_status": status} for package in done])
    elif done:
        say(f"{status}: {', '.join(f'{each.region} {each.version}' for each in done)}")


def _tell_how_to_serve(aws: Aws, pipeline: str, approved: list[ModelPackage], again: str) -> None:
    """Say how the version gets to answer: by a deployment, or by whoever serves the model.

    Source: "Deploy a Model from the Registry" in the Amazon SageMaker Developer Guide.
    """
    try:
        workflow = workflow_if_any(aws, pipeline)
    except AwsCallError:  # who approves need not be allowed to read workflows
        workflow = None
    if workflow is not None:
        say(f"\n{how_it_starts(workflow, again)}", err=True)
        return
    say("\nWhoever serves it creates a model of the version, in the same region:", err=True)
    for each in approved:
        typer.echo(
            f"  aws sagemaker create-model --region {each.region} --model-name NAME"
            f" --execution-role-arn ROLE --containers ModelPackageName={each.arn}",
            err=True,
        )


def _these(packages: list[ModelPackage]) -> str:
    return "this version" if len(packages) == 1 else f"these {len(packages)} versions"
