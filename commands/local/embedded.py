"""``demo``, ``emulator`` and ``deploy-local``: the embedded AWS."""

from __future__ import annotations

import json
import os
import socket
from typing import Annotated

import typer

from commands.local.deployed import deploy, pipelines
from commands.local.run import end_with
from commands.terminal import places
from commands.terminal.code import check_code
from commands.terminal.emulator_key import write_key
from commands.terminal.messages import say
from commands.terminal.options import EMULATOR_PORT, LOCAL_ENDPOINT, Endpoint, Json, print_json
from constructs_lib.errors import ReleaseError


class PortError(ReleaseError):
    """The embedded AWS cannot listen where it was told to."""


def demo(
    *,
    rollback: Annotated[
        bool,
        typer.Option(
            "--rollback", help="Show a second version that an alarm takes back everywhere."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Deploy to an embedded AWS, release a model, and ask it.

    Everything in one go, in a minute: the app, a version, its approval, an endpoint in each of
    three regions, and one answer of each. What it leaves in .local/demo, the commands status, logs
    and report read.

    With --rollback a second version follows that is slow under load. It passes its verification;
    while it gets its first traffic an alarm trips, and every region goes back. What that leaves is
    in .local/demo-rollback. The exit code is 1 if anything else happens.

    Examples:
        release demo
        release demo --rollback
    """
    from rich.console import Console

    from local.demo import run_demo
    from local.rollback import run_rollback_demo

    if rollback:
        shown = run_rollback_demo(places.STATE / "demo-rollback", Console(stderr=as_json))
        if as_json:
            print_json(shown.as_json())
        return
    check_code(pipelines().values())
    end_with(run_demo(places.STATE / "demo", Console(stderr=as_json)), as_json=as_json)


def emulator(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen on localhost; 0: anywhere.")
    ] = EMULATOR_PORT,
    *,
    no_permissions: Annotated[
        bool,
        typer.Option("--no-permissions", help="Allow every call; by default policies decide."),
    ] = False,
    time_scale: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds that services wait, in one of this machine."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one line of JSON when it is ready, instead of text."),
    ] = False,
) -> None:
    """Run an embedded AWS until Ctrl-C.

    It starts empty, and what is in it is gone when it stops. Its access key is in
    .local/emulator.json, where the other commands find it.

    What services wait for is shortened: where an update of an endpoint waits ten minutes, two
    seconds pass, unless --time-scale says otherwise; 1 is real time.

    Examples:
        release emulator
        release emulator --port 5000
    """
    from constructs_lib.aws.handle import AwsHandle
    from local.emulator import DEFAULT_REGION
    from local.emulator.pace import TIME_SCALE
    from local.emulator.server import Started, serve

    def tell(started: Started) -> None:
        endpoint, key = started.endpoint_url, started.key
        write_key(endpoint, key)
        variables = AwsHandle(DEFAULT_REGION, endpoint, key).environment
        if as_json:
            typer.echo(json.dumps({**started.as_json(), "environment": variables}))
            return
        say(f"Embedded AWS at {endpoint}, until Ctrl-C. For other tools in another shell:\n")
        for variable, value in variables.items():
            typer.echo(f"export {variable}={value}")

    _refuse_taken(port)
    serve(
        port=port,
        log_file=places.STATE / "emulator.log",
        permissions=not no_permissions,
        time_scale=time_scale or TIME_SCALE,
        on_ready=tell,
    )


def _refuse_taken(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise PortError(
            f"Cannot listen on port {port} of localhost: {os.strerror(error.errno or 0)}. Stop what"
            " listens there (another embedded AWS?), or give another --port."
        ) from error


def deploy_local(endpoint: Endpoint = LOCAL_ENDPOINT, *, as_json: Json = False) -> None:
    """Deploy the app to a running embedded AWS.

    Synthesizes it, bootstraps its regions, and deploys all stacks with the real CDK CLI. Refuses
    inference code with errors that validate tells.

    Examples:
        release deploy-local
    """
    from rich.console import Console

    assembly = deploy(endpoint, Console(stderr=as_json))
    if as_json:
        stacks = [{"name": name, "region": assembly.region(name)} for name in assembly.stack_names]
        print_json({"endpoint": endpoint, "stacks": stacks})
