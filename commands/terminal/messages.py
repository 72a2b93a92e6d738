"""What commands say: lines that fit the terminal, and messages with their kind before them."""

from __future__ import annotations

import os
import re
import sys
from typing import Final, Literal

import typer

from constructs_lib.terminal.lines import fitted

_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "cyan"}
_KIND: Final = re.compile(rf"\b({'|'.join(_COLOURS)})\b")


def say(text: object, *, err: bool = False, hang: int = 0) -> None:
    """Print a text; at a terminal, in lines that fit it.

    Args:
        text: What is for scripts, such as JSON or a command to copy, is printed as it is instead.
        err: Print on standard error.
        hang: How many columns to the right each line goes on.
    """
    typer.echo(fitted(str(text), sys.stderr if err else sys.stdout, hang), err=err)


def tell(kind: Literal["error", "warning", "note"], text: object) -> None:
    """Print a message of a kind on standard error."""
    tell_finding(f"{kind}: {text}")


def tell_finding(text: str) -> None:
    """Print a message that names its kind itself on standard error."""
    typer.echo(coloured(fitted(text, sys.stderr, hang=2)), err=True)


def in_one_place() -> bool:
    """Whether standard output and standard error end at one reader: what one says is read there."""
    try:
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except (OSError, ValueError):
        return False


def coloured(text: str) -> str:
    """Colour the first word that is the kind of a message; what is no terminal shows none of it.

    Source: no-color.org, for the variable ``NO_COLOR``.
    """
    if os.environ.get("NO_COLOR"):
        return text
    return _KIND.sub(lambda match: typer.style(match[0], _COLOURS[match[0]], bold=True), text, 1)
