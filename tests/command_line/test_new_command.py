"""``new``: a folder that is a working pipeline."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from commands.author.new import NewPipelineError, _shape
from commands.author.new_files import CodeShape
from commands.program import app
from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from tests.example_pipeline import CONFIG

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app's folder without any pipeline; returns where its pipelines would be."""
    (tmp_path / "cdk.json").write_text('{"context": {}}')
    monkeypatch.setattr(places, "ROOT", tmp_path)
    return tmp_path / "pipelines"


def make(*arguments: str) -> None:
    result = CliRunner().invoke(app, ["new", "my_model", "--owner", "my-team", *arguments])
    assert result.exit_code == ExitCode.DONE, result.output


def code_of(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("made", folder / "inference" / "inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_of_the_example_is_in_it(folder: Path) -> None:
    example = json.loads(CONFIG.read_text())["configuration"]
    shared, payload = example["shared"], example["specific"]["Payload"]
    of_the_example = [
        *(name for name, _ in shared["source_model_inference_input_variable_list"]),
        *shared["source_model_inference_output_variable_list"],
        *payload["special_field_values"].values(),
        payload["default_text_value"],
        *(shared[name] for name in ("author", "pipeline_name", "model_registration_domain")),
        "weights.npz",
    ]

    make()

    made = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert [text for text in of_the_example if text in made] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--owner", " "), "must be text that is not empty"),
        (("--variable", "a:NUMERIC", "--variable", "a:TEXT"), 'declares "a" 2 times'),
        (("--registration-region", "EU", "--registration-region", "EU"), "registration_regions"),
        (("--variable", "\udcff:NUMERIC"), "holds half of a character pair"),
    ],
)
def test_answers_that_no_config_can_hold_make_nothing(
    folder: Path, options: tuple[str, ...], told: str
) -> None:
    result = CliRunner().invoke(app, ["new", "my_model", "--owner", "my-team", *options])

    assert isinstance(result.exception, NewPipelineError)
    assert told in str(result.exception)
    assert "is not made" in str(result.exception)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("given", ["ap-southeast-2", "eu"])
def test_a_region_is_given_as_aws_calls_it_or_by_its_name(folder: Path, given: str) -> None:
    make("--registration-region", given)

    config = json.loads((folder / "my_model" / "config.json").read_text())
    code = {"eu": "EU"}.get(given, given)
    assert config["configuration"]["shared"]["region"] == code
    assert config["configuration"]["shared"]["registration_regions"] == [code]


def test_a_folder_that_could_not_be_written_whole_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", refuse)

    result = CliRunner().invoke(app, ["new", "my_model", "--owner", "my-team"])

    assert isinstance(result.exception, NewPipelineError)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "inputs"),
    [((), ["value"]), (("--variable", 'the "age"é:NUMERIC', "--variable", "b:NUMERIC"), None)],
)
def test_its_code_reads_the_inputs_of_its_config(
    folder: Path, options: tuple[str, ...], inputs: list[str] | None
) -> None:
    make(*options)

    config = json.loads((folder / "my_model" / "config.json").read_text())
    variables = config["configuration"]["shared"]["source_model_inference_input_variable_list"]
    code = code_of(folder / "my_model")
    named = {name: float(number) for number, (name, _) in enumerate(variables)}
    assert list(code.INPUTS) == [name for name, _ in variables] == (inputs or ['the "age"é', "b"])
    assert code.input_fn(json.dumps(dict(reversed(named.items()))), "application/json") == [
        list(named.values())
    ]
    line = ",".join(map(str, named.values()))
    assert (
        code.input_fn(f"{line}\n{line}\n".encode(), "text/csv; charset=utf-8")
        == [list(named.values())] * 2
    )


def test_its_code_answers_with_the_output_of_its_config(folder: Path) -> None:
    make()

    config = json.loads((folder / "my_model" / "config.json").read_text())
    outputs = config["configuration"]["shared"]["source_model_inference_output_variable_list"]
    code = code_of(folder / "my_model")
    assert json.loads(code.output_fn([[0.5]], "application/json")) == dict.fromkeys(outputs, 0.5)
    assert code.output_fn([[0.5], [1.0]], "text/csv") == "0.5\n1.0\n"


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [("1", "text/plain", "is not supported"), ("1,2", "text/csv", "a record has 1 values, not 2")],
)
def test_its_code_says_what_it_cannot_read(
    folder: Path, body: str, content_type: str, message: str
) -> None:
    make()

    with pytest.raises(ValueError, match=message):
        code_of(folder / "my_model").input_fn(body, content_type)


def test_its_outputs_are_those_that_were_told(folder: Path) -> None:
    make("--output", "risk:NUMERIC", "--output", "reason:text")

    config = json.loads((folder / "my_model" / "config.json").read_text())
    shared = config["configuration"]["shared"]
    assert shared["source_model_inference_output_variable_list"] == {
        "risk": "NUMERIC",
        "reason": "TEXT",
    }
    code = code_of(folder / "my_model")
    assert json.loads(code.output_fn([[0.5, "late"]], "application/json")) == {
        "risk": 0.5,
        "reason": "late",
    }
    assert code.output_fn([[0.5, "late"]], "text/csv") == "0.5,late\n"
    with pytest.raises(ValueError, match="other values than risk, reason"):
        code.output_fn([[0.5]], "text/csv")


@pytest.mark.parametrize("shape", CodeShape)
def test_every_shape_is_valid_and_fits_the_functions_of_the_container(
    folder: Path, shape: CodeShape
) -> None:
    make("--shape", shape.value, "--variable", "review:TEXT")

    valid = CliRunner().invoke(app, ["validate", "my_model", "--json"])

    (found,) = json.loads(valid.stdout)
    assert found["valid"], found
    assert found["findings"] == []
    assert all("transformers" in each["text"] for each in found["findings"])
    code = code_of(folder / "my_model")
    functions = {name: getattr(code, name) for name in ("model_fn", "input_fn", "predict_fn")}
    assert all(map(callable, functions.values()))
    for problem in _lint(folder / "my_model"):
        pytest.fail(problem)


def _lint(folder: Path) -> list[str]:
    rules = ROOT / "pipelines" / "returns_risk" / "ruff.toml"
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise"]
    options = ["--config", str(rules)] if rules.is_file() else []
    result = subprocess.run(
        [*command, *options, str(folder / "inference")], capture_output=True, text=True, check=False
    )
    return [] if result.returncode == 0 else [result.stdout]


@pytest.mark.parametrize("answer", ["state-dict", " State dict ", "state_dict"])
def test_a_shape_may_be_answered_as_people_write_it(answer: str) -> None:
    assert _shape(answer) is CodeShape.STATE_DICT


def test_a_state_dict_is_loaded_into_a_class_beside_the_code(folder: Path) -> None:
    make("--shape", "state-dict")

    assert "class Network" in (folder / "my_model" / "inference" / "network.py").read_text()


def test_texts_reach_a_hugging_face_model_as_they_are(folder: Path) -> None:
    make("--shape", "hugging-face", "--variable", "review:TEXT")

    code = code_of(folder / "my_model")
    assert code.input_fn('{"review": "late, again"}', "application/json") == [["late, again"]]
