"""Synthesis needs no network, no credentials, no region and no home folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.steps import sdk
from tests.synth.app_copy import copy_app, run
from tests.synth.conftest import SHAPES

ROOT = Path(__file__).parents[2]

_TRAP = """
import os, socket

def refuse(*arguments, **options):
    with open(os.environ["TRAP_LOG"], "a") as log:
        log.write(f"{arguments}\\n")
    raise OSError("the network is off")

for owner, names in (
    (socket.socket, ("connect", "connect_ex", "sendto", "sendmsg")),
    (socket, ("create_connection", "getaddrinfo", "gethostbyname", "gethostbyname_ex")),
):
    for name in names:
        setattr(owner, name, refuse)
"""
"""Runs first in each Python process, children included; logged, so that no ``except`` hides it."""

_IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


@pytest.fixture(scope="module")
def trapped(
    tmp_path_factory: pytest.TempPathFactory, write_pipeline: Callable[[Path, str], Path]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in a copy of the app with a pipeline of every shape, no network, no environment.

    Fails the test when anything reaches for the network.
    """
    folder = copy_app(tmp_path_factory.mktemp("offline"))
    for shape in SHAPES:
        path = write_pipeline(folder / "pipelines", shape)
        document = json.loads(path.read_text())
        document["configuration"]["shared"]["pipeline_name"] = shape.replace("_", "-")
        path.write_text(json.dumps(document))
    trap = folder / "trap"
    trap.mkdir()
    (trap / "sitecustomize.py").write_text(_TRAP)

    def run_trapped(*command: str) -> subprocess.CompletedProcess[str]:
        log = trap / "log"
        log.write_text("")
        environment = {"PYTHONPATH": str(trap), "TRAP_LOG": str(log)}
        result = run(folder, *command, environment=environment)
        assert log.read_text() == ""
        return result

    return run_trapped


def test_the_trap_catches_a_child_process(
    trapped: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    child = "import socket; socket.getaddrinfo('localhost', 1)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    with pytest.raises(AssertionError, match="localhost"):
        trapped("-c", parent)


def test_every_step_type_is_compiled_and_synthesized_offline(
    trapped: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    result = trapped("app.py")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["validate", "--no-cache"],
        ["definition", "with_training", "--no-cache"],
        ["payloads", "returns_risk"],
        ["new", "another", "--owner", "a-team", "--variable", "amount:NUMERIC"],
    ],
    ids=lambda command: command[0],
)
def test_commands_that_need_no_aws_reach_no_network(
    command: list[str], trapped: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    result = trapped("cli.py", *command)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout


def test_importing_any_module_reaches_no_network(
    trapped: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("commands", "constructs_lib", "stacks")
        for path in sorted((ROOT / package).rglob("*.py"))
    ]

    result = trapped("-c", _IMPORT_ALL, "app", "cli", *modules)

    assert (result.returncode, result.stderr) == (0, "")


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
    environment = {"CDK_OUTDIR": str(tmp_path), "CDK_DEFAULT_ACCOUNT": "123456789012"}

    assert run(ROOT, "app.py", environment=environment).returncode == 0

    assert "missing" not in json.loads((tmp_path / "manifest.json").read_text())
