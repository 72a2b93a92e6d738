"""``--json``: one document on standard output from every command, everything else on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.program import COMMANDS, app, command
from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from constructs_lib.aws.cloud_assembly import CloudAssembly
from constructs_lib.endpoints.deployment import deployment_of
from local.emulator import EmbeddedAws
from local.outcome import Release
from local.rollback import RollbackShown
from local.rollback.inbox import Mail
from local.runner import read_execution
from tests.command_line.registered_pipeline import NAME, write_record
from tests.endpoints.histories import taken_back
from tests.example_pipeline import MODEL

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_print_json(name: str) -> None:
    assert "--json" in {option for each in command(name).params for option in each.opts}


def _document(result: Result) -> Any:
    assert result.exit_code == ExitCode.DONE, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        "validate --json",
        "definition returns_risk --json",
        "graph returns_risk --json",
        "payloads returns_risk --json",
        f"check-archive returns_risk {MODEL} --with-code --seconds 0 --json",
    ],
)
def test_commands_of_a_folder_print_one_document(
    arguments: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == ExitCode.DONE, result.output
    assert json.loads(result.stdout or capfd.readouterr().out)  # of the command, or of its child


def test_a_picture_is_written_beside_the_document(tmp_path: Path) -> None:
    picture = tmp_path / "graph.svg"
    arguments = ["graph", "returns_risk", "--as", "svg", "--output", str(picture), "--json"]

    assert _document(CliRunner().invoke(app, arguments))["output"] == str(picture)
    assert picture.read_text().startswith("<svg")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where local commands leave what they do."""
    monkeypatch.setattr(places, "STATE", tmp_path)
    return tmp_path


def test_report_names_its_page(state: Path) -> None:
    folder = write_record(state / "executions" / "abc123")

    page = _document(CliRunner().invoke(app, ["report", str(folder), "--json"]))["report"]

    assert Path(page).read_text().startswith("<!DOCTYPE html>")


def test_demo_prints_the_execution(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(folder: Path, console: Any) -> Release:
        console.print("something for a person")
        return Release(read_execution(write_record(folder / "executions" / "abc123")))

    monkeypatch.setattr("local.demo.run_demo", run)

    result = CliRunner().invoke(app, ["demo", "--json"])

    document = json.loads(result.stdout)
    assert result.exit_code == ExitCode.ERROR  # the execution failed
    assert (document["status"], document["packages"], document["model"]) == ("Failed", [], None)
    assert "something for a person" in result.stderr


def test_the_demo_of_a_rollback_prints_who_serves_what(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = taken_back()

    def run(folder: Path, console: Any) -> RollbackShown:
        console.print("something for a person")
        deployment = deployment_of(history.description, history.events)
        return RollbackShown(deployment, (), Mail("told", "in words"), folder / "report.html")

    monkeypatch.setattr("local.rollback.run_rollback_demo", run)

    result = CliRunner().invoke(app, ["demo", "--rollback", "--json"])

    document = _document(result)
    assert (document["pipeline"], document["status"]) == (NAME, "FAILED")
    assert document["regions"] == []
    assert document["notification"] == {"subject": "told", "text": "in words"}
    assert document["report"] == str(state / "demo-rollback" / "report.html")


def test_deploy_local_prints_the_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = {"type": "aws:cloudformation:stack", "environment": "aws://1/eu-west-1"}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"storage": artifact}}))
    monkeypatch.setattr("local.release.deploy_app", lambda *_: CloudAssembly(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")

    document = _document(CliRunner().invoke(app, ["deploy-local", "--json"]))

    assert document["stacks"] == [{"name": "storage", "region": "eu-west-1"}]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """The emulator on a free port."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "emulator", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.terminate()


def test_the_emulator_prints_a_line_when_it_is_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    document = json.loads(process.stdout.readline())

    assert document["environment"]["AWS_ENDPOINT_URL"] == document["endpoint"]
    assert document["environment"]["AWS_ACCESS_KEY_ID"] == document["access_key_id"]
    assert document["environment"]["AWS_SECRET_ACCESS_KEY"] == document["secret_access_key"]
    assert document["endpoint"].startswith("http://localhost:")


WITHOUT_JOBS = {
    "Version": "2020-12-01",
    "Parameters": [],
    "Steps": [
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [{"Type": "Equals", "LeftValue": "a", "RightValue": "a"}],
                "IfSteps": [],
                "ElseSteps": [],
            },
        }
    ],
}


@pytest.mark.parametrize("verb", ["run", "start"])
def test_an_execution_on_the_embedded_aws_is_one_document(
    release: Callable[..., Result], embedded: EmbeddedAws, state: Path, verb: str
) -> None:
    embedded.client("sagemaker").create_pipeline(
        PipelineName=f"small-{verb}",
        PipelineDefinition=json.dumps(WITHOUT_JOBS),
        RoleArn="arn:aws:iam::123456789012:role/pipeline",
        ClientRequestToken="y" * 32,
    )

    document = _document(release(verb, f"small-{verb}", "--json"))

    assert document["status"] == "Succeeded"
    assert [(each["name"], each["status"]) for each in document["steps"]] == [("Gate", "Succeeded")]
    assert Path(document["report"]).is_file()


def test_what_is_registered_and_decided_is_one_document(release: Callable[..., Result]) -> None:
    assert len(_document(release("packages", NAME, "--json"))) == 4
    decided = _document(release("approve", NAME, "--version", "1", "--yes", "--json"))
    assert {each["approval_status"] for each in decided} == {"Approved"}
