"""``demo``, ``emulator`` and ``deploy-local``: the embedded AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from commands import places
from commands.options import EMULATOR_PORT, LOCAL_ENDPOINT, Endpoint
from commands.run import exit_with


def demo() -> None:
    """Deploy the app to an embedded AWS and release the example model: everything in one go."""
    from rich.console import Console

    from local.demo import run_demo

    exit_with(run_demo(places.STATE / "demo", Console()))


def emulator(
    port: Annotated[int, typer.Option(help="Where to listen on localhost.")] = EMULATOR_PORT,
) -> None:
    """Run an embedded AWS until Ctrl-C; what is in it is gone then."""
    from local.emulator import environment_for
    from local.emulator.server import serve

    endpoint = f"http://localhost:{port}"
    typer.echo("Embedded AWS, until Ctrl-C. For other tools in another shell:\n")
    for variable, value in environment_for(endpoint).items():
        typer.echo(f"export {variable}={value}")
    serve(port=port, log_file=places.STATE / "emulator.log")


def deploy_local(endpoint: Endpoint = LOCAL_ENDPOINT) -> None:
    """Deploy the app to a running embedded AWS with the CDK CLI."""
    from rich.console import Console

    from local.release import LocalAws, deploy_app

    deploy_app(LocalAws(endpoint), places.STATE / "deployment", Console())
