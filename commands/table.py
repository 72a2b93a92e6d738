"""The table of commands, and the program over it that imports a command's module when needed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

from commands.exit_codes import ExitCode
from constructs_lib.errors import ReleaseError

if TYPE_CHECKING:
    from typer._click import Command, Context

COMMANDS: Final = {
    # A pipeline's folder; needs no AWS
    "new": "commands.new",
    "validate": "commands.validate",
    "definition": "commands.definition",
    "diff": "commands.diff",
    "graph": "commands.graph",
    "payloads": "commands.payloads",
    "check-archive": "commands.check_archive",
    # The embedded AWS
    "demo": "commands.embedded",
    "emulator": "commands.embedded",
    "deploy-local": "commands.embedded",
    "run": "commands.run",
    "report": "commands.report",
    # The embedded AWS or the real one
    "start": "commands.start",
    "status": "commands.status",
    "logs": "commands.logs",
    "packages": "commands.packages",
    "approve": "commands.packages",
    "reject": "commands.packages",
    "execution-document": "commands.execution_document",
    "doctor": "commands.doctor",
}
"""Module of each command, in the order of help. The function is called as the command is."""


class LazyCommands(TyperGroup):
    """Finds commands in the table and imports only the one that is called."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002  # the base class's signature
        """Return every command's name."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002
        """Import a command; None when there is none of that name."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            self.commands[cmd_name] = command(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Find the command that is called; Typer suggests out of ``commands`` if there is none."""
        if args[0] not in COMMANDS:
            self.commands = {name: command(name) for name in COMMANDS}
        return super().resolve_command(ctx, args)


def command(name: str) -> Command:
    """Import a command of the table."""
    function = getattr(import_module(COMMANDS[name]), name.replace("-", "_"))
    single = typer.Typer(add_completion=False)
    single.command(name)(function)
    return typer.main.get_command(single)


app = typer.Typer(
    help="Release PyTorch models through SageMaker Pipelines.",
    cls=LazyCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _release() -> None:
    """Make a group of the program: its commands come from the table."""


def main(**options: Any) -> None:
    """Run the command line; bad input ends with its message and an exit code, see ExitCode."""
    try:
        app(**options)
    except ReleaseError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(getattr(error, "exit_code", ExitCode.ERROR))
