"""Synthesis needs no network, no credentials, no region and no home folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.steps import sdk

ROOT = Path(__file__).parents[2]

_TRAP = """
import runpy, socket, sys

def refuse(*arguments, **options):
    raise SystemExit(f"network used: {arguments}")

socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
sys.argv = ["app.py"]
runpy.run_path("app.py", run_name="__main__")
"""


def test_the_app_synthesizes_with_an_empty_environment_and_no_network(tmp_path: Path) -> None:
    environment = {"PATH": os.defpath, "CDK_OUTDIR": str(tmp_path / "cdk.out")}

    result = subprocess.run(
        [sys.executable, "-c", _TRAP], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "cdk.out" / "manifest.json").is_file()


def test_a_profile_that_does_not_exist_is_not_looked_at(
    example_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    assert compile_pipeline(PipelineConfigs.load(example_config)).body


@pytest.mark.parametrize("shape", ["several_regions", "with_training"])
def test_what_is_switched_off_in_the_sdk_changes_no_definition(
    shape: str,
    tmp_path: Path,
    write_pipeline: Callable[[Path, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configs = PipelineConfigs.load(write_pipeline(tmp_path, shape))
    with_countermeasures = compile_pipeline(configs).body

    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")

    @contextmanager
    def leave_it(*_: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(sdk, "_replaced", leave_it)

    assert compile_pipeline(configs).body == with_countermeasures


def test_a_known_account_makes_cdk_look_nothing_up(tmp_path: Path) -> None:
    environment = {
        "PATH": os.defpath,
        "CDK_OUTDIR": str(tmp_path),
        "CDK_DEFAULT_ACCOUNT": "123456789012",
    }

    subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=environment, check=True)

    assert "missing" not in json.loads((tmp_path / "manifest.json").read_text())
