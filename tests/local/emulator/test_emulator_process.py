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
from local.emulator import EmbeddedAws, EmulatorError, embedded
from tests.warm.emulator import start_as_the_app_does

ROOT = Path(__file__).parents[3]


@pytest.fixture
def real_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start as programs of the app do, not a copy of a process that is warm."""
    monkeypatch.setattr(embedded, "_start_server", start_as_the_app_does)


def accepts_connections(endpoint_url: str) -> bool:
    port = urlsplit(endpoint_url).port
    assert port is not None
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.usefixtures("real_start")
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


@pytest.mark.usefixtures("real_start")
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


@pytest.mark.parametrize(
    "of_the_user",
    [
        {"HTTP_PROXY": "http://localhost:9", "http_proxy": "http://localhost:9"},
        {"AWS_PROFILE": "no-longer-there"},
        {"AWS_CONFIG_FILE": "config"},
        {"AWS_ENDPOINT_URL_S3": "http://localhost:9", "AWS_ENDPOINT_URL": "http://localhost:9"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_what_a_user_has_set_for_aws_leads_to_no_other(
    of_the_user: dict[str, str],
    aws: EmbeddedAws,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "config").write_text("[default]\ns3 =\n    addressing_style = virtual\n")
    monkeypatch.chdir(tmp_path)
    for name, value in of_the_user.items():
        monkeypatch.setenv(name, value)
    bucket = f"of-{next(iter(of_the_user)).lower().replace('_', '-')}"
    s3 = aws.handle.client("s3")

    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_copies_of_one_process_have_nothing_in_common(tmp_path: Path) -> None:
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    with EmbeddedAws(log_file=logs[0]) as first, EmbeddedAws(log_file=logs[1]) as second:
        keys = {each.key for each in (first, second)}
        roles = {
            each.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"][
                "RoleId"
            ]
            for each in (first, second)
        }
        first.client("s3").create_bucket(Bucket="bucket")

        assert second.client("s3").list_buckets()["Buckets"] == []
    assert len(keys) == len(roles) == len({first.endpoint_url, second.endpoint_url}) == 2
    assert all("POST / HTTP/1.1" in log.read_text() for log in logs)
    assert not accepts_connections(first.endpoint_url)
