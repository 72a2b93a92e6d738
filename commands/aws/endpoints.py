"""``endpoints`` and ``invoke``: which version answers in each region, and what it answers."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from commands.serving.found import chosen_regions, workflow_of, workflows
from commands.serving.tables import endpoints_table, show_states
from commands.terminal.aws import Aws, AwsCallError, calls
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.completion import pipeline_names
from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import tell
from commands.terminal.names import pipeline_named
from commands.terminal.options import Pipeline, print_json
from constructs_lib.endpoints.answers import CONTENT_TYPES, ask, most_request_bytes
from constructs_lib.endpoints.state import ServedState, read_states
from constructs_lib.endpoints.workflow import Workflow, running_executions
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.paths import shown_path

if TYPE_CHECKING:
    from constructs_lib.endpoints.answers import EndpointAnswer

_POLL_SECONDS_EMBEDDED: Final = 0.5
_POLL_SECONDS: Final = 5.0


class RequestFileError(ReleaseError):
    """A file cannot be sent to an endpoint."""


@with_aws_options
def endpoints(
    pipeline: Annotated[
        str | None,
        typer.Argument(
            help="Name of a deployed pipeline, or of its folder; by default all.",
            callback=lambda name: name and pipeline_named(name),
            autocompletion=pipeline_names,
        ),
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay until no deployment runs and nothing changes.")
    ] = False,
    options: AwsOptions,
) -> None:
    """Show which version answers in each region, since when.

    With its configuration and instances, and what a person has to look at: a region that serves
    another version than the others, or one that was changed by hand.

    Examples:
        release endpoints returns-risk
        release endpoints --json --profile prod
    """
    aws = options.aws()
    found = workflows(aws, pipeline)
    states = _watch(aws, found, quiet=options.as_json) if watch else _read(aws, found)
    if options.as_json:
        print_json([each.as_json() for each in states])
    elif not watch:
        show_states(states)


def _read(aws: Aws, found: list[Workflow]) -> list[ServedState]:
    with calls("Cannot read the endpoints"):
        return [state for workflow in found for state in read_states(aws, workflow)]


def _watch(aws: Aws, found: list[Workflow], *, quiet: bool) -> list[ServedState]:
    """Draw the endpoints until no deployment runs and none of them changes."""
    from rich.console import Console
    from rich.live import Live

    console = Console(quiet=quiet)
    seconds = _POLL_SECONDS_EMBEDDED if aws.is_embedded else _POLL_SECONDS
    with Live(console=console, auto_refresh=False) as live:
        while True:
            with calls("Cannot list the deployments"):
                runs = any(running_executions(aws, workflow) for workflow in found)
            states = _read(aws, found)
            live.update(endpoints_table(states), refresh=console.is_terminal)
            if not runs and all(each.is_settled for each in states):
                return states
            time.sleep(seconds)


@with_aws_options
def invoke(
    pipeline: Pipeline,
    file: Annotated[Path, typer.Argument(help="File with one request, as the model takes it.")],
    *,
    region: Annotated[
        str | None,
        typer.Option(help="Only the endpoint of this region, such as EU or eu-west-1."),
    ] = None,
    content_type: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE", help="Content type of the request; by default what the file ends with."
        ),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="Content type of the answer; the model's by default."),
    ] = None,
    options: AwsOptions,
) -> None:
    """Send a request to the endpoint of each region.

    Shows each answer with the region, the version that gave it, and how long it took from here.
    Exits with 1 when a region did not answer.

    Examples:
        release invoke returns-risk request.json
        release invoke returns-risk request.csv --region EU --accept application/json
    """
    body = _request(file)
    kind = content_type or _content_type(file)
    aws = options.aws()
    workflow = workflow_of(aws, pipeline)
    regions = [each.code for each in chosen_regions(workflow, region)]
    states = [each for each in _read(aws, [workflow]) if each.region_code in regions]
    answers = []
    width = max(len(each.region_code) for each in states)
    for state in states:
        answer, failure = _ask(aws, state, body, kind, accept)
        answers.append(_as_json(state, answer, failure))
        if not options.as_json:
            _show(state, answer, failure, width)
    if options.as_json:
        print_json(answers)
    failed = any(each["error"] for each in answers)
    raise typer.Exit(ExitCode.ERROR if failed else ExitCode.DONE)


def _request(file: Path) -> bytes:
    try:
        body = file.read_bytes()
    except OSError as error:
        raise RequestFileError(
            f"Cannot read the request {shown_path(file)}: {error.strerror}."
        ) from error
    if not body:
        raise RequestFileError(f"{shown_path(file)} is empty: it has to hold one request.")
    if len(body) > (most := most_request_bytes()):
        raise RequestFileError(
            f"{shown_path(file)} has {len(body):,} bytes, and an endpoint takes at most {most:,}."
        )
    return body


def _content_type(file: Path) -> str:
    found = CONTENT_TYPES.get(file.suffix.lower())
    if found is None:
        known = ", ".join(f"{ending} ({kind})" for ending, kind in CONTENT_TYPES.items())
        raise RequestFileError(
            f"The name of {shown_path(file)} does not tell what it holds: add --content-type, such"
            f" as --content-type application/json. Known endings: {known}."
        )
    return found


def _ask(
    aws: Aws, state: ServedState, body: bytes, content_type: str, accept: str | None
) -> tuple[EndpointAnswer | None, str | None]:
    if not state.exists:
        return None, f"no endpoint {state.endpoint}: release deploy {state.pipeline}"
    try:
        with calls(f"Cannot ask the endpoint {state.endpoint}"):
            answer = ask(
                aws.client("sagemaker-runtime", state.aws_region),
                state.endpoint,
                body,
                content_type=content_type,
                accept=accept,
            )
    except AwsCallError as error:
        return None, str(error)
    return answer, None


def _show(
    state: ServedState, answer: EndpointAnswer | None, failure: str | None, width: int
) -> None:
    if answer is None:
        tell("error", f"{state.region_code}: {failure}")
        return
    region = f"{state.region_code:{width}}  {state.aws_region}"
    version = "?" if state.version is None else state.version
    typer.echo(f"{region}  version {version}  {answer.milliseconds:.0f} ms  {answer.content_type}")
    typer.echo(f"  {_text(answer)}")


def _text(answer: EndpointAnswer) -> str:
    try:
        return answer.body.decode().strip()
    except UnicodeDecodeError:
        return f"({len(answer.body):,} bytes that are no text: --json has them in base64)"


def _as_json(
    state: ServedState, answer: EndpointAnswer | None, failure: str | None
) -> dict[str, Any]:
    document = {
        "region_code": state.region_code,
        "aws_region": state.aws_region,
        "endpoint": state.endpoint,
        "version": state.version,
        "error": failure,
    }
    if answer is None:
        return document
    try:
        body = {"body": answer.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(answer.body).decode()}
    return {
        **document,
        "milliseconds": round(answer.milliseconds, 1),
        "content_type": answer.content_type,
        **body,
    }
