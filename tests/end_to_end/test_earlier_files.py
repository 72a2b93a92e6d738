"""Files of the earlier system, as they are, go from ``validate`` to registered versions."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from commands.program import app
from commands.terminal import places
from local.bootstrapping import bootstrap
from local.emulator import EmbeddedAws
from local.release import release
from local.runner import Execution
from tests.end_to_end.deployment import REGIONS, Deployment

DATA = Path(__file__).parents[1] / "configs" / "data"
GENERATIONS = ("g1", "g2", "g3")
HANDLER = """
import csv, io, json

def model_fn(model_dir):
    with open("/opt/ml/model/weights.json") as file:
        return json.load(file)

def input_fn(body, content_type):
    return next(csv.reader(io.StringIO(body)))

def predict_fn(record, model):
    return model["base"] + float(record[0])

def output_fn(score, accept):
    record = {"legacy-score": str(score), "calibrated-score": "0.5"}
    return json.dumps({"predictions": [record]})
"""
EARLIER_SCRIPT = """
import tarfile
from pathlib import Path
MODEL_PATH = Path("/opt/ml/processing/input/model")
OUTPUT_PATH = Path("/opt/ml/processing/output")
tarfile.open(MODEL_PATH / "model.tar.gz").extractall("/tmp/packaging")
tarfile.open(OUTPUT_PATH / "model.tar.gz", "w:gz").add("/tmp/packaging", ".")
"""


def _pipeline(generation: str) -> str:
    return f"alice-{generation}-BSM-RnR-EU"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's folder, with a file of each generation; only their pipelines' names differ."""
    folder = tmp_path_factory.mktemp("earlier_files")
    for generation in GENERATIONS:
        pipeline = folder / "pipelines" / generation
        shutil.copytree(DATA / "code", pipeline / "code")
        text = (DATA / f"{generation}.json").read_text()
        text = text.replace('"alice-BSM-RnR-EU"', f'"{_pipeline(generation)}"')
        (pipeline / "config.json").write_text(text)
        (pipeline / "code" / "inference.py").write_text(HANDLER)
        (pipeline / "code" / "mims_package.py").write_text(EARLIER_SCRIPT)
    (folder / "cdk.json").write_text('{"context": {"model-release": {}}}')
    return folder


def test_what_is_different_of_each_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "ROOT", folder)

    result = CliRunner().invoke(app, ["validate", "--json"])

    assert result.exit_code == 0, result.output
    for each in json.loads(result.stdout):
        assert each["valid"]
        notes = [finding["text"] for finding in each["findings"] if finding["severity"] == "note"]
        [unused] = [note for note in notes if "not used here" in note]
        assert {"section Processing", "the texts of input_names"} <= set(
            unused.partition("not used here: ")[2].split(", ")
        )
        assert [note for note in notes if "is kept and not used" in note] == [notes[1]]
        assert [note for note in notes if "mims_package.py is a packaging" in note] == [notes[2]]
        assert len(notes) == 3


@pytest.fixture(scope="module")
def executions(folder: Path) -> Iterator[tuple[Deployment, dict[str, Execution]]]:
    """A release of each pipeline, on one embedded AWS, at the same time."""
    with EmbeddedAws(log_file=folder / "emulator.log") as server:
        deployment = Deployment(server.handle, folder, Console(file=io.StringIO()))
        bootstrap(deployment.aws, REGIONS)
        deployment.deploy()

        def run(generation: str) -> Execution:
            name = _pipeline(generation)
            return release(
                name,
                deployment.put_model(f"incoming/{name}/model.tar.gz", _model()),
                aws=deployment.aws,
                state_dir=folder / "executions" / generation,
                console=Console(file=io.StringIO()),
            )

        with ThreadPoolExecutor() as pool:
            yield deployment, dict(zip(GENERATIONS, pool.map(run, GENERATIONS), strict=True))


def _model() -> bytes:
    content = io.BytesIO()
    weights = json.dumps({"base": 0.25}).encode()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("weights.json")
        member.size = len(weights)
        archive.addfile(member, io.BytesIO(weights))
    return content.getvalue()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_each_is_released_to_its_regions(
    executions: tuple[Deployment, dict[str, Execution]], generation: str
) -> None:
    deployment, by_generation = executions
    execution = by_generation[generation]

    assert execution.failure_reason is None
    assert "Train" not in [step.name for step in execution.steps]
    for region in ("us-east-1", "eu-west-1"):
        [package] = _packages(deployment, region, generation)
        properties = package["CustomerMetadataProperties"]
        assert properties["verification_verdict"] == "passed"


def _packages(deployment: Deployment, region: str, generation: str) -> list[dict[str, Any]]:
    client = deployment.aws.client("sagemaker", region)
    listed = client.list_model_packages(ModelPackageGroupName=_pipeline(generation))
    return [
        client.describe_model_package(ModelPackageName=each["ModelPackageArn"])
        for each in listed["ModelPackageSummaryList"]
    ]
