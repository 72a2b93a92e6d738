"""Commands that need no AWS, completion, exit codes and the reference."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import doctor, places
from commands.completion import folder_names, pipeline_names
from commands.exit_codes import ExitCode
from commands.reference import PATH, reference
from commands.table import COMMANDS, app

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app's folder with the example in it."""
    shutil.copytree(ROOT / "pipelines" / "returns_risk", tmp_path / "pipelines" / "returns_risk")
    (tmp_path / "cdk.json").write_text('{"context": {}}')
    monkeypatch.setattr(places, "ROOT", tmp_path)
    return tmp_path


def test_help_names_every_command() -> None:
    help_text = CliRunner().invoke(app, ["--help"]).stdout

    assert all(name in help_text for name in COMMANDS)


def test_every_command_has_help_of_its_own() -> None:
    for name in COMMANDS:
        result = CliRunner().invoke(app, [name, "--help"])
        assert result.exit_code == ExitCode.DONE
        assert f" {name} " in result.stdout


def test_a_mistyped_command_is_a_usage_error_with_a_suggestion() -> None:
    result = CliRunner().invoke(app, ["aprove"])

    assert result.exit_code == ExitCode.USAGE
    assert "Did you mean 'approve'?" in result.stderr


def test_aws_without_credentials_is_one_message_and_exit_code_3(tmp_path: Path) -> None:
    environment = {
        "PATH": os.defpath,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }

    result = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "packages", "returns-risk"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == ExitCode.AWS
    assert "aws sso login" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_what_is_piped_has_no_colour() -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "--help"],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "\x1b" not in result.stdout


def test_the_shell_completes_names(app_folder: Path) -> None:
    (app_folder / "pipelines" / "broken").mkdir()
    (app_folder / "pipelines" / "broken" / "config.json").write_text("{")

    assert folder_names("ret") == ["returns_risk"]
    assert pipeline_names("") == ["returns-risk"]


def test_the_shell_asks_and_is_answered() -> None:
    environment = {
        "PATH": os.defpath,
        "_CLI.PY_COMPLETE": "complete_bash",
        "COMP_WORDS": "cli.py validate ret",
        "COMP_CWORD": "2",
    }

    result = subprocess.run(
        [sys.executable, str(ROOT / "cli.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stdout.split() == ["returns_risk"]


def test_payloads_writes_the_archive_that_is_shipped(tmp_path: Path) -> None:
    archive = tmp_path / "payload.tar.gz"

    result = CliRunner().invoke(
        app, ["payloads", "returns_risk", "--output", str(archive), "--json"]
    )

    members = json.loads(result.stdout)["payloads"]
    with tarfile.open(archive) as tar:
        assert sorted(tar.getnames()) == sorted(members)


def test_a_file_that_cannot_be_written_is_named() -> None:
    result = CliRunner().invoke(app, ["payloads", "returns_risk", "--output", "/no/such/file"])

    assert isinstance(result.exception, places.OutputError)


def test_a_new_pipeline_is_valid(app_folder: Path) -> None:
    made = CliRunner().invoke(
        app,
        "new my_model --owner team --variable age:NUMERIC --registration-region EU",
    )
    valid = CliRunner().invoke(app, ["validate", "my_model", "--json"])

    assert made.exit_code == ExitCode.DONE, made.output
    assert json.loads(valid.stdout)[0] | {"findings": []} == {
        "name": "my_model",
        "pipeline": "my-model",
        "valid": True,
        "error": None,
        "findings": [],
    }


@pytest.mark.parametrize("name", ["returns_risk", "../outside", "9lives"])
def test_a_name_that_cannot_be_taken_leaves_nothing(app_folder: Path, name: str) -> None:
    result = CliRunner().invoke(app, ["new", name, "--owner", "team"])

    assert result.exit_code == ExitCode.ERROR
    assert [path.name for path in (app_folder / "pipelines").iterdir()] == ["returns_risk"]


def test_doctor_says_what_it_could_not_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))

    result = CliRunner().invoke(app, ["doctor", "--json"])

    states = {check["name"]: check["state"] for check in json.loads(result.stdout)}
    assert states["Python"] == "ok"
    assert states["credentials"] == states["bootstrap"] == "unknown"


def test_doctor_fails_and_says_how_to_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "_MIN_FREE_GB", 10**9)

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == ExitCode.ERROR
    assert "PROBLEM" in result.stdout
    assert "fix: Free" in result.stdout


def test_the_reference_is_current() -> None:
    assert PATH.read_text() == reference(), "run: python -m commands.reference"
