"""Every command as a user calls it; what reaches AWS has tests of its own beside the emulator's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_validate_names_the_pipelines_that_are_valid() -> None:
    result = _cli("validate")

    assert (result.returncode, result.stdout) == (
        0,
        "returns_risk: valid, pipeline returns-risk\n",
    )


def test_an_unknown_pipeline_is_an_error_that_lists_the_known_ones() -> None:
    result = _cli("validate", "return_risk")

    assert result.returncode == 1
    assert "There is no pipeline 'return_risk'" in result.stderr
    assert "There are: returns_risk" in result.stderr
    assert "Traceback" not in result.stderr


def test_definition_prints_the_text_that_is_deployed() -> None:
    definition = json.loads(_cli("definition", "returns_risk").stdout)

    assert [step["Name"] for step in definition["Steps"]][:2] == ["CreateModel", "Package"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "line 1"),
        ("[]", "object"),
        (None, "document.json"),
    ],
)
def test_a_document_that_cannot_be_filled_is_left_as_it_is(
    tmp_path: Path, content: str | None, message: str
) -> None:
    document = tmp_path / "document.json"
    if content is not None:
        document.write_text(content)

    result = _cli("execution-document", str(document), "--pipeline", "returns-risk")

    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert (document.read_text() if document.exists() else None) == content


def test_a_model_that_is_neither_file_nor_s3_uri_is_refused() -> None:
    result = _cli("run", "returns-risk", "--model", "gs://bucket/model.tar.gz")

    assert result.returncode == 1
    assert "starts with 's3://'" in result.stderr


@pytest.mark.parametrize("command", [["run", "returns-risk"], ["deploy-local"]], ids=" ".join)
def test_an_embedded_aws_that_does_not_run_is_named(command: list[str]) -> None:
    result = _cli(*command, "--endpoint", "http://localhost:1")

    assert result.returncode == 1
    assert "http://localhost:1" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_parameter_without_a_value_is_a_usage_error() -> None:
    result = _cli("run", "returns-risk", "--parameter", "ModelApprovalStatus")

    assert result.returncode == 2
    assert "NAME=VALUE" in result.stderr
