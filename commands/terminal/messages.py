"""Messages on standard error: what kind it is stands before it, in colour at a terminal."""

from __future__ import annotations

import os
import re
from typing import Final, Literal

import typer

_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "cyan"}
_KIND: Final = re.compile(rf"\b({'|'.join(_COLOURS)})\b")


def tell(kind: Literal["error", "warning", "note"], text: object) -> None:
    """Print a message of a kind."""
    typer.echo(f"{coloured(kind)}: {text}", err=True)


def coloured(text: str) -> str:
    """Colour the first word that is the kind of a message; what is no terminal shows none of it.

    Source: no-color.org, for the variable ``NO_COLOR``.
    """
    if os.environ.get("NO_COLOR"):
        return text
    return _KIND.sub(lambda match: typer.style(match[0], _COLOURS[match[0]], bold=True), text, 1)
