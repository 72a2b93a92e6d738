"""Help of a command: what its docstring tells, and options without the noise of their types."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperCommand, TyperOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer._click import Context, Parameter

_EXAMPLES: Final = "\n\nExamples:\n"


class PlainCommand(TyperCommand):
    """Shows an option's value as ``REGION`` and a flag without one, rather than Python types."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the parameters, ``--help`` too."""
        params = super().get_params(ctx)
        for param in params:
            name_values(param)
        return params


def name_values(param: Any) -> None:
    """Name the value of an argument or option in help, unless it is named already."""
    if param.metavar is not None:
        return
    if isinstance(param, TyperOption):
        param.metavar = "" if param.is_flag else param.opts[0].rpartition("-")[2].upper()
    else:
        param.metavar = f"{param.name.upper()}..." if param.nargs != 1 else param.name.upper()


def description(function: Callable[..., Any]) -> str:
    """Return what a command's docstring tells before its examples, a line for each paragraph."""
    text = (inspect.getdoc(function) or "").partition(_EXAMPLES)[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def examples(function: Callable[..., Any]) -> list[str]:
    """Return the examples in a command's docstring, one line each."""
    lines = (inspect.getdoc(function) or "").partition(_EXAMPLES)[2].splitlines()
    return [line.strip() for line in lines if line.strip()]
