"""The app, deployed once with the real CDK CLI to an embedded AWS of its own."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from rich.console import Console

from local.emulator import ACCOUNT_ID, EmbeddedAws
from tests.end_to_end.deployment import REGIONS, Deployment
from tests.example_pipeline import copy_pipelines
from tests.security.secrets_scan import PLANTED


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Bootstrap three regions and deploy the app, with secrets around it."""
    folder = tmp_path_factory.mktemp("end_to_end")
    config = copy_pipelines(folder) / "returns_risk" / "config.json"
    document = json.loads(config.read_text())
    sections = document["configuration"]["specific"]
    sections["Payload"]["verification_load_seconds"] = 1
    sections["PytorchModel"]["environment_variables"] = {"SCORE_SCALE": "1000"}
    config.write_text(json.dumps(document, indent=1))
    with (
        pytest.MonkeyPatch.context() as patch,
        EmbeddedAws(log_file=folder / "emulator.log") as server,
    ):
        for name, secret in PLANTED.items():
            patch.setenv(name, secret)
        deployment = Deployment(server.handle, folder, Console(file=io.StringIO()))
        deployment.cdk(lambda cli: cli.bootstrap(ACCOUNT_ID, REGIONS))
        deployment.deploy()
        deployment.aws.client("ssm").put_parameter(
            Name="/production/password", Value=PLANTED["DATABASE_PASSWORD"], Type="SecureString"
        )
        yield deployment
