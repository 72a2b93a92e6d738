"""Help: told of commands that are not imported, and kept as it was printed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich
import typer
from typer.core import TyperCommand

from commands.program import COMMANDS, command, outline
from commands.terminal.kept_help import VARIABLES
from tests.example_pipeline import ROOT

KEPT = Path(".local") / "help"


@pytest.fixture
def app(own_app: Path) -> Iterator[Path]:
    """The app that tests share, with no help kept."""
    shutil.rmtree(own_app / KEPT, ignore_errors=True)
    yield own_app
    shutil.rmtree(own_app / KEPT, ignore_errors=True)


@pytest.fixture
def changed_app(app: Path, tmp_path: Path) -> Path:
    """A copy of what tells help, for a test that changes files of it."""
    folder = tmp_path / "app"
    for name in ("commands", "constructs_lib"):
        shutil.copytree(app / name, folder / name)
    shutil.copy(app / "cli.py", folder)
    return folder


def _help(app: Path, *command_name: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "cli.py", *command_name, "--help"],
        cwd=app,
        env={"PATH": os.defpath, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def _imported(app: Path, *arguments: str, **environment: str) -> set[str]:
    """The modules that a command line has imported when it ends."""
    code = (
        f"import atexit, json, sys; sys.argv = ['release', *{arguments!r}]; import cli\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "cli.main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=app,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(json.loads(result.stderr.splitlines()[-1]))


@pytest.mark.parametrize("name", COMMANDS)
def test_an_outline_tells_what_the_command_tells(name: str) -> None:
    told, real = outline(name), command(name)

    assert isinstance(told, TyperCommand)
    assert isinstance(real, TyperCommand)
    assert (told.name, told.help) == (real.name, real.help)
    assert told.rich_help_panel == real.rich_help_panel


NEEDED_BY_NONE = {"aws_cdk", "boto3", "botocore", "moto", "pydantic", "sagemaker", "yaml"}


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--help"], {}),
        (["no-such-command"], {}),
        ([], {"_RELEASE_COMPLETE": "complete_bash", "COMP_WORDS": "release ", "COMP_CWORD": "1"}),
    ],
    ids=["help", "a mistyped command", "completion"],
)
def test_what_lists_commands_imports_none(
    app: Path, arguments: list[str], variables: dict[str, str]
) -> None:
    modules = _imported(app, *arguments, **variables)

    of_parsing = {"pydantic"} if arguments != ["--help"] else set()
    assert "typer" in modules
    assert modules & NEEDED_BY_NONE == of_parsing
    assert {name for name in modules if name in COMMANDS.values()} == set()


def test_help_of_commands_imports_nothing_that_does_their_work() -> None:
    code = (
        "import json, sys; from typer.testing import CliRunner; from commands import program\n"
        "for name in program.COMMANDS:\n"
        "    assert CliRunner().invoke(program.app, [name, '--help']).exit_code == 0\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    work = {f"constructs_lib.{name}" for name in ("compilation", "configs", "linter", "settings")}

    # Typer reads values by pydantic, if only that of an option that was not given.
    assert set(json.loads(printed)) & {*NEEDED_BY_NONE, *work} == {"pydantic"}


@pytest.mark.parametrize("name", [(), ("status",)])
@pytest.mark.parametrize("look", [{}, {"COLUMNS": "132"}, {"FORCE_COLOR": "1"}])
def test_kept_help_is_the_drawn_one(app: Path, name: tuple[str, ...], look: dict[str, str]) -> None:
    drawn = _help(app, *name, **look)
    kept = _help(app, *name, **look)
    modules = _imported(app, *name, "--help", **{"COLUMNS": "80", **look})

    assert len(drawn) > 1000
    assert kept == drawn
    assert ("\x1b[" in kept) == ("FORCE_COLOR" in look)
    assert max(map(len, re.sub(r"\x1b\[\d*(;\d+)*m", "", kept).splitlines())) == int(
        look.get("COLUMNS", "80")
    )
    assert "typer" in modules  # of another program's name: its usage differs
    assert "typer" not in _imported(app, *name, "--help", **{"COLUMNS": "80", **look})


def test_a_change_of_a_command_shows_at_once(changed_app: Path) -> None:
    module = changed_app / "commands" / "aws" / "status.py"
    for of in ((), ("status",)):
        assert "Show an execution" in _help(changed_app, *of)
    module.write_text(module.read_text().replace("Show an execution:", "Look at an execution:"))

    for of in ((), ("status",)):
        assert "Look at an execution: steps" in _help(changed_app, *of)
        assert "Look at an execution: steps" in _help(changed_app, *of)


def test_a_change_of_what_commands_share_shows_at_once(changed_app: Path) -> None:
    module = changed_app / "commands" / "terminal" / "options.py"
    assert "of the AWS credentials" in _help(changed_app, "status")
    module.write_text(module.read_text().replace("of the AWS credentials", "of whoever calls AWS"))

    assert "of whoever calls AWS" in _help(changed_app, "status")


def test_help_is_not_kept_where_a_file_may_have_changed_since_it_was_loaded(
    changed_app: Path,
) -> None:
    module = changed_app / "commands" / "aws" / "status.py"
    later = time.time() + 100
    os.utime(module, (later, later))

    _help(changed_app)

    assert not (changed_app / KEPT).exists()


def test_help_without_docstrings_is_kept_for_nobody_else(app: Path) -> None:
    without = _help(app, "status", PYTHONOPTIMIZE="2")

    assert "Show an execution" not in without
    assert "Show an execution" in _help(app, "status")
    assert _help(app, "status", PYTHONOPTIMIZE="2") == without


def test_help_that_cannot_be_kept_is_printed(changed_app: Path) -> None:
    (changed_app / ".local").write_text("")

    assert _help(changed_app) == _help(changed_app)
    assert (changed_app / ".local").read_text() == ""


@pytest.fixture(scope="module")
def drawn(own_app: Path) -> tuple[str, str]:
    """The help of the app as it was drawn, and the name of the file that it was kept in."""
    shutil.rmtree(own_app / KEPT, ignore_errors=True)
    text = _help(own_app)
    (file,) = (own_app / KEPT).iterdir()
    return text, file.name


@pytest.mark.parametrize(
    "damage",
    ["", "{", '{"files": {}}', '{"files": 1, "text": ""}', "[]", "[" * 200_000],
    ids=lambda damage: damage[:30],
)
def test_a_kept_file_that_is_damaged_is_written_anew(
    drawn: tuple[str, str], app: Path, damage: str
) -> None:
    text, name = drawn
    kept = app / KEPT / name
    kept.parent.mkdir(parents=True)
    kept.write_text(damage)

    assert _help(app) == text
    assert json.loads(kept.read_text())["text"] == text


@pytest.mark.parametrize("arguments", [["--version", "--help"], ["no-such", "--help"], ["new"]])
def test_nothing_else_is_kept(app: Path, arguments: list[str]) -> None:
    subprocess.run(
        [sys.executable, "cli.py", *arguments], cwd=app, capture_output=True, check=False
    )

    assert not (app / KEPT).exists()


def test_output_that_is_closed_or_full_ends_without_a_traceback(app: Path) -> None:
    _help(app)

    for redirection in (">&-", "> /dev/full"):
        result = subprocess.run(
            ["sh", "-c", f"{sys.executable} cli.py --help {redirection}"],
            cwd=app,
            env={"PATH": os.defpath, "COLUMNS": "80"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in result.stderr
        assert (result.returncode != 0) == ("full" in redirection), result.stderr


def test_all_that_drawing_reads_of_the_environment_is_known() -> None:
    read = re.compile(r"(?:environ(?:\.get\(|\[)|getenv\(\s*)\s*[\"'](\w+)[\"']")
    drawing = [
        *Path(rich.__file__).parent.rglob("*.py"),
        Path(typer.__file__).with_name("core.py"),
        Path(typer.__file__).with_name("completion.py"),
        Path(typer.__file__).with_name("rich_utils.py"),
    ]
    names = {name for path in drawing for name in read.findall(path.read_text(encoding="utf-8"))}

    assert {"COLUMNS", "NO_COLOR", "TERMINAL_WIDTH", "TYPER_USE_RICH"} <= names
    assert names <= set(VARIABLES)
