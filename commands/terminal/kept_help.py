"""Help, kept as it was printed: it changes with the code and the terminal only.

Typer and Rich take ten times as long to draw it as Python takes to start, half of it for their
imports. Nothing of either is imported here. What is kept is not used once a file has changed that
was loaded to draw it, which is judged as Python judges its byte code: by time and size.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Final, TextIO, cast

from commands.terminal import places

VARIABLES: Final = (
    *("COLORTERM", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "TERM"),
    *("COLUMNS", "LINES", "JUPYTER_COLUMNS", "JUPYTER_LINES", "TERMINAL_WIDTH"),
    *("DATABRICKS_RUNTIME_VERSION", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
    *("LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "UNICODE_VERSION"),
    *("TYPER_USE_RICH", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"),
    "_TYPER_FORCE_DISABLE_TERMINAL",
)
"""What Typer, Rich and gettext read of the environment to draw help."""
_HELP: Final = "--help"
_MOST_FILES: Final = 500
"""Each command has one for each width of a terminal, until all are removed."""
_BEGAN: Final = time.time_ns()
"""What has changed since may be newer than what was drawn of it."""


def print_kept() -> bool:
    """Print the help that the command line asks for; returns whether it was kept, and is current.

    Also returns False where it cannot be written, which whoever draws it tells.
    """
    if not _is_asked_for():
        return False
    try:
        kept: dict[str, Any] = json.loads(_file().read_text(encoding="utf-8"))
        if any(_state(path) != state for path, state in kept["files"].items()):
            return False
        sys.stdout.write(kept["text"])
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return False  # there is none, or no file of ours
    return True


@contextmanager
def keeping() -> Iterator[None]:
    """Keep the help that is printed inside, if the command line asks for some."""
    if not _is_asked_for():
        yield
        return
    copied = _CopiedOutput(sys.stdout)
    try:
        with redirect_stdout(cast("TextIO", copied)):
            yield
    except SystemExit as end:
        if not end.code:
            _keep("".join(copied.texts))
        raise


class _CopiedOutput:
    """A stream that notes what is written to it, and else is the one that it stands for."""

    def __init__(self, stream: TextIO) -> None:
        self.texts: list[str] = []
        self._stream = stream

    def write(self, text: str) -> int:
        count = self._stream.write(text)
        self.texts.append(text)
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _keep(text: str) -> None:
    """Write the file; where that is not possible, help is drawn the next time, too."""
    from constructs_lib.text_files import replace_text

    file, states = _file(), {path: _state(path) for path in sorted(_files())}
    if any(state and state[0] >= _BEGAN for state in states.values()):
        return
    document = {"files": states, "text": text}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        others = list(file.parent.iterdir())
        for other in others if len(others) >= _MOST_FILES else ():
            other.unlink(missing_ok=True)
        replace_text(file, json.dumps(document))
    except OSError:
        return


def _files() -> Iterator[str]:
    """Yield what was loaded, and the commands whose docstrings were read."""
    yield from (path for each in sys.modules.values() if (path := getattr(each, "__file__", None)))
    yield from map(str, Path(__file__).parents[1].rglob("*.py"))


def _state(path: str) -> list[int] | None:
    """Return what changes with a file: time and size; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116  # of hundreds, for which paths take too long
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size]


def _is_asked_for() -> bool:
    """Whether the command line is ``release --help``, or that of a command, and somebody reads."""
    *command, last = sys.argv[1:] or [""]
    names_one = len(command) == 1 and not command[0].startswith("-")
    return last == _HELP and (not command or names_one) and sys.stdout is not None


def _file() -> Path:
    """Return where the help is kept: by all that it depends on beside files."""
    program = Path(sys.argv[0]).name
    terminal = (sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.errors)
    widths = [_width(descriptor) for descriptor in range(3)]
    environment = {name: os.environ.get(name) for name in VARIABLES}
    # Without docstrings, as by -OO, it is another one.
    python = (sys.version, sys.prefix, sys.flags.optimize)
    key = (program, sys.argv[1:], python, terminal, widths, environment)
    digest = hashlib.sha256(repr(key).encode("utf-8", "backslashreplace")).hexdigest()
    return places.STATE / "help" / f"{digest}.json"


def _width(descriptor: int) -> int | None:
    """Return the columns of the terminal that Rich finds at a file descriptor, if it is one."""
    try:
        return os.get_terminal_size(descriptor).columns
    except OSError:
        return None
