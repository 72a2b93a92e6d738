"""The table of commands, and the program over it that imports a command's module when needed."""

from __future__ import annotations

import errno
import logging
import os
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from commands.terminal.help_texts import (
    PlainCommand,
    description,
    examples,
    name_values,
    read_function,
)
from commands.terminal.messages import coloured, say, tell
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.lines import TerminalHandler
from constructs_lib.terminal.paths import shown_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer._click import Command, Context, Parameter
    from typer._click.exceptions import ClickException

GROUPS: Final = {
    "A pipeline's folder: no AWS is needed": {
        "new": "commands.author.new",
        "validate": "commands.author.validate",
        "definition": "commands.author.definition",
        "diff": "commands.author.diff",
        "graph": "commands.author.graph",
        "payloads": "commands.author.payloads",
        "package": "commands.author.package",
        "check-archive": "commands.author.check_archive",
        "move": "commands.author.move",
    },
    "The embedded AWS": {
        "demo": "commands.local.embedded",
        "emulator": "commands.local.embedded",
        "deploy-local": "commands.local.embedded",
        "run": "commands.local.run",
        "report": "commands.local.report",
    },
    "AWS: the real one, or with --local the embedded one": {
        "start": "commands.aws.start",
        "executions": "commands.aws.executions",
        "status": "commands.aws.status",
        "logs": "commands.aws.logs",
        "stop": "commands.aws.executions",
        "retry": "commands.aws.executions",
        "packages": "commands.aws.packages",
        "replay": "commands.aws.replay",
        "approve": "commands.aws.packages",
        "reject": "commands.aws.packages",
        "deploy": "commands.aws.deploy",
        "rollback": "commands.aws.deploy",
        "endpoints": "commands.aws.endpoints",
        "invoke": "commands.aws.endpoints",
        "undeploy": "commands.aws.deploy",
        "clean-models": "commands.aws.clean_models",
        "execution-document": "commands.aws.execution_document",
        "doctor": "commands.aws.doctor",
    },
}
"""Commands by what they need, in the order of help."""
COMMANDS: Final = {name: module for group in GROUPS.values() for name, module in group.items()}
"""Module of each command; the function in it has the command's name."""


_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class LazyCommands(TyperGroup):
    """Finds commands in the table and imports only the one that is called.

    What lists commands, such as help and completion, gets outlines of them.
    """

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run a command, and exit.

        What was typed wrong is told as every error is: Typer's frame would break long words.
        """
        from typer._click.exceptions import ClickException

        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except ClickException as error:
            _tell_usage_error(error)
            sys.exit(error.exit_code)
        except typer.Abort:
            typer.echo("Aborted.", err=True)
            sys.exit(ExitCode.ERROR)
        sys.exit(code or ExitCode.DONE)

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the parameters, named as those of the commands."""
        params = super().get_params(ctx)
        for param in params:
            name_values(param)
        return params

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002  # the base class's signature
        """Return every command's name."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002
        """Outline a command; None when there is none of that name."""
        return outline(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Import the command that is called; Typer suggests one of ``commands`` if it is none."""
        if args[0] in COMMANDS:
            return args[0], command(args[0]), args[1:]
        self.commands = {name: outline(name) for name in COMMANDS}
        return super().resolve_command(ctx, args)


def _tell_usage_error(error: ClickException) -> None:
    """Tell what is wrong, and where to read how it is right."""
    # Typer's checks raise errors of pydantic's, which puts their Python type before them.
    if not (
        told := error.format_message().replace("Value error, ", "", 1)
    ):  # the help was asked for by giving nothing
        return
    context = getattr(error, "ctx", None)
    if context is not None:
        say(context.get_usage(), err=True)
        say(f"Try '{context.command_path} {context.help_option_names[0]}' for help.", err=True)
    tell("error", told)


def outline(name: str) -> Command:
    """Tell what a command is for, without importing it: it has its help, and no options."""
    function = read_function(COMMANDS[name], _function_name(name))
    return TyperCommand(name, help=description(function), rich_help_panel=_title(name))


def command(name: str) -> Command:
    """Import a command of the table."""
    single = typer.Typer(add_completion=False)
    single.command(
        name,
        cls=PlainCommand,
        help=description(function(name)),
        epilog="\n".join(["Examples:", *examples(function(name))]),
        rich_help_panel=_title(name),
    )(function(name))
    return typer.main.get_command(single)


def function(name: str) -> Callable[..., Any]:
    """Import the function of a command of the table."""
    found: Callable[..., Any] = getattr(import_module(COMMANDS[name]), _function_name(name))
    return found


def _function_name(command_name: str) -> str:
    return command_name.replace("-", "_")


def _title(command_name: str) -> str:
    return next(title for title, group in GROUPS.items() if command_name in group)


app = typer.Typer(
    help="Release PyTorch models through SageMaker Pipelines.",
    epilog="release COMMAND --help tells more of a command, with examples.",
    cls=LazyCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _tell_version(*, asked: bool) -> None:
    """Print the version of the app, and end."""
    if asked:
        with (places.ROOT / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file)["project"]
        typer.echo(f"{project['name']} {project['version']}")
        raise typer.Exit


@app.callback()
def _release(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            callback=lambda asked: _tell_version(asked=asked),
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Make a group of the program: its commands come from the table.

    What an earlier one in this process was told about its environment is not the next one's.
    """
    places.choose_environment(None)


class FolderGoneError(ReleaseError):
    """The current folder was deleted, from which paths are told and found."""


def _refuse_a_folder_that_is_gone() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise FolderGoneError(
            "The current folder is there no more: change to one that is, such as the app's."
        ) from error


def main(**options: Any) -> None:
    """Run the command line; bad input ends with its message and an exit code, see ExitCode.

    So does a file or folder that cannot be used, wherever that shows: the disk is full, or the
    user may not write there.
    """
    logging.lastResort = TerminalHandler(coloured)  # where nothing else is set up for the log
    try:
        _refuse_a_folder_that_is_gone()
        app(**options)
    except ReleaseError as error:
        tell("error", error)
        sys.exit(getattr(error, "exit_code", ExitCode.ERROR))
    except OSError as error:
        if error.filename is None and error.errno not in _DISK_FULL:
            raise
        place = shown_path(error.filename) if error.filename else "the output"
        tell("error", f"Cannot use {place}: {error.strerror}.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is buffered would fail once more
        sys.exit(ExitCode.ERROR)
