from __future__ import annotations

import io
import json
import tarfile
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from local.runner import Execution, ExecutionStatus
from local.runner.language.errors import UnsupportedStepError

Deploy = Callable[..., str]
Execute = Callable[..., Execution]
Put = Callable[[str, str | bytes], str]
Get = Callable[[str], dict[str, Any]]

TRAIN = """
    import argparse, json, os, pathlib
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--name")
    arguments = parser.parse_args()
    data = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "data.csv").read_text()
    config = pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"])
    model = pathlib.Path(os.environ["SM_MODEL_DIR"])
    (model / "code").mkdir()
    (model / "code" / "note.txt").write_text("nested")
    (model / "model.json").write_text(json.dumps({
        "arguments": vars(arguments),
        "data": data,
        "hyperparameters": json.loads((config / "hyperparameters.json").read_text()),
        "channels": json.loads((config / "inputdataconfig.json").read_text()),
        "job": os.environ["TRAINING_JOB_NAME"],
        "hps": json.loads(os.environ["SM_HPS"]),
        "checkpoint": os.listdir(os.environ["CHECKPOINTS"]),
    }))
    pathlib.Path(os.environ["CHECKPOINTS"], "new").touch()
    pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "plot.txt").write_text("plot")
"""


@pytest.fixture
def training_step(put: Put, bucket: str) -> Callable[..., dict[str, Any]]:
    def build(script: str, **arguments: Any) -> dict[str, Any]:
        source = io.BytesIO()
        with tarfile.open(fileobj=source, mode="w:gz") as archive:
            content = textwrap.dedent(script).encode()
            member = tarfile.TarInfo("train.py")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        code = put("code/sourcedir.tar.gz", source.getvalue())
        return {
            "Name": "Train",
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
                "RoleArn": "arn:aws:iam::123456789012:role/execution",
                "ResourceConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.g5.12xlarge",
                    "VolumeSizeInGB": 30,
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/train/"},
                "HyperParameters": {
                    "sagemaker_program": '"train.py"',
                    "sagemaker_submit_directory": code,
                    "epochs": "3",
                    "name": '"tsa"',
                },
                "MlflowConfig": None,
                **arguments,
            },
        }

    return build


def read_archive(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        return {
            member.name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }


def test_a_training_script_gets_data_and_hyperparameters_and_leaves_a_model(
    training_step: Callable[..., dict[str, Any]],
    deploy: Deploy,
    execute: Execute,
    put: Put,
    get: Get,
    bucket: str,
) -> None:
    put("data/data.csv", "1,2")
    put("checkpoints/old", "x")
    step = training_step(
        TRAIN,
        InputDataConfig=[
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data"}
                },
            }
        ],
        CheckpointConfig={"S3Uri": f"s3://{bucket}/checkpoints"},
        Environment={"CHECKPOINTS": "/opt/ml/checkpoints"},
    )

    execution = execute(deploy(step))

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    properties = execution.step("Train").properties
    name = properties["TrainingJobName"]
    artifact = properties["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == f"s3://{bucket}/train/{name}/output/model.tar.gz"
    files = read_archive(get(artifact)["Body"])
    assert files["code/note.txt"] == b"nested"
    seen = json.loads(files["model.json"])
    assert seen["arguments"] == {"epochs": 3, "name": "tsa"}
    assert seen["data"] == "1,2"
    assert seen["hyperparameters"]["name"] == '"tsa"'
    assert seen["channels"]["train"]["ContentType"] == "text/csv"
    assert seen["job"] == name
    assert seen["hps"] == {"epochs": 3, "name": "tsa"}
    assert seen["checkpoint"] == ["old"]
    output = get(f"s3://{bucket}/train/{name}/output/output.tar.gz")
    assert read_archive(output["Body"]) == {"plot.txt": b"plot"}
    assert get(f"s3://{bucket}/checkpoints/new")["Body"] == b""


def test_an_isolated_container_gets_its_code_from_a_channel_and_no_credentials(
    training_step: Callable[..., dict[str, Any]],
    deploy: Deploy,
    execute: Execute,
    get: Get,
    bucket: str,
) -> None:
    step = training_step(
        """
        import json, os, pathlib
        names = [name for name in os.environ if name.startswith("AWS_")]
        pathlib.Path(os.environ["SM_MODEL_DIR"], "names.json").write_text(json.dumps(names))
        """,
        EnableNetworkIsolation=True,
        InputDataConfig=[
            {
                "ChannelName": "code",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": f"s3://{bucket}/code/sourcedir.tar.gz",
                    }
                },
            }
        ],
    )
    fetched = execute(deploy(step)).step("Train").reason
    hyperparameters = step["Arguments"]["HyperParameters"]
    hyperparameters["sagemaker_submit_directory"] = "/opt/ml/input/data/code/sourcedir.tar.gz"

    execution = execute(deploy(step))

    assert fetched is not None
    assert "does not reach Amazon S3" in fetched
    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    artifact = execution.step("Train").properties["ModelArtifacts"]["S3ModelArtifacts"]
    assert json.loads(read_archive(get(artifact)["Body"])["names.json"]) == ["AWS_REGION"]


def test_the_model_is_encrypted_with_the_jobs_key(
    training_step: Callable[..., dict[str, Any]],
    deploy: Deploy,
    execute: Execute,
    get: Get,
    bucket: str,
) -> None:
    config = {"S3OutputPath": f"s3://{bucket}/t", "KmsKeyId": "alias/models"}

    execution = execute(deploy(training_step("", OutputDataConfig=config)))

    artifact = execution.step("Train").properties["ModelArtifacts"]["S3ModelArtifacts"]
    assert get(artifact)["SSEKMSKeyId"] == "alias/models"


def test_the_failure_file_is_the_reason(
    training_step: Callable[..., dict[str, Any]], deploy: Deploy, execute: Execute
) -> None:
    step = training_step(
        """
        import os, sys
        open(os.environ["SM_OUTPUT_DIR"] + "/failure", "w").write("loss is NaN")
        sys.exit(1)
        """
    )

    execution = execute(deploy(step))

    assert execution.step("Train").reason == "AlgorithmError: loss is NaN, exit code: 1"


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"sagemaker_program": "other.py"}, "holds no 'other.py'"),
        ({"sagemaker_submit_directory": "s3://{bucket}/code/plain.tar.gz"}, "cannot be unpacked"),
        ({"sagemaker_submit_directory": "s3://{bucket}/absent.tar.gz"}, "there is no object"),
        ({"sagemaker_submit_directory": "s3://{bucket}/code"}, "there is no object"),
        ({"sagemaker_submit_directory": "/opt/ml/input/data/code/x.gz"}, "cannot be unpacked"),
    ],
)
def test_a_wrong_source_archive_fails_the_step(
    training_step: Callable[..., dict[str, Any]],
    deploy: Deploy,
    execute: Execute,
    put: Put,
    bucket: str,
    hyperparameters: dict[str, str],
    message: str,
) -> None:
    put("code/plain.tar.gz", "not an archive")
    step = training_step("")
    step["Arguments"]["HyperParameters"] |= {
        name: text.format(bucket=bucket) for name, text in hyperparameters.items()
    }

    reason = execute(deploy(step)).step("Train").reason

    assert reason is not None
    assert message in reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"HyperParameters": {}}, "runs its image's own algorithm"),
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "InputMode": "Pipe",
                        "DataSource": {
                            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}
                        },
                    }
                ]
            },
            "Channel 'train' of training step 'Train'",
        ),
    ],
)
def test_jobs_that_need_a_real_container_are_refused(
    training_step: Callable[..., dict[str, Any]],
    deploy: Deploy,
    execute: Execute,
    arguments: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(UnsupportedStepError, match=message):
        execute(deploy(training_step("", **arguments)))
