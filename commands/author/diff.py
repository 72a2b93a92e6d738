"""``diff``: what changes between two commits, or between a commit and what is deployed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from commands.terminal import places
from commands.terminal.aws import Aws, AwsCallError, UnknownNameError, calls, read_definition
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.completion import folder_names
from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import tell
from commands.terminal.names import folder_named, is_known, pipeline_named
from constructs_lib.terminal.lines import print_fitted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from constructs_lib.diff import App
    from constructs_lib.diff.resources import Replacing


_MOST_COMMITS: Final = 2


@with_aws_options
def diff(
    name_or_old: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|OLD",
            help="A pipeline, to tell of it alone, before the commits; or a commit.",
            autocompletion=folder_names,
        ),
    ] = None,
    old: Annotated[
        str | None, typer.Argument(metavar="OLD", help="A commit; by default HEAD.")
    ] = None,
    new: Annotated[
        str | None,
        typer.Argument(metavar="NEW", help="A commit; by default the files as they are."),
    ] = None,
    *,
    deployed: Annotated[
        bool,
        typer.Option("--deployed", help="Compare what is deployed with the working tree, or OLD."),
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 4 when anything changes.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")
    ] = False,
    options: AwsOptions,
) -> None:
    """Tell in words what changes between two commits.

    What changes per pipeline and step, which steps run anew, and what is replaced. By default from
    the last commit to the files as they are.

    Examples:
        release diff
        release diff returns_risk
        release diff main HEAD --markdown
        release diff --deployed --profile prod --exit-code
    """
    from rich.console import Console

    from constructs_lib import diff as diffs

    name, *commits = _name_and_commits([name_or_old, old, new])
    if deployed:
        if commits[1] is not None:
            raise typer.BadParameter("--deployed takes at most one commit")
        sides = _deployed_and(commits[0], options.aws(), in_doubt_fail=exit_code)
    else:
        if options.choose_an_aws:
            raise typer.BadParameter("--local, --profile and --region go with --deployed")
        sides = _commits(commits[0] or "HEAD", commits[1])
    found = diffs.compare_apps(*sides, _rules_of_replacement())
    if name is not None:
        folder = folder_named(name).replace("_", "-")
        suffixes = (f"-pipeline-{folder}", f"-serving-{folder}")
        found = found.of_pipeline(pipeline_named(name), suffixes)
    if options.as_json:
        typer.echo(diffs.as_json(found))
    elif markdown:
        typer.echo(diffs.as_markdown(found))
    else:
        print_fitted(Console(), diffs.as_text(found), hang=2)
    raise typer.Exit(ExitCode.CHANGED if exit_code and found.changed else ExitCode.DONE)


def _name_and_commits(given: list[str | None]) -> tuple[str | None, str | None, str | None]:
    """Tell a pipeline's name from a commit: a folder's or a pipeline's name is one."""
    words = [word for word in given if word is not None]
    name = words[0] if words and is_known(words[0]) else None
    commits = words[1:] if name is not None else words
    if len(commits) > _MOST_COMMITS:
        raise typer.BadParameter(
            f"There is no pipeline {words[0]!r}; without one, diff takes at most two commits"
        )
    old, new, *_ = [*commits, None, None]
    return name, old, new


def _rules_of_replacement() -> Replacing:
    """AWS's published rules, which come with the packages for development."""
    if find_spec("cfnlint") is None:
        tell(
            "warning",
            "whether resources other than pipelines are replaced is not told: cfn-lint, which has"
            " AWS's rules, is not installed ('make setup' does it).",
        )
        return lambda *_: []
    from constructs_lib.aws.resource_types import replacing_properties

    def rules(
        resource_type: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Collection[str]:
        try:
            return replacing_properties(resource_type, before, after)
        except KeyError:  # a custom resource: AWS publishes no rules
            return []

    return rules


def _commits(old: str, new: str | None) -> tuple[App, App]:
    with ThreadPoolExecutor(2) as pool:
        sides = [pool.submit(_synthesized, commit) for commit in (old, new)]
        return sides[0].result(), sides[1].result()


def _synthesized(commit: str | None) -> App:
    from constructs_lib.diff.sources import app_of_commit, app_of_working_tree

    environment = places.chosen_environment()
    if commit is None:
        return app_of_working_tree(places.ROOT, environment)
    return app_of_commit(commit, places.ROOT, environment)


def _deployed_and(commit: str | None, aws: Aws, *, in_doubt_fail: bool) -> tuple[App, App]:
    from constructs_lib.diff.sources import deployed_app

    new = _synthesized(commit)

    def definition(name: str) -> dict[str, Any] | None:
        try:
            return read_definition(aws, name)
        except UnknownNameError:
            return None

    told: set[str] = set()

    def template(stack: str, region: str | None) -> dict[str, Any] | None:
        try:
            return _template(aws, stack, region)
        except AwsCallError as error:
            if in_doubt_fail:  # else the exit code would say that nothing changes
                raise
            # The definitions can be compared all the same.
            cause = str(error).partition(": ")[2]
            reason = " for the same reason" if cause in told else f": {error}"
            tell("warning", f"{stack} is not compared{reason}")
            told.add(cause)
            return dict(new.templates[stack])

    return deployed_app(new, definition, template), new


def _template(aws: Aws, stack: str, region: str | None) -> dict[str, Any] | None:
    """Read the template that a stack was last deployed with; ``None`` when there is no stack."""
    cloudformation = aws.client("cloudformation", region)
    with calls(f"Cannot read the template of the stack {stack!r}"):
        try:
            answer = cloudformation.get_template(StackName=stack, TemplateStage="Original")
        except cloudformation.exceptions.ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
    template = answer["TemplateBody"]  # which botocore has parsed, if it is JSON
    if not isinstance(template, dict):
        raise AwsCallError(f"The template of the stack {stack!r} is not JSON, as CDK's are.")
    return template
