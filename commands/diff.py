"""``diff``: what changes between two commits, or between a commit and what is deployed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import places
from commands.aws import Aws, UnknownNameError, read_definition
from commands.exit_codes import ExitCode
from commands.options import Json, Local, Profile, Region

if TYPE_CHECKING:
    from constructs_lib.diff import Pipeline


def diff(
    old: Annotated[str | None, typer.Argument(help="A commit; by default HEAD.")] = None,
    new: Annotated[
        str | None, typer.Argument(help="A commit; by default the files as they are.")
    ] = None,
    *,
    deployed: Annotated[
        bool,
        typer.Option("--deployed", help="Compare what is deployed with the working tree, or OLD."),
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 4 when a pipeline changes.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")
    ] = False,
    region: Region = None,
    local: Local = False,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Tell in words what changes per pipeline and step, and which steps run anew."""
    from rich.console import Console

    from constructs_lib import diff as diffs

    if deployed:
        if new is not None:
            raise typer.BadParameter("--deployed takes at most one commit")
        aws = Aws.chosen(local=local, profile=profile, region=region)
        sides = _deployed_and(old, aws)
    else:
        if local or profile or region:
            raise typer.BadParameter("--local, --profile and --region go with --deployed")
        sides = _commits(old or "HEAD", new)
    found = diffs.compare_pipelines(*sides)
    if as_json:
        typer.echo(diffs.as_json(found))
    elif markdown:
        typer.echo(diffs.as_markdown(found))
    else:
        Console(soft_wrap=True).print(diffs.as_text(found), end="")
    changed = any(each.status != "unchanged" for each in found)
    raise typer.Exit(ExitCode.CHANGED if exit_code and changed else ExitCode.DONE)


def _commits(old: str, new: str | None) -> tuple[dict[str, Pipeline], dict[str, Pipeline]]:
    with ThreadPoolExecutor(2) as pool:
        sides = [pool.submit(_compiled, commit) for commit in (old, new)]
        return sides[0].result(), sides[1].result()


def _compiled(commit: str | None) -> dict[str, Pipeline]:
    from constructs_lib.diff.sources import pipelines_of_commit, pipelines_of_working_tree

    if commit is None:
        return pipelines_of_working_tree(places.ROOT)
    return pipelines_of_commit(commit, places.ROOT)


def _deployed_and(commit: str | None, aws: Aws) -> tuple[dict[str, Pipeline], dict[str, Pipeline]]:
    from constructs_lib.diff.sources import deployed_pipelines

    def read(name: str) -> dict[str, Any] | None:
        try:
            return read_definition(aws, name)
        except UnknownNameError:
            return None

    compiled = _compiled(commit)
    return deployed_pipelines(compiled, read), compiled
