"""Help of a command: what its docstring tells, and options without the noise of their types."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from typer.core import TyperCommand, TyperOption

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.abc import InspectLoader

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


def read_function(module: str, name: str) -> Callable[..., Any]:
    """Read a function of a module for its docstring; the module is not run, and imports nothing.

    Args:
        module: It is compiled, or read where Python keeps it compiled, as an import would do.
        name: The function stands at the top of the module. What is returned cannot be called.
    """
    spec = find_spec(module)
    loader = cast("InspectLoader", spec and spec.loader)
    code = cast("CodeType", loader.get_code(module))
    (found,) = (
        each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name
    )
    return FunctionType(found, {})


def description(function: Callable[..., Any]) -> str:
    """Return what a command's docstring tells before its examples, a line for each paragraph."""
    text = (inspect.getdoc(function) or "").partition(_EXAMPLES)[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def examples(function: Callable[..., Any]) -> list[str]:
    """Return the examples in a command's docstring, one line each."""
    lines = (inspect.getdoc(function) or "").partition(_EXAMPLES)[2].splitlines()
    return [line.strip() for line in lines if line.strip()]
