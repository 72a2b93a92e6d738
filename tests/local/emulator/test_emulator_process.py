"""The embedded AWS as a process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from constructs_lib.aws.handle import without_aws_variables
from local.emulator import EmbeddedAws, EmulatorError

ROOT = Path(__file__).parents[3]


def accepts_connections(endpoint_url: str) -> bool:
    port = urlsplit(endpoint_url).port
    assert port is not None
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_starts_empty_logs_requests_and_is_gone_when_stopped(tmp_path: Path) -> None:
    log_file = tmp_path / "logs" / "emulator.log"
    with EmbeddedAws(log_file=log_file, region="eu-west-1") as aws:
        client = aws.client("sts")
        assert client.get_caller_identity()["Account"] == aws.account_id
        assert client.meta.region_name == "eu-west-1"
        assert accepts_connections(aws.endpoint_url)

    assert not accepts_connections(aws.endpoint_url)
    assert "POST / HTTP/1.1" in log_file.read_text()
    aws.stop()


def test_its_environment_leads_any_sdk_to_it_and_nowhere_else(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_STS": "http://elsewhere", "HOME": "/home/me"}
    environment = without_aws_variables(mine) | aws.environment()
    assert environment == {"HOME": "/home/me", **aws.handle.environment}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    identity = boto3.Session().client("sts").get_caller_identity()

    assert identity["Arn"] == f"arn:aws:iam::{aws.account_id}:user/Administrator"


def test_a_start_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A file of this name on the path stands in the way of the real package.
    (tmp_path / "moto.py").write_text("raise ImportError('moto is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(EmulatorError, match="moto is broken"):
        EmbeddedAws().start()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "local.emulator", "--stop-at-end-of-input"),
            *("--log-file", str(tmp_path / "emulator.log")),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    endpoint_url = json.loads(child.stdout.readline())["endpoint"]
    assert accepts_connections(endpoint_url)

    child.communicate()

    assert child.returncode == 0
    assert not accepts_connections(endpoint_url)
