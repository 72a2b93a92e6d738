"""Whether there is somebody to ask, and what they answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, TypeVar

import typer

from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import say
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.lines import fitted

Value = TypeVar("Value")

_REFUSED: Final = "Error: "
"""What Typer prints before the reason why it asks again."""


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


def prompt(
    question: str, default: str | None, read: Callable[[str], Value], *, show_default: bool = True
) -> Value:
    """Ask a question until it has an answer that can be used.

    Args:
        question: What to ask.
        default: The answer if there is none; None asks again.
        read: Makes the value of an answer; refuses it by a ``typer.BadParameter``.
        show_default: Whether the question shows the default.

    Raises:
        typer.Abort: The input ends before an answer.
    """

    def read_fitted(answer: str) -> Value:
        try:
            return read(answer)
        except typer.BadParameter as error:
            told = fitted(f"{_REFUSED}{error.message}", sys.stderr, hang=2)
            raise typer.BadParameter(told.removeprefix(_REFUSED)) from error

    value: Value = typer.prompt(
        fitted(question, sys.stderr),
        default,
        show_default=show_default,
        value_proc=read_fitted,
        err=True,
    )
    return value


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
