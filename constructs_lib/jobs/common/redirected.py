"""Lets Python code find a folder under a path that this machine does not have."""

from __future__ import annotations

import builtins
import functools
import io
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_OPENING = ((builtins, "open"), (io, "open"))
_OF_OS = ("open", "stat", "lstat", "listdir", "scandir", "access")


def redirect(path: str, folder: str) -> None:
    """Let this process find a folder's files under another path, too.

    It holds for what opens, lists and looks at files in Python; native code opens them itself.

    Args:
        path: Absolute; nothing is there.
        folder: What is found there from now on.
    """

    def moved(given: Any) -> Any:
        text = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
        if isinstance(text, str) and (text == path or text.startswith(path + os.sep)):
            return folder + text[len(path) :]
        return given

    def moving(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            if arguments:
                return function(moved(arguments[0]), *arguments[1:], **named)
            return function(**{name: moved(value) for name, value in named.items()})

        return call

    for module, name in (*_OPENING, *((os, name) for name in _OF_OS)):
        setattr(module, name, moving(getattr(module, name)))
