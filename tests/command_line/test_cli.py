"""Every command as a user calls it; what reaches AWS has tests of its own beside the emulator's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.program import app
from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from constructs_lib.configs.folder import PipelinesFolderError
from constructs_lib.language.steps import steps_of
from constructs_lib.settings import SettingsError
from tests.command_line.conftest import Command
from tests.example_pipeline import copy_example


def _cli(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "cli.py"), *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def compiled_app(own_app: Path) -> Path:
    """The app, with the definition of its pipeline as a copy of the warm compiler gives it."""
    assert CliRunner().invoke(app, ["validate"]).exit_code == ExitCode.DONE
    return own_app


@pytest.fixture
def app_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what a user changes, which the commands read instead of the app's own."""
    copy_example(tmp_path / "models" / "returns_risk", "model")
    settings = {"home_region": "eu-west-1", "pipelines_dir": "models"}
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"model-release": settings}}))
    monkeypatch.setattr(places, "ROOT", tmp_path)
    return tmp_path


def test_validate_names_the_pipelines_that_are_valid(compiled_app: Path) -> None:
    result = _cli("validate", folder=compiled_app)

    assert (result.returncode, result.stdout) == (
        0,
        "returns_risk: valid, pipeline returns-risk, endpoint returns-risk in NA, then EU and FE\n",
    )


def test_an_unknown_pipeline_is_an_error_that_suggests_one(own_app: Path) -> None:
    result = _cli("validate", "return_risk", folder=own_app)

    assert result.returncode == 1
    assert "There is no pipeline 'return_risk'" in result.stderr
    assert "Did you mean 'returns_risk'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_definition_prints_the_text_that_is_deployed(compiled_app: Path) -> None:
    definition = json.loads(_cli("definition", "returns_risk", folder=compiled_app).stdout)

    assert [step["Name"] for step in definition["Steps"]][:2] == ["CreateModel", "Package"]


def test_validate_reports_what_sagemaker_would_refuse(app_folder: Path) -> None:
    path = app_folder / "models" / "returns_risk" / "config.json"
    document = json.loads(path.read_text())
    document["configuration"]["shared"]["processing_script_arguments"] = ["x" * 300]
    path.write_text(json.dumps(document))

    result = CliRunner().invoke(app, ["validate"])

    assert result.exit_code == 1
    assert "returns_risk: error [Package] $.Steps[1].Arguments" in result.stderr
    assert "valid" not in result.stdout


def test_validate_tells_where_an_approved_version_is_served(app_folder: Path) -> None:
    path = app_folder / "models" / "returns_risk" / "config.json"
    document = json.loads(path.read_text())
    document["metadata"]["config_types"]["Endpoint"] = "EndpointConfig"
    path.write_text(json.dumps(document))

    told = CliRunner().invoke(app, ["validate"])
    (as_json,) = json.loads(CliRunner().invoke(app, ["validate", "--json"]).stdout)

    assert told.stdout == (
        "returns_risk: valid, pipeline returns-risk, endpoint returns-risk in NA, then EU and FE\n"
    )
    assert as_json["endpoint"] == {"name": "returns-risk", "waves": [["NA"], ["EU", "FE"]]}


def test_validate_checks_the_others_when_one_folder_has_no_config(app_folder: Path) -> None:
    (app_folder / "models" / "not_yet").mkdir()

    everything = CliRunner().invoke(app, ["validate"])
    by_its_pipeline = CliRunner().invoke(app, ["validate", "returns-risk"])

    assert everything.exit_code == 1
    assert "missing" in everything.stderr
    assert "not_yet/config.json" in everything.stderr
    assert "returns_risk: valid, pipeline returns-risk" in everything.stdout
    assert (by_its_pipeline.exit_code, "not_yet" in by_its_pipeline.output) == (0, False)


@pytest.mark.parametrize("names", [[], ["returns_risk"]])
def test_settings_of_a_pipeline_that_there_is_not_are_refused(
    app_folder: Path, names: list[str]
) -> None:
    file = app_folder / "cdk.json"
    document = json.loads(file.read_text())
    document["context"]["model-release"]["pipelines"] = {"retuns_risk": {}}
    file.write_text(json.dumps(document))

    refused = CliRunner().invoke(app, ["validate", *names]).exception
    doctor = CliRunner().invoke(app, ["doctor", "--json"]).stdout

    assert "There is no pipeline 'retuns_risk', which context.model-release.pipelines" in str(
        refused
    )
    (pipelines,) = [each for each in json.loads(doctor) if each["name"] == "pipelines"]
    assert pipelines["state"] == "problem"
    assert "Did you mean 'returns_risk'?" in pipelines["detail"]


def test_validate_tells_once_what_is_not_used_of_an_older_file(app_folder: Path) -> None:
    path = app_folder / "models" / "returns_risk" / "config.json"
    document = json.loads(path.read_text())
    del document["metadata"]["format"], document["metadata"]["config_types"]["Endpoint"]
    del document["configuration"]["specific"]["Endpoint"]
    document["configuration"]["shared"]["autor"] = "x"
    document["configuration"]["specific"]["Payload"]["payload_script_path"] = "payloads.py"
    path.write_text(json.dumps(document))

    result = CliRunner().invoke(app, ["validate"])
    as_json = json.loads(CliRunner().invoke(app, ["validate", "--json"]).stdout)

    warning = '$.configuration.shared.autor: unknown field, ignored; did you mean "author"?'
    note = "$: read for the earlier system and not used here: payload_script_path"
    assert result.exit_code == 0
    assert result.stderr == f"returns_risk: warning {warning}\nreturns_risk: note {note}\n"
    assert as_json[0]["findings"] == [
        {"severity": "warning", "text": f"warning {warning}"},
        {"severity": "note", "text": f"note {note}"},
    ]


def test_validate_reports_code_that_cannot_be_released(app_folder: Path) -> None:
    code = app_folder / "models" / "returns_risk" / "inference"
    (code / "link.py").symlink_to("/etc/hostname")

    result = CliRunner().invoke(app, ["validate"])

    assert result.exit_code == 1
    assert "link.py" in result.stderr


def test_validate_reports_sample_requests_that_cannot_be_sent(app_folder: Path) -> None:
    folder = app_folder / "models" / "returns_risk"
    document = json.loads((folder / "config.json").read_text())
    document["configuration"]["specific"]["Payload"]["sample_requests_dir"] = "samples"
    (folder / "config.json").write_text(json.dumps(document))
    (folder / "samples").mkdir()
    (folder / "samples" / "first.json").write_text('{"a": 1}')

    before = CliRunner().invoke(app, ["validate"])
    (folder / "samples" / "first.json").write_text('{"a": 1')
    after = CliRunner().invoke(app, ["validate"])

    assert (before.exit_code, after.exit_code) == (0, 1)
    assert "error: " in after.stderr
    assert (
        "samples: 1 problem\n  first.json: is not JSON: line 1, column 8: Expecting" in after.stderr
    )


def test_validate_reports_two_pipelines_of_one_name(app_folder: Path) -> None:
    shutil.copytree(app_folder / "models" / "returns_risk", app_folder / "models" / "copied")

    result = CliRunner().invoke(app, ["validate"])

    assert isinstance(result.exception, PipelinesFolderError)
    assert "copied and returns_risk have the same pipeline_name" in str(result.exception)


def test_definition_follows_the_apps_settings(app_folder: Path) -> None:
    result = CliRunner().invoke(app, ["definition", "returns_risk"])

    steps = {step["Name"]: step for step in steps_of(json.loads(result.stdout))}
    assert ".eu-west-1." in steps["CreateModel"]["Arguments"]["PrimaryContainer"]["Image"]
    assert steps["Registration-EU"]["Arguments"]["aws_region"] == "eu-west-1"
    assert steps["Stage-EU"]["Arguments"]["destination_bucket"] == "${ArtifactBucketName}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cdk.json"),
        ('{"app": "python3 app.py"}', "context"),
        ('{"context": {"model-release": {"home_region": "mars"}}}', "home_region"),
    ],
    ids=["not JSON", "no context", "unknown region"],
)
def test_wrong_settings_are_named(app_folder: Path, content: str, message: str) -> None:
    (app_folder / "cdk.json").write_text(content)

    error = CliRunner().invoke(app, ["definition", "returns_risk"]).exception

    assert isinstance(error, SettingsError)
    assert message in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "line 1"),
        ("[]", "object"),
        (None, "document.json"),
    ],
)
def test_a_document_that_cannot_be_filled_is_left_as_it_is(
    cli: Command, tmp_path: Path, content: str | None, message: str
) -> None:
    document = tmp_path / "document.json"
    if content is not None:
        document.write_text(content)

    result = cli("execution-document", str(document), "--pipeline", "returns-risk")

    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert (document.read_text() if document.exists() else None) == content


@pytest.mark.parametrize("command", [["run", "returns-risk"], ["deploy-local"]], ids=" ".join)
def test_an_embedded_aws_that_does_not_run_is_named(cli: Command, command: list[str]) -> None:
    result = cli(*command, "--endpoint", "http://localhost:1")

    assert result.returncode == ExitCode.AWS
    assert "http://localhost:1" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_parameter_without_a_value_is_a_usage_error(cli: Command) -> None:
    result = cli("run", "returns-risk", "--parameter", "ModelApprovalStatus")

    assert result.returncode == 2
    assert "NAME=VALUE" in result.stderr


def test_a_model_given_twice_is_a_usage_error(cli: Command) -> None:
    result = cli("run", "returns-risk", "--model", "m.tar.gz", "--parameter", "ModelS3Uri=s3://b/m")

    assert result.returncode == 2
    assert "not both" in result.stderr


@pytest.mark.parametrize(
    ("region", "told"),
    [("mars", "ap-southeast-2"), ("eu-west-11", '"eu-west-1"'), ("cn-north-1", "aws-cn")],
)
def test_a_region_that_the_app_does_not_know_is_a_usage_error(
    cli: Command, region: str, told: str
) -> None:
    result = cli("run", "returns-risk", "--region", region)

    assert result.returncode == 2
    assert told in result.stderr


def test_a_file_for_an_embedded_aws_that_does_not_run_is_not_uploaded(
    cli: Command, tmp_path: Path
) -> None:
    model = tmp_path / "model.tar.gz"
    model.write_bytes(b"model")

    result = cli("run", "any", "--model", str(model), "--endpoint", "http://localhost:1")

    assert result.returncode == ExitCode.AWS
    assert "No embedded AWS answers at http://localhost:1" in result.stderr


@pytest.mark.parametrize("name", ["returns_risk", "returns-risk"])
@pytest.mark.parametrize(
    "command", [["payloads"], ["validate"], ["status", "--local"], ["logs", "--local", "Verify"]]
)
def test_a_pipeline_has_the_name_of_its_folder_and_its_own_everywhere(
    name: str, command: list[str], app_folder: Path
) -> None:
    first, *rest = command

    result = CliRunner().invoke(app, [first, name, *rest])

    told = f"{result.output}{result.exception}"
    assert "There is no pipeline" not in told
    assert "Did you mean" not in told
