"""Training steps in script mode: an entry script in a re-rooted training container.

Sources: CreateTrainingJob; "How Amazon SageMaker Provides Training Information" and "... Processes
Training Output" in the SageMaker developer guide; the SageMaker training toolkit for script mode
(``SM_*`` variables, hyperparameters as arguments).
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from local.runner.aws import job_data_transfer, response_properties, service_call, without_nulls
from local.runner.jobs.containers import Container, StepRun, check_result, refuse_several_instances
from local.runner.jobs.service_calls import check_service_calls
from local.runner.jobs.storage import (
    child_path,
    download,
    has_objects,
    is_object,
    upload_file,
    upload_folder,
)
from local.runner.language.definition import Step
from local.runner.language.errors import StepFailedError, UnsupportedStepError

_PROGRAM: Final = "sagemaker_program"
_SUBMIT_DIRECTORY: Final = "sagemaker_submit_directory"
_CODE: Final = "/opt/ml/code"
_CHECKPOINTS: Final = "/opt/ml/checkpoints"


def check_training_step(step: Step) -> None:
    """Refuse a step that needs a real container, before anything runs.

    Raises:
        UnsupportedStepError: names the step and what it needs.
    """
    hyperparameters = step.arguments.get("HyperParameters") or {}
    if not {_PROGRAM, _SUBMIT_DIRECTORY} <= hyperparameters.keys():
        raise UnsupportedStepError(
            f"Training step '{step.name}' runs its image's own algorithm, which needs the "
            f"container. The local runner runs script mode: hyperparameters {_PROGRAM} and "
            f"{_SUBMIT_DIRECTORY} (a .tar.gz in Amazon S3 or in a channel)."
        )
    mode = step.arguments.get("AlgorithmSpecification", {}).get("TrainingInputMode", "File")
    for channel in step.arguments.get("InputDataConfig") or ():
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        if channel.get("InputMode", mode) == "Pipe" or source.get("S3DataType") != "S3Prefix":
            raise UnsupportedStepError(
                f"Channel '{channel.get('ChannelName')}' of training step '{step.name}' is not an "
                "S3 prefix in File or FastFile mode, the only kind the local runner supports."
            )


def run_training_job(run: StepRun) -> dict[str, Any]:
    """Run the job of a Training step; returns the step's properties.

    Raises:
        StepFailedError: the job could not be created, or failed.
    """
    request = {**without_nulls(run.arguments), "TrainingJobName": run.name}
    refuse_several_instances(request.get("ResourceConfig", {}))
    with service_call():
        arn = run.aws.sagemaker.create_training_job(**run.tagged(request))["TrainingJobArn"]
    check_service_calls(run, arn=arn, role_arn=request["RoleArn"])
    container = Container(run.as_job(arn, request["RoleArn"], request.get("VpcConfig", {})))
    variables = {"TRAINING_JOB_NAME": run.name, "TRAINING_JOB_ARN": arn}
    command = _prepare(container, request, variables)
    _execute(container, request, command, variables)
    model_uri = _upload_outputs(container, request)
    with service_call():
        response = run.aws.sagemaker.describe_training_job(TrainingJobName=run.name)
    return {
        **request,
        **response_properties(response),
        "TrainingJobStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": model_uri},
    }


def _prepare(
    container: Container, request: Mapping[str, Any], variables: dict[str, str]
) -> list[str]:
    """Lay out the container's files; adds its variables and returns its command."""
    channels = _stage_channels(container, request)
    hyperparameters = request["HyperParameters"]
    container.write_json("/opt/ml/input/config/hyperparameters.json", hyperparameters)
    container.write_json("/opt/ml/input/config/inputdataconfig.json", channels)
    resources = container.write_resource_config("/opt/ml/input/config/resourceconfig.json")
    for folder in ("/opt/ml/model", "/opt/ml/output/data", _CHECKPOINTS):
        container.make_folder(folder)
    _stage_checkpoints(container, request)
    program = str(_decoded(hyperparameters[_PROGRAM]))
    submitted = str(_decoded(hyperparameters[_SUBMIT_DIRECTORY]))
    isolated = bool(request.get("EnableNetworkIsolation"))
    _stage_code(container, submitted, program, isolated=isolated)
    user = {
        name: _decoded(text)
        for name, text in sorted(hyperparameters.items())
        if not name.startswith("sagemaker_")
    }
    arguments = [part for name, value in user.items() for part in _as_argument(name, value)]
    variables.update(_script_mode_variables(channels, resources, user))
    variables.update(SM_USER_ENTRY_POINT=program, SM_USER_ARGS=json.dumps(arguments))
    return ["python3", f"{_CODE}/{program}", *arguments]


def _stage_channels(container: Container, request: Mapping[str, Any]) -> dict[str, Any]:
    channels = {}
    for channel in request.get("InputDataConfig", ()):
        name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
        with job_data_transfer():
            download(
                container.run.aws.s3,
                source["S3Uri"],
                container.make_folder(f"/opt/ml/input/data/{name}"),
            )
        channels[name] = {
            "TrainingInputMode": "File",
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
    return channels


def _stage_checkpoints(container: Container, request: Mapping[str, Any]) -> None:
    uri = request.get("CheckpointConfig", {}).get("S3Uri")
    uri = uri and f"{uri.rstrip('/')}/"  # a folder, into which the same job writes
    with job_data_transfer():
        if uri and has_objects(container.run.aws.s3, uri):
            download(container.run.aws.s3, uri, _checkpoint_folder(container, request))


def _checkpoint_folder(container: Container, request: Mapping[str, Any]) -> Path:
    return container.make_folder(request["CheckpointConfig"].get("LocalPath", _CHECKPOINTS))


def _stage_code(container: Container, uri: str, program: str, *, isolated: bool) -> None:
    folder = container.make_folder(_CODE)
    archive = _code_archive(container, uri, isolated=isolated)
    try:
        _unpack(archive, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise StepFailedError(f"ClientError: {uri} cannot be unpacked: {error}") from error
    if not (folder / program).is_file():
        raise StepFailedError(f"ClientError: {uri} holds no '{program}' ({_PROGRAM}).")


def _code_archive(container: Container, uri: str, *, isolated: bool) -> Path:
    """Find the archive where the container's toolkit does: in a channel, or in Amazon S3."""
    if not uri.startswith("s3://"):
        return container.path(uri)
    if isolated:
        raise StepFailedError(
            f"AlgorithmError: {_SUBMIT_DIRECTORY} is '{uri}', but the container of a job with"
            " EnableNetworkIsolation does not reach Amazon S3: name a file of a channel, such as"
            " /opt/ml/input/data/code/sourcedir.tar.gz."
        )
    source = container.make_folder(f"{_CODE}.source")
    with job_data_transfer():
        if not is_object(container.run.aws.s3, uri):
            raise StepFailedError(
                f"AlgorithmError: there is no object {uri}, which {_SUBMIT_DIRECTORY} names."
            )
        download(container.run.aws.s3, uri, source)
    return source / uri.rpartition("/")[2]


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the regular files; tarfile's own filters are younger than Python 3.11.0."""
    with tarfile.open(archive, "r:gz") as members:
        for member in members:
            content = members.extractfile(member) if member.isfile() else None
            if content is not None:
                target = child_path(folder, member.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)


def _decoded(text: str) -> Any:
    """Return a hyperparameter's value: the SDK writes JSON, other callers plain texts."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _as_argument(name: str, value: Any) -> tuple[str, str]:
    text = (
        ",".join(f"{key}={item}" for key, item in value.items())
        if isinstance(value, dict)
        else str(value)
    )
    return ("--" if len(name) > 1 else "-") + name, text


def _script_mode_variables(
    channels: Mapping[str, Any], resources: Mapping[str, Any], user: Mapping[str, Any]
) -> dict[str, str]:
    return {
        "SM_MODEL_DIR": "/opt/ml/model",
        "SM_MODULE_DIR": _CODE,
        "SM_INPUT_DIR": "/opt/ml/input",
        "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
        "SM_OUTPUT_DIR": "/opt/ml/output",
        "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": "/opt/ml/output/intermediate",
        "SM_CURRENT_HOST": resources["current_host"],
        "SM_HOSTS": json.dumps(resources["hosts"]),
        "SM_RESOURCE_CONFIG": json.dumps(resources),
        "SM_INPUT_DATA_CONFIG": json.dumps(channels),
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_NUM_GPUS": "0",
        "SM_LOG_LEVEL": "20",
        "SM_HPS": json.dumps(user),
        "SM_CHANNELS": json.dumps(sorted(channels)),
        **{f"SM_CHANNEL_{name.upper()}": f"/opt/ml/input/data/{name}" for name in channels},
        **{f"SM_HP_{name.upper()}": _as_argument(name, value)[1] for name, value in user.items()},
    }


def _execute(
    container: Container,
    request: Mapping[str, Any],
    command: list[str],
    variables: Mapping[str, str],
) -> None:
    result = container.execute(
        command,
        {**variables, **request.get("Environment", {})},
        isolated=bool(request.get("EnableNetworkIsolation")),
    )
    if "CheckpointConfig" in request:
        with job_data_transfer():
            upload_folder(
                container.run.aws.s3,
                _checkpoint_folder(container, request),
                request["CheckpointConfig"]["S3Uri"],
                kms_key_id=request["OutputDataConfig"].get("KmsKeyId"),
            )
    check_result(result, container.run, message=container.message("/opt/ml/output/failure"))


def _upload_outputs(container: Container, request: Mapping[str, Any]) -> str:
    """Upload what the script left, as archives; returns the model artifact's URI."""
    config = request["OutputDataConfig"]
    prefix = f"{config['S3OutputPath'].rstrip('/')}/{container.run.name}/output"
    archives = {"model.tar.gz": container.path("/opt/ml/model")}
    if any((output := container.path("/opt/ml/output/data")).iterdir()):
        archives["output.tar.gz"] = output
    for name, folder in archives.items():
        archive = container.make_folder("/tmp") / name  # noqa: S108 - the container's
        with tarfile.open(archive, "w:gz") as packed:
            for path in sorted(folder.iterdir()):
                packed.add(path, arcname=path.name)
        with job_data_transfer():
            upload_file(
                container.run.aws.s3,
                archive,
                f"{prefix}/{name}",
                kms_key_id=config.get("KmsKeyId"),
            )
    return f"{prefix}/model.tar.gz"
