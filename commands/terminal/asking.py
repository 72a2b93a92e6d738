"""Whether there is somebody to ask, and what they answer."""

from __future__ import annotations

import sys

import typer

from commands.terminal.exit_codes import ExitCode
from constructs_lib.errors import ReleaseError


class NoAnswerError(ReleaseError):
    """A command asks before it goes on, and nobody is there to answer."""


def can_ask() -> bool:
    """Whether a person sits at the terminal; a script has none, and gets no question."""
    return sys.stdin.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is done that ``--yes`` would do without asking; end at a no.

    Raises:
        typer.Exit: The answer is no: nothing is to be changed.
        NoAnswerError: The input ends before an answer, as that of a script does.
    """
    try:
        agreed = yes or typer.confirm(question, err=True)
    except typer.Abort:
        if can_ask():
            raise
        typer.echo(err=True)
        raise NoAnswerError(
            "Nothing changed, because nobody answered. To go on without being asked: add --yes."
        ) from None
    if not agreed:
        typer.echo("Nothing changed.", err=True)
        raise typer.Exit(ExitCode.ERROR)
