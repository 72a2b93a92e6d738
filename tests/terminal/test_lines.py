"""Lines that fit a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from constructs_lib.terminal.lines import broken, fitted, print_fitted

REASON = "Step 'Package' failed: There is no s3://a-bucket/" + "x" * 70 + "/model.tar.gz, or so."


@pytest.mark.parametrize("width", [20, 40, 80, 120])
@pytest.mark.parametrize("hang", [0, 2, 17])
def test_lines_break_between_words_only(width: int, hang: int) -> None:
    lines = broken(f"error: {REASON}", width, hang).splitlines()

    assert " ".join(line.strip() for line in lines) == f"error: {REASON}"
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines[1:])


def test_a_line_goes_on_below_its_own_indentation() -> None:
    text = "config.json: 1 problem\n  $.region: takes the business code, not the AWS region"

    assert broken(text, 40, hang=2).splitlines() == [
        "config.json: 1 problem",
        "  $.region: takes the business code, not",
        "    the AWS region",
    ]


def test_what_has_a_name_before_it_stays_beside_that() -> None:
    assert broken("artifact         s3://a/" + "x" * 80, 40, hang=17).count("\n") == 0
    assert broken("throughput       20 requests per second", 35, hang=17).splitlines() == [
        "throughput       20 requests per",
        " " * 17 + "second",
    ]


def test_empty_lines_and_ends_of_lines_stay() -> None:
    assert broken("a\n\nb\n", 10) == "a\n\nb\n"


def test_what_is_no_terminal_gets_one_line() -> None:
    assert fitted(REASON * 3, io.StringIO()) == REASON * 3
    assert fitted(REASON, None) == REASON


def test_styles_stay_where_a_line_breaks() -> None:
    written = io.StringIO()
    console = Console(file=written, width=20, force_terminal=True, color_system="standard")

    print_fitted(console, Text.assemble("one two ", ("three four five", "red"), " six"))

    plain = [line.strip() for line in Text.from_ansi(written.getvalue()).plain.splitlines()]
    assert plain == ["one two three four", "five six"]
    assert written.getvalue().count("\x1b[31m") == 2


def test_print_fitted_leaves_lines_for_files_whole() -> None:
    written = io.StringIO()

    print_fitted(Console(file=written, width=20), Text("one two three four five six\nseven"))

    assert written.getvalue() == "one two three four five six\nseven\n"


_ENVIRONMENT = {"PATH": os.defpath, "TERM": "xterm", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def command(own_app: Path) -> list[str]:
    """A command that tells an error."""
    return [sys.executable, str(own_app / "cli.py"), "validate", "nothing" * 5]


@pytest.fixture(scope="module")
def piped(command: list[str]) -> str:
    """What the command writes where it is no terminal's."""
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=_ENVIRONMENT
    ).stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_commands_fit_the_terminal(command: list[str], piped: str, columns: int) -> None:
    told = _at_a_terminal(command, columns, _ENVIRONMENT)

    assert max(map(len, told)) <= columns
    assert len(piped.splitlines()) == 1 < len(told)
    assert " ".join(line.strip() for line in told) == piped.strip()


def _at_a_terminal(command: Sequence[str], columns: int, environment: dict[str, str]) -> list[str]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            told = b""
            while chunk := _read(terminal):
                told += chunk
    assert process.returncode == 1
    return told.decode().splitlines()


def _read(terminal: io.FileIO) -> bytes:
    try:
        return terminal.read(4096)
    except OSError:  # Linux's way to tell the end
        return b""
