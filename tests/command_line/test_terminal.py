"""What every command has: a version, environments, and messages that fit a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
import typer
from rich.console import Console
from typer import rich_utils
from typer.testing import CliRunner

from commands.aws.doctor import _tell
from commands.aws.status import _print_long, table
from commands.executions.states import ExecutionState, StepState
from commands.health.checks import Check
from commands.program import COMMANDS, app
from commands.registry.versions import show
from commands.terminal import places
from commands.terminal.messages import coloured
from constructs_lib.settings import SettingsError
from constructs_lib.terminal import lines
from tests.model_packages import model_package

ROOT = Path(__file__).parents[2]
RED = "\x1b[31m"


def test_the_version_is_that_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "ROOT", ROOT)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"{project['name']} {project['version']}\n")


@pytest.fixture
def with_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app with two environments that have other home regions."""
    environments = {
        "dev": {"account": "111122223333"},
        "prod": {"account": "444455556666", "home_region": "eu-west-1"},
    }
    context = {"context": {"model-release": {"environments": environments}}}
    (tmp_path / "cdk.json").write_text(json.dumps(context))
    monkeypatch.setattr(places, "ROOT", tmp_path)
    monkeypatch.setattr(places, "STATE", tmp_path / ".local")
    return tmp_path


@pytest.mark.usefixtures("with_environments")
def test_an_environments_settings_are_used_by_the_command_that_is_told() -> None:
    def first_line(*options: str) -> str:
        return CliRunner().invoke(app, ["status", "p", "--local", *options]).stderr.splitlines()[0]

    assert first_line("--environment", "prod").endswith("eu-west-1")
    assert first_line("--environment", "dev").endswith("us-east-1")
    assert first_line().endswith("us-east-1")


@pytest.mark.usefixtures("with_environments")
@pytest.mark.parametrize(
    "command", [["validate"], ["definition", "p"], ["graph", "p"], ["status", "p", "--local"]]
)
def test_an_environment_that_there_is_not_is_told_with_those_there_are(command: list[str]) -> None:
    error = CliRunner().invoke(app, [*command, "--environment", "test"]).exception

    assert isinstance(error, SettingsError)
    assert "Defined are: dev, prod" in str(error)


@pytest.mark.usefixtures("with_environments")
def test_an_environment_is_that_of_one_command_only() -> None:
    CliRunner().invoke(app, ["validate", "p", "--environment", "test"])

    error = CliRunner().invoke(app, ["payloads", "p"]).exception

    assert not isinstance(error, SettingsError)


def test_a_current_folder_that_is_gone_is_told(own_app: Path, tmp_path: Path) -> None:
    command = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    arguments = [sys.executable, str(own_app / "cli.py"), "validate"]

    result = subprocess.run(
        ["sh", "-c", command, "sh", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("error: The current folder is there no more")
    assert "Traceback" not in result.stderr


def test_messages_are_coloured_at_a_terminal_only(own_app: Path) -> None:
    command = [sys.executable, str(own_app / "cli.py"), "validate", "nothing"]
    environment = {"PATH": os.defpath, "TERM": "xterm"}

    plain = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    at_a_terminal = _at_a_terminal(command, environment)
    without_colours = _at_a_terminal(command, {**environment, "NO_COLOR": "1"})

    assert plain.stderr.startswith("error: There is no pipeline")
    assert RED in at_a_terminal
    assert "\x1b[" not in without_colours
    assert "error: There is no pipeline" in without_colours


def _at_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        told = b""
        while chunk := _read(ours):
            told += chunk
    os.close(ours)
    assert process.returncode == 1
    return told.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux's way to tell the end
        return b""


@pytest.mark.parametrize("kind", ["error", "warning", "note"])
def test_only_the_kind_of_a_message_is_coloured(kind: str) -> None:
    told = coloured(f"{kind} [Step] $.x: another error")

    assert re.fullmatch(rf"\x1b\[\d+m\x1b\[1m{kind}\x1b\[0m \[Step\] \$\.x: another error", told)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("columns", [80, 120])
def test_help_fits_the_terminal_and_breaks_no_word(name: str, columns: int) -> None:
    told, wide = _help(name, columns), _help(name, 1000)

    assert max(map(len, told.splitlines())) <= columns < max(map(len, wide.splitlines()))
    assert _words(wide) - _words(told) == set()


@cache
def _help(name: str, columns: int) -> str:
    # Typer reads the variable TERMINAL_WIDTH once in a process.
    with patch.object(rich_utils, "MAX_WIDTH", columns):
        return CliRunner().invoke(app, [name, "--help"]).output


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\s│╭╮╰╯─]+", text))


@pytest.mark.parametrize("columns", [80, 120])
def test_what_is_typed_wrong_is_told_as_every_error_and_no_word_is_broken(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{'a-long-folder/' * 10}model.tar.gz"
    monkeypatch.setattr(lines, "_width", lambda _: columns)

    result = CliRunner().invoke(app, ["run", "p", "--endpoint", path])

    told = result.stderr.splitlines()
    assert result.exit_code == 2
    assert told[0].startswith("Usage: ")
    assert told[1].endswith("run --help' for help.")
    assert told[2].startswith("error: Invalid value for '--endpoint'")
    assert any(line.strip() == f"'{path}'" for line in told)
    assert all(len(line) <= columns or line.strip() == f"'{path}'" for line in told)


def test_what_is_typed_wrong_is_told_without_words_of_python() -> None:
    result = CliRunner().invoke(app, ["new", "p", "--owner", "o", "--shape", "round"])

    assert result.exit_code == 2
    assert "error: Invalid value for '--shape': 'round' is not one of" in result.stderr


def test_a_command_that_nobody_answers_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def abort(*_: object) -> None:
        raise typer.Abort

    monkeypatch.setattr(places, "read_settings", abort)

    result = CliRunner().invoke(app, ["validate"])

    assert (result.exit_code, result.stderr) == (1, "Aborted.\n")


@pytest.mark.parametrize("columns", [80, 120])
def test_versions_of_regions_with_long_names_stay_on_a_line(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    measured = {
        "latency_p50_in_millisecond": 12.3,
        "latency_p99_in_millisecond": 121.8,
        "error_rate": 0.0012,
        "achieved_tps": 120.0,
    }
    package = model_package(
        12,
        region="ap-southeast-2",
        approval_status="PendingManualApproval",
        creation_time="2026-11-28T12:19:51Z",
        metadata={"artifact_sha256": "0123456789abcdef"},
        measured=measured,
    )

    show([package])

    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= columns
    words = "ap-southeast-2 12 Pending 11-28 12:19 12.3 121.8 0.12% 120.0 01234567"
    assert set(words.split()) <= set(told.split())


LINK = "https://us-east-1.console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas/L-1"


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_doctor_breaks_lines_between_words_only(columns: int) -> None:
    name = "quota: ml.m5.4xlarge for processing job usage"
    check = Check(name, "problem", "0 allowed, 1 needed: too few of them for this", f"Ask: {LINK}")

    written = io.StringIO()
    _tell(check, Console(file=written, width=columns, force_terminal=True, color_system=None))

    lines = [line.rstrip() for line in written.getvalue().splitlines()]
    assert [line.strip() for line in lines if LINK in line] != []
    told = f"PROBLEM {name} {check.detail} fix: {check.fix}"
    assert " ".join(" ".join(lines).split()) == told
    assert all(len(line) <= columns or line.strip() == LINK for line in lines)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_reason_with_a_long_path_stands_below_the_table(columns: int) -> None:
    path = "s3://model-release-storage-artifactbucket7410c9ef/incoming/returns-risk/model.tar.gz"
    steps = (
        StepState(name="Package", status="Failed", reason=f"There is no {path}, or so it seems."),
        StepState(name="Verify", status="NotExecuted", reason="Step 'Package' failed."),
    )
    state = ExecutionState(
        pipeline="p",
        id="abc",
        arn="arn",
        status="Failed",
        start_time=datetime(2026, 11, 2, tzinfo=UTC),
        end_time=datetime(2026, 11, 2, tzinfo=UTC),
        failure_reason=None,
        steps=steps,
    )
    written = io.StringIO()

    console = Console(file=written, width=columns, force_terminal=True, color_system=None)

    console.print(table(state))
    _print_long(state, console)

    lines = [line.strip() for line in written.getvalue().splitlines()]
    assert any(f"{path}," in line for line in lines)
    assert "Step 'Package' failed." in written.getvalue()
