"""``run``: whether what is deployed is what the folder holds, and what it says to do next."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

from commands.local import deployed
from commands.local.deployed import (
    OtherCodeDeployedError,
    definition_to_run,
    differences,
)
from commands.local.run import next_commands
from commands.terminal import places
from commands.terminal.aws import Aws, AwsCallError, UnknownNameError
from commands.terminal.names import folder_named, pipeline_named
from constructs_lib.configs.folder import PipelinesFolderError, load_pipelines
from constructs_lib.errors import ReleaseError
from constructs_lib.language.variables import fill, variables_in
from constructs_lib.release.code_check import InferenceCodeError
from constructs_lib.release.files import release_files
from local.runner import StepStatus
from tests.command_line.registered_pipeline import NAME
from tests.example_pipeline import ROOT

AWS = Aws("us-east-1", "http://localhost:1")
FILES = {
    "InferenceCodeKey": "inference_code",
    "PackagingScriptKey": "packaging_script",
    "RegistrationRequestKey": "registration_request",
    "SamplePayloadKey": "sample_payload",
    "VerificationScriptKey": "verification_script",
}


@pytest.fixture
def deployed_app(own_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What users change of the app's folder, deployed as it is; returns the definition."""
    settings = places.read_settings()
    (configs,) = load_pipelines(places.pipelines_folder(settings)).values()
    with places.compilation({"p": configs}, settings, no_cache=False) as compilation:
        compiled = compilation["p"].pipeline
    files = release_files(configs, compiled)
    values = {name: f"value-of-{name}" for name in variables_in(compiled.body)}
    objects = {
        f"s3://{values['AssetBucketName']}/{values['AssetPrefix']}/{values[key]}": getattr(
            files, name
        )
        for key, name in FILES.items()
    }

    def read(_s3: object, uri: str) -> bytes:
        if uri not in objects:
            raise AwsCallError("NoSuchKey")
        content: bytes = objects[uri]
        return content

    definition: dict[str, Any] = json.loads(fill(compiled.body, values))
    monkeypatch.setattr(Aws, "client", lambda *_: None)
    monkeypatch.setattr(deployed, "read_s3_object", read)
    monkeypatch.setattr(deployed, "read_definition", lambda *_: definition)
    folder = tmp_path / "app"
    shutil.copytree(own_app / "pipelines", folder / "pipelines")
    shutil.copy(own_app / "cdk.json", folder)
    monkeypatch.setattr(places, "ROOT", folder)
    return definition


def _change_config(**shared: Any) -> None:
    path = places.ROOT / "pipelines" / "returns_risk" / "config.json"
    document = json.loads(path.read_text())
    document["configuration"]["shared"] |= shared
    path.write_text(json.dumps(document))


def _change_code(text: str = "# another line\n") -> None:
    path = places.ROOT / "pipelines" / "returns_risk" / "inference" / "inference.py"
    path.write_text(path.read_text() + text)


def test_what_was_deployed_as_it_is_does_not_differ(deployed_app: dict[str, Any]) -> None:
    assert differences(AWS, NAME, deployed_app) == []


def test_other_code_and_other_settings_are_told_apart(deployed_app: dict[str, Any]) -> None:
    _change_code()
    assert differences(AWS, NAME, deployed_app) == ["the inference code"]

    _change_config(verification="warn")
    assert "the steps and their settings" in differences(AWS, NAME, deployed_app)


def test_a_pipeline_without_a_folder_has_nothing_to_differ_from(
    deployed_app: dict[str, Any],
) -> None:
    assert differences(AWS, "somebody-elses", deployed_app) == []


@pytest.fixture
def deployments(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where to the app was deployed."""
    made: list[str] = []
    monkeypatch.setattr(deployed, "deploy", lambda endpoint, _console: made.append(endpoint))
    return made


def _to_run(**how: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"deploy_first": None, "can_ask": False, **how}
    return definition_to_run(AWS, NAME, Console(file=io.StringIO()), **options)


def test_what_does_not_differ_runs_without_a_word(
    deployed_app: dict[str, Any], deployments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _to_run() == deployed_app
    assert (deployments, capsys.readouterr().err) == ([], "")


def test_other_code_is_an_error_in_a_script_unless_it_says_what_to_do(
    deployed_app: dict[str, Any], deployments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _change_code()

    with pytest.raises(
        OtherCodeDeployedError, match=r"the inference code.*--deploy.*--as-deployed"
    ):
        _to_run()
    assert deployments == []
    assert _to_run(deploy_first=False) == deployed_app
    assert "What is deployed is executed." in capsys.readouterr().err
    assert deployments == []
    assert _to_run(deploy_first=True) == deployed_app
    assert deployments == [AWS.endpoint_url]


@pytest.mark.parametrize(("answer", "deploys"), [("\n", True), ("y\n", True), ("n\n", False)])
@pytest.mark.usefixtures("deployed_app")
def test_at_a_terminal_it_is_asked_and_yes_is_the_default(
    answer: str, deploys: bool, deployments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _change_code()
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    _to_run(can_ask=True)

    assert bool(deployments) is deploys


@pytest.mark.usefixtures("deployed_app")
def test_input_that_ends_instead_of_an_answer_is_told_what_to_add(
    deployments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _change_code()
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    with pytest.raises(OtherCodeDeployedError, match=r"add --deploy\..*add --as-deployed"):
        _to_run(can_ask=True)
    assert deployments == []


def test_what_is_wrong_with_another_folder_does_not_matter(deployed_app: dict[str, Any]) -> None:
    (places.ROOT / "pipelines" / "not_yet").mkdir()

    assert differences(AWS, NAME, deployed_app) == []


@pytest.mark.usefixtures("deployed_app")
def test_what_cannot_be_deployed_is_the_error_but_what_is_deployed_runs_on_request() -> None:
    (places.ROOT / "pipelines" / "returns_risk" / "config.json").unlink()

    with pytest.raises(PipelinesFolderError):
        _to_run()
    assert _to_run(deploy_first=False)


@pytest.mark.usefixtures("deployed_app")
def test_a_pipeline_of_the_app_that_is_not_deployed_yet_can_be_deployed(
    deployments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> dict[str, Any]:
        if not deployments:
            raise UnknownNameError("There is no pipeline")
        return {"Steps": []}

    monkeypatch.setattr(deployed, "read_definition", read)

    with pytest.raises(
        OtherCodeDeployedError, match=r"is not deployed yet.*add --deploy"
    ) as caught:
        _to_run()
    assert "--as-deployed" not in str(caught.value)
    with pytest.raises(UnknownNameError):
        _to_run(deploy_first=False)
    assert _to_run(deploy_first=True) == {"Steps": []}


@pytest.mark.usefixtures("deployed_app")
def test_a_wrong_config_is_the_error_rather_than_that_nothing_is_deployed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(*_: object) -> dict[str, Any]:
        raise UnknownNameError("There is no pipeline")

    monkeypatch.setattr(deployed, "read_definition", read)
    _change_config(verification="perhaps")

    with pytest.raises(ReleaseError, match="verification"):
        _to_run()


@pytest.mark.usefixtures("deployed_app")
@pytest.mark.parametrize("breaks", ["a value", "the syntax"])
def test_a_folder_names_its_pipeline_though_its_config_is_wrong(breaks: str) -> None:
    _change_config(verification="perhaps")
    path = places.ROOT / "pipelines" / "returns_risk" / "config.json"
    assert f'"pipeline_name": "{NAME}"' in path.read_text()
    if breaks == "the syntax":
        path.write_text(path.read_text().removesuffix("}"))

    assert pipeline_named("returns_risk") == NAME
    assert folder_named(NAME) == "returns_risk"


@pytest.mark.usefixtures("deployed_app")
def test_code_with_a_syntax_error_is_not_deployed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[object] = []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setattr("local.release.deploy_app", lambda *given: made.append(given))
    console = Console(file=io.StringIO())

    _change_code("import nowhere_known\n")
    deployed.deploy("http://localhost:1", console)
    assert "warning: " in capsys.readouterr().err
    assert len(made) == 1

    _change_code("def broken(:\n")
    with pytest.raises(InferenceCodeError, match=r"inference\.py line \d+: SyntaxError"):
        deployed.deploy("http://localhost:1", console)
    assert len(made) == 1


@pytest.mark.usefixtures("deployed_app")
def test_a_config_that_does_not_tell_the_name_is_told_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = places.ROOT / "pipelines" / "returns_risk" / "config.json"
    path.write_text("{")

    assert pipeline_named("returns_risk") == "returns_risk"
    assert "warning: The name of the pipeline of returns_risk is not known" in (
        capsys.readouterr().err
    )
    assert pipeline_named("somebody-elses") == "somebody-elses"
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("deployed_app")
def test_the_settings_are_read_once_for_all_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mock(wraps=places.read_settings)
    monkeypatch.setattr(places, "read_settings", read)

    assert pipeline_named("returns_risk") == NAME
    assert read.call_count == 1


def _step(
    name: str,
    type_: str = "Processing",
    *,
    ended: int = 1,
    logs: bool = True,
    status: StepStatus = StepStatus.SUCCEEDED,
) -> Any:
    log = Path(f"{name}.log") if logs else None
    return SimpleNamespace(name=name, type=type_, log_path=log, end_time=ended, status=status)


def _made(step: SimpleNamespace | None, *statuses: str, before: Sequence[Any] = ()) -> Any:
    packages = [SimpleNamespace(approval_status=status) for status in statuses]
    execution = SimpleNamespace(pipeline_name=NAME, failed_step=step, steps=before)
    return SimpleNamespace(execution=execution, packages=packages)


@pytest.mark.parametrize(
    ("made", "commands"),
    [
        (_made(None, "PendingManualApproval"), ["packages NAME", "approve NAME"]),
        (_made(None, "Approved"), ["packages NAME"]),
        (
            _made(_step("Verify"), before=[_step("Package", ended=2)]),
            ["status NAME", "logs NAME Verify"],
        ),
        (_made(_step("Registration", "Lambda", logs=False)), ["status NAME"]),
        (
            _made(
                _step("VerificationFailed", "Fail", logs=False),
                before=[
                    _step("Verify", ended=2),
                    _step("Package"),
                    _step("Stage-EU", "Lambda", ended=3, status=StepStatus.NOT_EXECUTED),
                ],
            ),
            ["status NAME", "logs NAME Verify"],
        ),
    ],
    ids=["to approve", "approved", "failed with a log", "failed without", "Fail step"],
)
def test_thenext_commands_fit_what_came_of_it(made: Any, commands: list[str]) -> None:
    expected = [f"release {each.replace('NAME', NAME)} --local" for each in commands]

    assert next_commands(made) == expected


_TELL_A_FAILURE = """
from contextlib import suppress
from types import SimpleNamespace
from typer import Exit
from commands.local import run
from local.runner import Execution

step = SimpleNamespace(name="Verify", reason="It is too slow.", log_path=None)
execution = SimpleNamespace(failed_step=step)
execution.failure = lambda **told: Execution.failure(execution, **told)
print("Verify  Failed  It is too slow.", flush=True)
with suppress(Exit):
    run.end_with(SimpleNamespace(execution=execution), as_json=False)
"""


@pytest.mark.parametrize("in_one_place", [True, False])
def test_the_reason_of_a_failure_is_read_once_wherever_it_is_read(*, in_one_place: bool) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _TELL_A_FAILURE],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if in_one_place else subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
    )

    error = (told.stdout if in_one_place else told.stderr).splitlines()[-1]
    reason = "see above." if in_one_place else "It is too slow."
    assert error == f"error: Step 'Verify' failed: {reason}"
    assert told.stdout.count("It is too slow.") == 1


def test_every_option_that_an_error_names_is_one_of_run() -> None:
    from typer.testing import CliRunner

    from commands.program import app

    text = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output

    assert re.search("--deploy.*--as-deployed", text)
