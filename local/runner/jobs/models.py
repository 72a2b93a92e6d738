"""Model and RegisterModel steps: calls of the emulated API, which keeps the results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.runner.aws import response_properties, service_call, without_nulls
from local.runner.jobs.containers import StepRun
from local.runner.jobs.service_calls import check_service_calls
from local.runner.jobs.storage import has_objects, is_object
from local.runner.language.errors import StepFailedError


def create_model(run: StepRun) -> dict[str, Any]:
    """Create the model of a Model step; returns the step's properties.

    Raises:
        StepFailedError: the service refuses it, or an artifact does not exist.
    """
    request = {**without_nulls(run.arguments), "ModelName": run.name}
    arn = f"arn:aws:sagemaker:{run.aws.region}:{run.account}:model/{run.name}"
    service = run.as_job(arn, request["ExecutionRoleArn"], {})
    for container in [request.get("PrimaryContainer", {}), *request.get("Containers", ())]:
        _check_artifact(service.aws.s3, container)
    with service_call():
        run.aws.sagemaker.create_model(**run.tagged(request))
    check_service_calls(run, arn=arn, role_arn=request["ExecutionRoleArn"])
    with service_call():
        response = run.aws.sagemaker.describe_model(ModelName=run.name)
    return {**request, **response_properties(response)}


def register_model(run: StepRun) -> dict[str, Any]:
    """Create the model package of a RegisterModel step; returns the step's properties.

    Its group is created first, with the tags of the pipeline, even when it exists. An attempt whose
    answer was lost is repeated with the same token: AWS does not say that its own step does so.

    Raises:
        StepFailedError: the service refuses it, or the role may not create its group.
    """
    request = {"ClientToken": run.client_token, **without_nulls(run.arguments)}
    with service_call():
        _create_group(run, request["ModelPackageGroupName"])
    check_service_calls(run, arn=run.execution_arn, role_arn=None)
    with service_call():
        arn = run.aws.sagemaker.create_model_package(**request)["ModelPackageArn"]
        response = run.aws.sagemaker.describe_model_package(ModelPackageName=arn)
    return {**request, **response_properties(response)}


def _create_group(run: StepRun, name: str) -> None:
    """Create the model package group: only that it exists is tolerated."""
    try:
        run.aws.sagemaker.create_model_package_group(**run.tagged({"ModelPackageGroupName": name}))
    except ClientError as error:
        if "already exists" not in error.response["Error"]["Message"]:
            raise


def _check_artifact(s3: Any, container: Mapping[str, Any]) -> None:
    """Refuse a container whose model artifact does not exist, as the service does."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri is None:
        return
    exists = has_objects if source.get("S3DataType") == "S3Prefix" else is_object
    try:
        with service_call():
            found = exists(s3, uri)
    except StepFailedError as failure:
        # Amazon S3 says "The specified bucket does not exist", not which.
        raise StepFailedError(
            f"{failure.reason} (model data at {uri})", exception_type=failure.exception_type
        ) from failure
    if not found:
        raise StepFailedError(
            f"ClientError: ValidationException: Could not find model data at {uri}."
        )
