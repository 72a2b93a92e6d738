"""Pipelines that train, with hostile training scripts, under the policies that are deployed."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.bootstrapping import bootstrap
from local.deployment import stack_output
from local.emulator import EmbeddedAws
from local.runner import EmulatedAws, Execution, ExecutionStatus, start_execution
from tests.end_to_end.deployment import Deployment
from tests.example_pipeline import MODEL, copy_example

HOME = "us-east-1"
DATA = "training-data"
ISOLATION = {"trained-isolated": True, "trained-connected": False}
SCRIPT = """
import json, os, pathlib, shutil, tarfile

given = pathlib.Path(os.environ["SM_CHANNEL_TRAINING"], "model.tar.gz")
with tarfile.open(given) as archive:
    archive.extractall(os.environ["SM_MODEL_DIR"])
found = {"variables": sorted(name for name in os.environ if name.startswith("AWS_"))}
if "AWS_ACCESS_KEY_ID" in os.environ:
    import boto3

    def client(service):
        return boto3.client(service, region_name="us-east-1")

    name = os.environ["PIPELINE"]
    s3, sagemaker = client("s3"), client("sagemaker")
    bucket = given.with_name("bucket.txt").read_text()
    attacks = {
        "approve": lambda: sagemaker.create_model_package(
            ModelPackageGroupName=name, ModelApprovalStatus="Approved"
        ),
        "start": lambda: sagemaker.start_pipeline_execution(
            PipelineName=name, ClientRequestToken="x" * 32
        ),
        "release": lambda: s3.put_object(
            Bucket=bucket, Key=name + "/releases/another/model.tar.gz", Body=b"", IfNoneMatch="*"
        ),
        "claim": lambda: s3.put_object(
            Bucket=bucket, Key=name + "/releases/claims/x/y/1", Body=b"", IfNoneMatch="*"
        ),
        "read": lambda: s3.get_object(Bucket=bucket, Key="incoming/another/model.tar.gz"),
        "list": lambda: s3.list_objects_v2(Bucket=bucket),
    }
    for name, attack in attacks.items():
        try:
            attack()
            found[name] = "allowed"
        except Exception as error:
            found[name] = error.response["Error"]["Code"]
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "found.json").write_text(json.dumps(found))
"""


@dataclass(frozen=True)
class Trained:
    """The executions, and where their data lie."""

    deployment: Deployment
    executions: dict[str, Execution]

    def found(self, pipeline: str) -> dict[str, Any]:
        """Read what the script has found out."""
        job = self.executions[pipeline].step("Train").properties["TrainingJobName"]
        key = f"models/{pipeline}/{job}/output/output.tar.gz"
        body = self.deployment.aws.client("s3").get_object(Bucket=DATA, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            file = archive.extractfile("found.json")
            assert file is not None
            document: dict[str, Any] = json.loads(file.read())
            return document


def _write_pipeline(folder: Path, name: str, *, isolated: bool) -> None:
    path = copy_example(folder / name, "model")
    document = json.loads(path.read_text())
    configuration = document["configuration"]
    configuration["shared"] |= {"pipeline_name": name, "registration_regions": ["NA"]}
    configuration["specific"]["Payload"]["verification_load_seconds"] = 1
    configuration["specific"]["PytorchTraining"] = {
        "train_in_pipeline": True,
        "enable_network_isolation": isolated,
        "source_dir": "attack",
        "training_entry_point": "attack.py",
        "input_path": f"s3://{DATA}/given/{name}",
        "output_path": f"s3://{DATA}/models/{name}",
        "hyperparameters": {},
    }
    document["metadata"]["config_types"]["PytorchTraining"] = "PytorchTrainingConfig"
    path.write_text(json.dumps(document))
    (folder / name / "attack").mkdir()
    values = f'import os\nos.environ["PIPELINE"] = "{name}"\n'
    (folder / name / "attack" / "attack.py").write_text(values + SCRIPT)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """Deploy the pipelines with one command, and execute each."""
    folder = tmp_path_factory.mktemp("trained")
    for name, isolated in ISOLATION.items():
        _write_pipeline(folder / "pipelines", name, isolated=isolated)
    with EmbeddedAws(log_file=folder / "emulator.log") as server:
        deployment = Deployment(server.handle, folder, Console(file=io.StringIO()))
        bootstrap(deployment.aws, [HOME])
        deployment.deploy()
        s3 = deployment.aws.client("s3")
        s3.create_bucket(Bucket=DATA)
        stacks = deployment.aws.client("cloudformation")
        bucket = stack_output(stacks, "model-release-storage", "ArtifactBucketName")
        executions = {}
        for name in ISOLATION:
            given = {"model.tar.gz": MODEL.read_bytes(), "bucket.txt": bucket.encode()}
            for file, content in given.items():
                s3.put_object(Bucket=DATA, Key=f"given/{name}/{file}", Body=content)
            executions[name] = start_execution(
                name,
                {},
                aws=EmulatedAws.connect(server.environment()),
                state_dir=folder / "executions",
                sleep=lambda _seconds: None,
            )
        yield Trained(deployment, executions)


@pytest.mark.parametrize("pipeline", ISOLATION)
def test_a_trained_model_is_released(trained: Trained, pipeline: str) -> None:
    execution = trained.executions[pipeline]

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason


def test_an_isolated_script_has_no_credentials(trained: Trained) -> None:
    assert trained.found("trained-isolated") == {"variables": ["AWS_REGION"]}


def test_a_script_with_credentials_is_denied_what_would_harm_a_release(trained: Trained) -> None:
    found = trained.found("trained-connected")

    assert "AWS_ACCESS_KEY_ID" in found.pop("variables")
    assert set(found) == {"approve", "start", "release", "claim", "read", "list"}
    assert set(found.values()) <= {"AccessDenied", "AccessDeniedException"}
