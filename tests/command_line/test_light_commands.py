"""Commands that need no AWS, completion, exit codes and the reference."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from typer._completion_shared import get_completion_script
from typer.testing import CliRunner, Result

from cli import main
from commands.health import machine
from commands.program import COMMANDS, app, function
from commands.reference import PATH, reference
from commands.terminal import places
from commands.terminal.completion import folder_names, pipeline_names
from commands.terminal.exit_codes import ExitCode
from commands.terminal.help_texts import description, examples
from tests.command_line.conftest import Command
from tests.example_pipeline import copy_pipelines

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app's folder with the example in it."""
    copy_pipelines(tmp_path)
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


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_one_line_on_a_narrow_terminal_and_shows_how(name: str) -> None:
    summary = description(function(name)).partition("\n")[0]

    assert len(summary) <= 80 - len("│ execution-document   │")
    assert summary.endswith(".")
    assert all(line.startswith(f"release {name}") for line in examples(function(name)))
    assert examples(function(name))


def test_options_are_named_without_their_types() -> None:
    help_text = CliRunner().invoke(app, ["packages", "--help"]).stdout

    assert "<bool>" not in help_text
    assert re.search(r"--region +REGION +", help_text)


def test_a_mistyped_command_is_a_usage_error_with_a_suggestion() -> None:
    result = CliRunner().invoke(app, ["aprove"])

    assert result.exit_code == ExitCode.USAGE
    assert "Did you mean 'approve'" in result.stderr


@pytest.mark.usefixtures("own_session")
def test_aws_without_credentials_is_one_message_and_exit_code_3(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))

    result = cli("packages", "returns-risk")

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


def test_the_shell_asks_and_is_answered(own_app: Path) -> None:
    environment = {
        "PATH": os.defpath,
        "_CLI.PY_COMPLETE": "complete_bash",
        "COMP_WORDS": "cli.py validate ret",
        "COMP_CWORD": "2",
    }

    result = subprocess.run(
        [sys.executable, str(own_app / "cli.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stdout.split() == ["returns_risk"]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("release val", "validate"),
        ("release graph ret", "returns_risk"),
        ("release packages ret", "returns-risk"),
        ("release packages returns-risk --region af", "af-south-1"),
        ("release status --wa", "--watch"),
    ],
)
def test_bash_completes(words: str, completed: str, tmp_path: Path, own_app: Path) -> None:
    (tmp_path / "release").symlink_to(own_app / "cli.py")
    script = get_completion_script(
        prog_name="release", complete_var="_RELEASE_COMPLETE", shell="bash"
    )
    asking = (
        f"{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "_release_completion release; printf '%s\\n' \"${COMPREPLY[@]}\""
    )

    result = subprocess.run(
        ["bash", "-c", asking],
        env={"PATH": f"{tmp_path}:{Path(sys.executable).parent}:{os.defpath}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.split() == [completed], result.stderr


def test_ctrl_c_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("commands.program.main", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == ExitCode.INTERRUPTED


def test_payloads_writes_the_archive_that_is_shipped(tmp_path: Path) -> None:
    archive = tmp_path / "payload.tar.gz"

    result = CliRunner().invoke(
        app, ["payloads", "returns_risk", "--output", str(archive), "--json"]
    )

    members = json.loads(result.stdout)["payloads"]
    with tarfile.open(archive) as tar:
        assert sorted(tar.getnames()) == sorted(members)


def test_payloads_shows_own_requests_without_what_controls_a_terminal(app_folder: Path) -> None:
    folder = app_folder / "pipelines" / "returns_risk"
    document = json.loads((folder / "config.json").read_text())
    document["configuration"]["specific"]["Payload"]["sample_requests_dir"] = "samples"
    (folder / "config.json").write_text(json.dumps(document))
    (folder / "samples").mkdir()
    (folder / "samples" / "a.txt").write_bytes(b"one\r\n\x1b[2J\xff\n" + b"x" * 2000)
    (folder / "samples" / "b.csv").write_text("1\n" * 12)

    shown = CliRunner().invoke(app, ["payloads", "returns_risk"]).stdout
    as_json = json.loads(CliRunner().invoke(app, ["payloads", "returns_risk", "--json"]).stdout)

    cut = "\n  ... (--output writes all of it)\n"
    assert "a.txt\n  one\n  \\x1b[2J\\xff\n  " + "x" * 1000 + cut in shown
    assert "b.csv\n" + "  1\n" * 9 + "  1" + cut in shown
    assert as_json["payloads"]["b.csv"] == "1\n" * 12
    assert list(as_json["payloads"])[-2:] == ["a.txt", "b.csv"]


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


def _answer(monkeypatch: pytest.MonkeyPatch, *answers: str) -> Result:
    monkeypatch.setattr("commands.author.new.can_ask", lambda: True)
    return CliRunner().invoke(app, ["new", "my_model"], input="".join(f"{x}\n" for x in answers))


def test_new_asks_for_what_was_not_given(app_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ("age:NUMERIC, note:text", "risk:NUMERIC", "eu, FE", "Returns", "state_dict")
    result = _answer(monkeypatch, "my-team", *answers)

    assert result.exit_code == ExitCode.DONE, result.output
    path = app_folder / "pipelines" / "my_model" / "config.json"
    shared = json.loads(path.read_text())["configuration"]["shared"]
    assert shared["model_owner"] == "my-team"
    assert shared["source_model_inference_input_variable_list"] == [
        ["age", "NUMERIC"],
        ["note", "TEXT"],
    ]
    assert shared["source_model_inference_output_variable_list"] == {"risk": "NUMERIC"}
    assert shared["registration_regions"] == ["EU", "FE"]
    assert shared["model_registration_domain"] == "Returns"
    assert (path.parent / "inference" / "network.py").is_file()


def test_new_asks_again_after_a_wrong_answer(
    app_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ("age", "", "risk:FLOAT", "", "mars", " ", "", "", "onnx", "")
    result = _answer(monkeypatch, "my-team", *answers)

    assert result.exit_code == ExitCode.DONE, result.output
    assert "'age' is not of the form NAME:NUMERIC or NAME:TEXT, such as age:NUMERIC" in (
        result.stderr
    )
    assert "'risk:FLOAT' is not of the form" in result.stderr
    assert "allowed are the names NA, EU, FE, and the AWS regions" in result.stderr
    assert "no region is given; give one or more, such as NA EU" in result.stderr
    assert "'onnx' is none of torchscript, state-dict, hugging-face\n" in result.stderr


@pytest.mark.parametrize("option", ["--variable", "--output"])
def test_new_quotes_a_variable_as_it_was_given_and_names_its_option(
    app_folder: Path, option: str
) -> None:
    result = CliRunner().invoke(app, ["new", "my_model", "--owner", "team", option, "age:INT"])

    assert result.exit_code == ExitCode.USAGE
    assert f"Invalid value for '{option}': 'age:INT' is not of the form" in result.stderr


def test_new_without_a_terminal_asks_nothing(app_folder: Path) -> None:
    result = CliRunner().invoke(app, ["new", "my_model"])

    assert result.exit_code == ExitCode.USAGE
    assert "--owner" in result.stderr


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
    monkeypatch.setattr(machine, "_MIN_FREE_GB", 10**9)

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == ExitCode.ERROR
    assert "PROBLEM" in result.stdout
    assert "fix: Free" in result.stdout


def test_the_reference_is_current() -> None:
    assert PATH.read_text() == reference(), "run: python -m commands.reference"


def test_without_the_packages_the_set_up_is_named() -> None:
    without_typer = (
        "import runpy, sys; sys.modules['typer'] = None; runpy.run_path('cli.py', None, '__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", without_typer],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == ExitCode.ERROR
    assert "Run 'make setup', then 'source .venv/bin/activate'" in result.stderr
    assert "Traceback" not in result.stderr
