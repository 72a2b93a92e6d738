"""An embedded AWS with a pipeline and its versions, and the real AWS as stubs."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from typer.testing import CliRunner, Result

from cli import main
from commands.executions import real as real_executions
from commands.health import machine
from commands.health.checks import Check
from commands.program import app
from commands.terminal import places
from commands.terminal.aws import Aws
from constructs_lib.aws import handle
from constructs_lib.aws.handle import AwsHandle
from constructs_lib.compilation import parent as compilation
from constructs_lib.terminal import side_by_side
from local.emulator import EmbeddedAws
from tests.command_line.registered_pipeline import (
    DEFINITION,
    EVALUATION,
    NAME,
    REGIONS,
    VERSIONS,
)
from tests.example_pipeline import ROOT

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _commands_read_the_tests_own_app(own_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "ROOT", own_app)
    # In whatever app a test has: an entry is named by everything that it was compiled from.
    monkeypatch.setattr(compilation, "CACHE_FOLDER", own_app / compilation.CACHE_FOLDER)


@pytest.fixture(scope="session", autouse=True)
def _tools_tell_their_version_once() -> Iterator[None]:
    """Keep what ``doctor`` finds of Node and the CDK CLI, which take half a second to start."""
    ask = machine._tool
    kept: dict[str, Check] = {}

    def tool(name: str, command: str, good: Callable[[str], bool]) -> Check:
        if command not in kept:
            kept[command] = ask(name, command, good)
        return kept[command]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "_tool", tool)
        yield


@pytest.fixture(scope="session", autouse=True)
def _clients_are_made_once() -> Iterator[None]:
    """Keep the clients of embedded AWSs: every command makes its own, of hundreds of operations."""
    make = AwsHandle.client
    kept: dict[tuple[object, ...], Any] = {}

    def client(
        aws: AwsHandle, service: str, region: str | None = None, config: Config | None = None
    ) -> Any:
        if not aws.is_embedded:
            return make(aws, service, region, config)
        options = config and repr(sorted(vars(config).items()))
        wanted = (aws, service, region, options)
        if wanted not in kept:
            kept[wanted] = make(aws, service, region, config)
        return kept[wanted]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AwsHandle, "client", client)
        yield


@pytest.fixture
def own_session() -> Iterator[None]:
    """A session with AWS of no other command, as it keeps what it has read of the environment."""
    handle._session_of.cache_clear()
    yield
    handle._session_of.cache_clear()


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The whole program in this process: what it prints, and what it ends with."""
    monkeypatch.setattr(places, "ROOT", ROOT)
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", [str(ROOT / "cli.py"), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return subprocess.CompletedProcess(
            arguments, cast("int", ended.value.code), *capsys.readouterr()
        )

    return run


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedAws]:
    """An embedded AWS with one pipeline that registered two versions in two regions."""
    # Its pipeline has no role that is there: what roles may do is not what commands are about.
    with EmbeddedAws(permissions=False) as aws:
        aws.client("sagemaker").create_pipeline(
            PipelineName=NAME,
            PipelineDefinition=json.dumps(DEFINITION),
            RoleArn="arn:aws:iam::123456789012:role/pipeline",
            ClientRequestToken="x" * 32,
        )
        _register(aws)
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="registry")
        s3.put_object(Bucket="registry", Key="2/evaluation.json", Body=json.dumps(EVALUATION))
        yield aws


def _register(aws: EmbeddedAws) -> None:
    for region in REGIONS:
        client = aws.client("sagemaker", region)
        client.create_model_package_group(ModelPackageGroupName=NAME)
        for properties in VERSIONS:
            client.create_model_package(
                ModelPackageGroupName=NAME,
                ModelApprovalStatus="PendingManualApproval",
                CustomerMetadataProperties=properties,
            )


def _forget(aws: EmbeddedAws) -> None:
    for region in REGIONS:
        client = aws.client("sagemaker", region)
        listed = client.list_model_packages(ModelPackageGroupName=NAME)
        for each in listed["ModelPackageSummaryList"]:
            client.delete_model_package(ModelPackageName=each["ModelPackageArn"])
        client.delete_model_package_group(ModelPackageGroupName=NAME)


@pytest.fixture
def release(
    embedded: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """Run a command against it; what is decided there of versions lasts as long as the test."""
    for name, value in embedded.environment().items():
        monkeypatch.setenv(name, value)
    called: set[str] = set()

    def run(*arguments: str) -> Result:
        called.add(arguments[0])
        return CliRunner().invoke(app, list(arguments))

    yield run
    if called & {"approve", "reject"}:
        _forget(embedded)
        _register(embedded)


_SERVICES = ("sagemaker", "logs", "s3", "lambda", "sts", "ssm", "service-quotas", "ec2")


@pytest.fixture(scope="session")
def real_clients() -> dict[str, Any]:
    """Clients that would talk to the real AWS."""
    session = boto3.Session("key", "secret", region_name="us-east-1")
    return {name: session.client(name) for name in _SERVICES}


@pytest.fixture
def stubs(
    real_clients: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Stubber]]:
    """The real AWS's clients, each with the answers that a test gives."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    stubs = {name: Stubber(client) for name, client in real_clients.items()}
    monkeypatch.setattr(Aws, "client", lambda _self, service, _region=None: stubs[service].client)
    monkeypatch.setattr(side_by_side, "_AT_ONCE", 1)  # answers are given in the order of calls
    for stub in stubs.values():
        stub.activate()
    yield stubs
    for remembered in (real_executions._step_names, real_executions._log_group_of_function):
        remembered.cache_clear()
    for stub in stubs.values():
        stub.deactivate()  # all, before one fails: the next test has these clients, too
    for stub in stubs.values():
        stub.assert_no_pending_responses()
