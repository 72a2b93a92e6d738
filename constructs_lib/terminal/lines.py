"""Lines that fit a terminal and break between words; elsewhere, a line stays one line.

A word that is longer than the terminal is wide, such as a path, a link or an S3 URI, stays whole.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_WITHOUT_A_SIZE: Final = 80
"""Columns of a terminal that tells none."""
_ROOM: Final = 30
"""Columns that are left for a text, however far right its name lets it begin."""


def fitted(text: str, stream: TextIO | None, hang: int = 0) -> str:
    """Break a text into lines for where it will be written: unchanged if that is no terminal.

    Args:
        text: Its own lines stay lines; each goes on below its own indentation.
        stream: Where it will be written; there is none in a process without a console.
        hang: How many columns more it goes on to the right.
    """
    width = _width(stream)
    return text if width is None else broken(text, width, hang)


def broken(text: str, width: int, hang: int = 0) -> str:
    """Break a text into lines of a width; see :func:`fitted`."""
    return "\n".join(
        f"{' ' * margin}{line[start:end]}"
        for line in text.split("\n")
        for margin, start, end in _pieces(line, width, hang)
    )


def print_fitted(console: Console, text: Text, hang: int = 0) -> None:
    """Print a text as :func:`fitted` breaks it, in its colours."""
    from rich.text import Text

    for line in text.split("\n"):
        whole = [(0, 0, len(line))]
        pieces = _pieces(line.plain, console.width, hang) if console.is_terminal else whole
        for margin, start, end in pieces:
            console.print(Text(" " * margin) + line[start:end], highlight=False, soft_wrap=True)


def _width(stream: TextIO | None) -> int | None:
    """Return the columns of the terminal that a stream is, as other programs find them."""
    if stream is None or not stream.isatty():
        return None
    if (columns := os.environ.get("COLUMNS", "")).isdecimal():
        return int(columns) or _WITHOUT_A_SIZE
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WITHOUT_A_SIZE
    except OSError:
        return _WITHOUT_A_SIZE


def _pieces(line: str, width: int, hang: int) -> Iterator[tuple[int, int, int]]:
    """Yield the pieces of a line: blanks before it, where it starts, and where it ends.

    The first word behind the hanging indentation stays with what is before it, such as its name.
    """
    most = max(width - _ROOM, width // 2)
    margin = min(len(line) - len(line.lstrip()) + hang, most)
    before, start, end = 0, 0, 0
    for word in re.finditer(r"\S+", line):
        if end and word.start() > margin and before + word.end() - start > width:
            yield before, start, end
            before, start = margin, word.start()
        end = word.end()
    yield before, start, end


class TerminalHandler(logging.StreamHandler[TextIO]):
    """Writes warnings of the log to standard error as messages of the command line."""

    def __init__(self, paint: Callable[[str], str] = str) -> None:
        """Take what colours the kind of a message at a terminal."""
        super().__init__(sys.stderr)
        self.setLevel(logging.WARNING)
        self._paint = paint

    def format(self, record: logging.LogRecord) -> str:
        """Return the message with its kind before it."""
        text = fitted(f"{record.levelname.lower()}: {record.getMessage()}", self.stream, hang=2)
        return self._paint(text) if self.stream.isatty() else text
