"""``replay``: the same requests to two versions, and how their answers differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.registry.registry import (
    definition_of,
    groups,
    refuse_region,
    version_of_number,
    versions_of,
)
from commands.serving.former import FormerVersion, former_version
from commands.serving.found import workflow_if_any
from commands.terminal import places
from commands.terminal.aws import Aws, UnknownNameError
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import say
from commands.terminal.options import Pipeline, VersionsRegion, print_json
from constructs_lib.aws.registry import ModelPackage
from constructs_lib.terminal.paths import shown_path


@with_aws_options
def replay(
    pipeline: Pipeline,
    *,
    version: Annotated[int, typer.Option(min=1, help="The version to try.")],
    against: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="The version to compare it with; by default the one that serves, else the newest"
            " approved one before it.",
        ),
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Requests: JSON lines, a JSON array, what data capture wrote, a single request, or"
            " a folder of these; by default the version's own sample requests.",
        ),
    ] = None,
    region: VersionsRegion = None,
    options: AwsOptions,
) -> None:
    """Send the same requests to two versions, and compare.

    On this machine, through the direct server of each: no endpoint is asked, and none is needed.
    The artifacts are read from S3, and run only if they are what was registered. Tells by field how
    many values differ by more than the tolerance of expected answers, and by how much, and the
    latency of both. They are asked in turn, now one first and now the other.

    The models' code runs as that of check-archive does: walled off from your files and the network
    where the machine can do it.

    Exits with 1 when they differ.

    Examples:
        release replay returns-risk --version 2
        release replay returns-risk --version 2 --against 1 --requests captured/ --region EU
    """
    from commands.serving.replay_tables import show_replay
    from commands.serving.replayed import Replay
    from local.report import write_replay

    if version == against:
        raise typer.BadParameter(
            f"both versions are {version}: give two different ones, such as the one that serves.",
            param_hint="'--against'",
        )
    aws = options.aws()
    after = _version(aws, pipeline, region, version)
    before = _before(aws, pipeline, after, against)
    document = Replay(aws, pipeline, before.package, before.why, after, requests).run()
    page = shown_path(write_replay(places.STATE / "replays" / document["id"], document))
    if options.as_json:
        print_json({**document, "report": str(page)})
    else:
        show_replay(document)
        say(f"Replay report: {page}")
    raise typer.Exit(ExitCode.DONE if document["agree"] else ExitCode.ERROR)


def _version(aws: Aws, pipeline: str, region: str | None, number: int) -> ModelPackage:
    """Find the version in the registry of a region, by default of the one that counts versions."""
    definition = definition_of(aws, pipeline)
    known = groups(definition, aws.home_region)
    refuse_region(pipeline, region, known)
    chosen = region or _counting_region(aws, pipeline, known)
    (package,) = versions_of(aws, definition, chosen, limit=1, versions=(number,))
    return package


def _counting_region(aws: Aws, pipeline: str, known: dict[str, str]) -> str:
    if aws.home_region in known:
        return aws.home_region
    workflow = workflow_if_any(aws, pipeline)
    return workflow.lead.aws_region if workflow is not None else next(iter(known), aws.home_region)


def _before(aws: Aws, pipeline: str, after: ModelPackage, number: int | None) -> FormerVersion:
    if number is not None:
        sagemaker = aws.client("sagemaker", after.region)
        return FormerVersion(version_of_number(sagemaker, after.group, number), "was chosen")
    found = former_version(aws, pipeline, after)
    if found is None:
        raise UnknownNameError(
            f"Nothing else than version {after.version} of {pipeline} serves, and no version before"
            " it is approved: name the one to compare with by --against. See what there is:"
            f" release packages {pipeline}."
        )
    return found
