"""Whether there is somebody to ask, and what they answer."""

from __future__ import annotations

import sys

import typer

from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import say
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.lines import fitted


class NoAnswerError(ReleaseError):
    """A command asks before it goes on, and nobody is there to answer."""


def can_ask() -> bool:
    """Whether a person sits at the terminal; a script has none, and gets no question."""
    return sys.stdin.isatty()


def ask(question: str, *, default: bool = False) -> bool:
    """Ask a question that is answered by yes or no.

    Raises:
        typer.Abort: The input ends before an answer.
    """
    return typer.confirm(fitted(question, sys.stderr), default=default, err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is done that ``--yes`` would do without asking; end at a no.

    Raises:
        typer.Exit: The answer is no: nothing is to be changed.
        NoAnswerError: The input ends before an answer, as that of a script does.
    """
    try:
        agreed = yes or ask(question)
    except typer.Abort:
        if can_ask():
            raise
        typer.echo(err=True)
        raise NoAnswerError(
            "Nothing changed, because nobody answered. To go on without being asked: add --yes."
        ) from None
    if not agreed:
        say("Nothing changed.", err=True)
        raise typer.Exit(ExitCode.ERROR)
