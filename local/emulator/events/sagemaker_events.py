"""State-change events of Amazon SageMaker: executions of pipelines, their steps, model packages.

Source: "Events that Amazon SageMaker AI sends to Amazon EventBridge" in the SageMaker developer
guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Final

from local.emulator.endpoints.endpoint import ServedEndpoint
from local.emulator.events.delivery import EventDelivery, iso_time
from local.emulator.monitoring.times import in_utc
from local.emulator.sagemaker.execution_steps import ExecutionSteps, Step, find_execution

_EXECUTION: Final = "SageMaker Model Building Pipeline Execution Status Change"
_STEP: Final = "SageMaker Model Building Pipeline Execution Step Status Change"
_PACKAGE: Final = "SageMaker Model Package State Change"
_ENDPOINT: Final = "SageMaker Endpoint State Change"
_DEPLOYMENT: Final = "SageMaker Endpoint Deployment State Change"
_RETRIABLE: Final = ("Failed", "Stopped")
_UPDATED: Final = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "CustomerMetadataProperties",
    "ModelLifeCycle",
)


@dataclass(frozen=True)
class SageMakerEvents:
    """Emits SageMaker's events."""

    delivery: EventDelivery
    steps: ExecutionSteps

    def install(self) -> None:
        """Emit events of what moto's SageMaker does."""
        self.steps.install()
        self._tell_of_starts()
        self._tell_of_packages()
        self._retry_executions()

    def _tell_of_starts(self) -> None:
        from moto.sagemaker.models import SageMakerModelBackend as Backend

        start = Backend.start_pipeline_execution

        @wraps(start)
        def start_pipeline_execution(backend: Any, *arguments: Any, **named: Any) -> Any:
            answer = start(backend, *arguments, **named)
            self.execution_changed(answer["PipelineExecutionArn"], None)
            return answer

        Backend.start_pipeline_execution = start_pipeline_execution

    def _retry_executions(self) -> None:
        """Answer RetryPipelineExecution, which moto lacks.

        Source: "Fail step" in the SageMaker developer guide; the API reference.
        """
        from moto.core.responses import ActionResult
        from moto.sagemaker.exceptions import AWSValidationException
        from moto.sagemaker.models import get_pipeline_execution_from_arn
        from moto.sagemaker.responses import SageMakerResponse

        def retry_pipeline_execution(response: Any) -> Any:
            arn = response._get_param("PipelineExecutionArn")
            execution = get_pipeline_execution_from_arn(response.sagemaker_backend.pipelines, arn)
            before = execution.pipeline_execution_status
            if before not in _RETRIABLE or self.steps.has_failed_by_intent(arn):
                raise AWSValidationException(
                    f"The execution {arn} is {before} and cannot be retried: only one that is"
                    f" {' or '.join(_RETRIABLE)} can, unless a Fail step has ended it"
                )
            execution.pipeline_execution_status = "Executing"
            self.execution_changed(arn, before)
            return ActionResult({"PipelineExecutionArn": arn})

        SageMakerResponse.retry_pipeline_execution = retry_pipeline_execution

    def _tell_of_packages(self) -> None:
        from moto.sagemaker.responses import SageMakerResponse

        create, update = (
            SageMakerResponse.create_model_package,
            SageMakerResponse.update_model_package,
        )

        @wraps(create)
        def create_model_package(response: Any) -> Any:
            before = set(response.sagemaker_backend.model_packages)
            answer = create(response)
            arn = answer.result["ModelPackageArn"]
            if arn not in before:
                self._package_changed(response, arn, ())
            return answer

        @wraps(update)
        def update_model_package(response: Any) -> Any:
            answer = update(response)
            updated = [name for name in _UPDATED if response._get_param(name) is not None]
            self._package_changed(response, answer.result["ModelPackageArn"], updated)
            return answer

        SageMakerResponse.create_model_package = create_model_package
        SageMakerResponse.update_model_package = update_model_package

    def execution_changed(self, arn: str, previous: str | None) -> None:
        """Tell of an execution that has another status than before; None before its start."""
        execution = find_execution(arn)
        is_over = execution.pipeline_execution_status != "Executing"
        pipeline_arn = arn.partition("/execution/")[0]
        detail = {
            "pipelineExecutionDisplayName": execution.pipeline_execution_display_name,
            "currentPipelineExecutionStatus": execution.pipeline_execution_status,
            "previousPipelineExecutionStatus": previous,
            "executionStartTime": iso_time(in_utc(execution.start_time)),
            "executionEndTime": iso_time(in_utc(execution.last_modified_time)) if is_over else None,
            "pipelineExecutionDescription": execution.pipeline_execution_description,
            "pipelineArn": pipeline_arn,
            "pipelineExecutionArn": arn,
        }
        self._emit(_EXECUTION, arn.split(":")[3], [pipeline_arn, arn], detail)

    def step_changed(self, execution_arn: str, step: Step) -> None:
        """Keep a step as the runner of its execution reports it, and tell of a new status.

        Args:
            execution_arn: The execution.
            step: Members of PipelineExecutionStep of the API.
        """
        before = self.steps.replace(execution_arn, step) or {}
        if before.get("StepStatus") == step["StepStatus"]:
            return
        pipeline_arn = execution_arn.partition("/execution/")[0]
        detail = {
            "metadata": _lower_camel_case(step.get("Metadata", {})),
            "stepStartTime": step.get("StartTime"),
            "stepEndTime": step.get("EndTime"),
            "stepName": step["StepName"],
            "stepType": step["StepType"],
            "previousStepStatus": before.get("StepStatus"),
            "currentStepStatus": step["StepStatus"],
            "failureReason": step.get("FailureReason"),
            "cacheHitResult": _lower_camel_case(step.get("CacheHitResult")),
            "pipelineArn": pipeline_arn,
            "pipelineExecutionArn": execution_arn,
        }
        region = execution_arn.split(":")[3]
        self._emit(_STEP, region, [pipeline_arn, execution_arn], detail)

    def endpoint_changed(self, endpoint: ServedEndpoint, /, *, is_step: bool = False) -> None:
        """Tell of the new state of an endpoint, which events write in capitals.

        Args:
            endpoint: The endpoint.
            is_step: Whether its update has come further, in the same state. A first fleet is no
                update.
        """
        described = endpoint.response_object
        described["EndpointStatus"] = _capitals(described["EndpointStatus"])
        described["Tags"] = {tag["Key"]: tag["Value"] for tag in endpoint.tags}
        detail = json.loads(json.dumps(described, default=_milliseconds))
        if is_step and "PendingDeploymentSummary" not in detail:
            return
        kind = _DEPLOYMENT if is_step else _ENDPOINT
        self._emit(kind, endpoint.region, [endpoint.arn], detail)

    def _package_changed(self, response: Any, arn: str, updated: Any) -> None:
        package = response.sagemaker_backend.describe_model_package(arn)
        detail = json.loads(json.dumps(package.gen_response_object(), default=_as_text))
        if updated:
            detail["UpdatedModelPackageFields"] = list(updated)
        self._emit(_PACKAGE, arn.split(":")[3], [arn], detail)

    def _emit(self, kind: str, region: str, arns: list[str], detail: Mapping[str, Any]) -> None:
        given = {name: value for name, value in detail.items() if value is not None}
        self.delivery.emit("aws.sagemaker", kind, region, arns, given)


def _capitals(status: str) -> str:
    """Write ``RollingBack`` as ``ROLLING_BACK``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()


def _milliseconds(time: datetime) -> int:
    return int(in_utc(time).timestamp() * 1000)


def _as_text(value: object) -> str:
    return iso_time(in_utc(value)) if isinstance(value, datetime) else str(value)


def _lower_camel_case(value: Any) -> Any:
    """Write members of the API as events do."""
    if not isinstance(value, Mapping):
        return value
    return {f"{name[0].lower()}{name[1:]}": _lower_camel_case(each) for name, each in value.items()}
