"""Processing steps: a script in a re-rooted processing container.

Sources: CreateProcessingJob, and "How to Build Your Own Processing Container" in the SageMaker
developer guide, for the container's files and the meaning of its end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from local.runner.aws import (
    EmulatedAws,
    job_data_transfer,
    response_properties,
    service_call,
    without_nulls,
)
from local.runner.jobs.containers import (
    PYTHON_COMMANDS,
    Container,
    StepRun,
    check_result,
    refuse_several_instances,
)
from local.runner.jobs.service_calls import check_service_calls
from local.runner.jobs.storage import download, read_object, upload_folder
from local.runner.language.definition import Step
from local.runner.language.errors import StepFailedError, UnsupportedStepError


def check_processing_step(step: Step) -> None:
    """Refuse a step that needs a real container, before anything runs.

    Raises:
        UnsupportedStepError: names the step and what it needs.
    """
    entrypoint = step.arguments.get("AppSpecification", {}).get("ContainerEntrypoint")
    if not entrypoint or entrypoint[0] not in PYTHON_COMMANDS:
        raise UnsupportedStepError(
            f"Processing step '{step.name}' has container entry point {entrypoint}, which needs "
            'its container image. The local runner runs ["python3", <script>, ...].'
        )
    for item in step.arguments.get("ProcessingInputs") or ():
        source = item.get("S3Input")
        modes = source and (source.get("S3InputMode", "File"), source.get("S3DataType"))
        if modes != ("File", "S3Prefix"):
            raise UnsupportedStepError(
                f"Input '{item.get('InputName')}' of processing step '{step.name}' is not an S3 "
                "prefix copied into the container (S3DataType S3Prefix, S3InputMode File), "
                "the only kind that the local runner supports."
            )


def run_processing_job(run: StepRun) -> dict[str, Any]:
    """Run the job of a Processing step; returns the step's properties.

    Raises:
        StepFailedError: the job could not be created, or failed.
    """
    request = {**without_nulls(run.arguments), "ProcessingJobName": run.name}
    refuse_several_instances(request.get("ProcessingResources", {}).get("ClusterConfig", {}))
    with service_call():
        response = run.aws.sagemaker.create_processing_job(**run.tagged(request))
    arn = response["ProcessingJobArn"]
    check_service_calls(run, arn=arn, role_arn=request["RoleArn"])
    network = request.get("NetworkConfig", {}).get("VpcConfig", {})
    container = Container(run.as_job(arn, request["RoleArn"], network))
    _prepare(container, {**request, "ProcessingJobArn": arn})
    exit_message = _execute(container, request)
    _upload_outputs(container, request)
    with service_call():
        response = run.aws.sagemaker.describe_processing_job(ProcessingJobName=run.name)
    return {
        **request,
        **response_properties(response),
        "ProcessingJobStatus": "Completed",
        "ExitMessage": exit_message,
    }


def read_property_files(
    aws: EmulatedAws, step: Step, properties: Mapping[str, Any]
) -> dict[str, Any]:
    """Read a finished step's property files by name; those that are no JSON are absent.

    Raises:
        StepFailedError: S3 does not answer.
    """
    uris = {
        output["OutputName"]: output["S3Output"]["S3Uri"].rstrip("/")
        for output in properties.get("ProcessingOutputConfig", {}).get("Outputs", ())
        if "S3Output" in output
    }
    contents = {}
    for file in step.property_files:
        with service_call(), suppress(aws.s3.exceptions.NoSuchKey, ValueError, KeyError):
            text = read_object(aws.s3, f"{uris[file.output_name]}/{file.file_path}")
            contents[file.name] = json.loads(text)
    return contents


def _prepare(container: Container, configuration: Mapping[str, Any]) -> None:
    container.make_folder("/opt/ml/output")
    container.write_json("/opt/ml/config/processingjobconfig.json", configuration)
    container.write_resource_config("/opt/ml/config/resourceconfig.json")
    for item in configuration.get("ProcessingInputs", ()):
        source = item["S3Input"]
        with job_data_transfer():
            download(
                container.run.aws.s3,
                source["S3Uri"],
                container.make_folder(_processing_path(source["LocalPath"])),
            )
    for output in _s3_outputs(configuration):
        container.make_folder(_processing_path(output["LocalPath"]))


def _execute(container: Container, request: Mapping[str, Any]) -> str:
    specification = request["AppSpecification"]
    result = container.execute(
        [*specification["ContainerEntrypoint"], *specification.get("ContainerArguments", ())],
        request.get("Environment", {}),
        isolated=bool(request.get("NetworkConfig", {}).get("EnableNetworkIsolation")),
    )
    message = container.message("/opt/ml/output/message")
    check_result(result, container.run, message=message)
    return message


def _upload_outputs(container: Container, request: Mapping[str, Any]) -> None:
    kms_key_id = request.get("ProcessingOutputConfig", {}).get("KmsKeyId")
    for output in _s3_outputs(request):
        with job_data_transfer():
            upload_folder(
                container.run.aws.s3,
                container.path(output["LocalPath"]),
                output["S3Uri"],
                kms_key_id=kms_key_id,
            )


def _s3_outputs(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
    return [output["S3Output"] for output in outputs if "S3Output" in output]


def _processing_path(local_path: str) -> str:
    if not local_path.startswith("/opt/ml/processing/"):
        raise StepFailedError(
            f"ClientError: LocalPath is '{local_path}', but must begin with /opt/ml/processing/."
        )
    return local_path
