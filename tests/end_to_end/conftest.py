"""The app, deployed once with the real CDK CLI to an embedded AWS of its own."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator

import pytest
from rich.console import Console

from local.emulator import ACCOUNT_ID, EmbeddedAws
from local.release import LocalAws
from tests.end_to_end.deployment import REGIONS, ROOT, Deployment


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Bootstrap three regions and deploy the app."""
    folder = tmp_path_factory.mktemp("end_to_end")
    shutil.copytree(
        ROOT / "pipelines" / "returns_risk",
        folder / "pipelines" / "returns_risk",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    with EmbeddedAws(log_file=folder / "emulator.log") as server:
        deployment = Deployment(LocalAws(server.endpoint_url), folder, Console(file=io.StringIO()))
        deployment.cdk(lambda cli: cli.bootstrap(ACCOUNT_ID, REGIONS))
        deployment.deploy()
        yield deployment
