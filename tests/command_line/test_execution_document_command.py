"""``execution-document`` with the same verbs for every AWS, and with measured numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from commands.terminal.emulator_key import write_key
from commands.terminal.exit_codes import ExitCode
from constructs_lib.registration.measured_numbers import NothingMeasuredError
from local.emulator import EmbeddedAws
from tests.command_line.registered_pipeline import DEFINITION, NAME

CONFIG = {"source_model_region": "us-east-1"}
Fill = Callable[..., Result]


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A document with a step to fill."""
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"PIPELINE_STEP_CONFIGS": {"Registration-NA": {}}}))
    return path


@pytest.fixture
def fill(release: Callable[..., Result], document: Path, monkeypatch: pytest.MonkeyPatch) -> Fill:
    """Fill the document from the pipeline, whose registration file is not in the embedded AWS."""
    monkeypatch.setattr(
        "constructs_lib.registration.execution_document.step_configs_of_deployed_pipeline",
        lambda definition, _read: {"Registration-NA": CONFIG} if definition == DEFINITION else {},
    )
    return lambda *arguments: release(
        "execution-document", str(document), "--pipeline", NAME, *arguments
    )


def _step_config(path: Path) -> dict[str, Any]:
    steps = json.loads(path.read_text())["PIPELINE_STEP_CONFIGS"]
    config: dict[str, Any] = steps["Registration-NA"]["STEP_CONFIG"]
    return config


def test_json_tells_what_it_was_filled_with(fill: Fill, document: Path) -> None:
    result = fill("--json")

    assert json.loads(result.stdout) == {
        "document": str(document),
        "step_configs": {"Registration-NA": CONFIG},
    }
    assert _step_config(document) == CONFIG


def test_it_takes_the_embedded_aws_like_every_other_command(
    fill: Fill,
    embedded: EmbeddedAws,
    document: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setattr("commands.terminal.places.STATE", tmp_path / ".local")
    write_key(embedded.endpoint_url, embedded.key)
    monkeypatch.setattr("commands.terminal.aws.LOCAL_ENDPOINT", embedded.endpoint_url)

    result = fill("--local")

    assert result.exit_code == ExitCode.DONE, result.output
    assert f"AWS: embedded, {embedded.endpoint_url}, us-east-1" in result.stderr
    assert result.stdout == f"Wrote {document}\n"


def test_measured_adds_the_numbers_of_the_newest_version(fill: Fill, document: Path) -> None:
    result = fill("--measured")

    assert result.exit_code == ExitCode.DONE, result.output
    measured = _step_config(document)["measured_load_testing_info_map"]
    assert measured["artifact_sha256"] == "b" * 64
    assert measured["latency_p99_in_millisecond"] == 12.5


def test_a_model_without_numbers_is_an_error_and_writes_nothing(fill: Fill, document: Path) -> None:
    before = document.read_text()

    error = fill("--sha256", "aaaa").exception

    assert isinstance(error, NothingMeasuredError)
    assert document.read_text() == before
