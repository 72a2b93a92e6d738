"""A served pipeline: its workflow as a fake that replays a history, and what answers requests."""

from __future__ import annotations

import io
import json
from typing import Any

from botocore.exceptions import ClientError

from tests.endpoints.histories import ARN, DEFINITION, EXECUTION, NAME, History


class FakeWorkflow:
    """AWS Step Functions with one state machine, whose next execution is given."""

    exceptions = type("Exceptions", (), {"ClientError": ClientError})

    def __init__(self) -> None:
        self.next: History | None = None
        self.started: list[dict[str, Any]] = []
        self.running: list[str] = []
        self.is_deployed = True

    def describe_state_machine(self, *, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        if stateMachineArn != ARN or not self.is_deployed:
            error = {"Code": "StateMachineDoesNotExist", "Message": "State Machine Does Not Exist"}
            raise ClientError({"Error": error}, "DescribeStateMachine")
        return {"definition": json.dumps(DEFINITION)}

    def start_execution(self, **request: Any) -> dict[str, Any]:
        self.started.append({**request, "input": json.loads(request["input"])})
        return {"executionArn": EXECUTION}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        assert executionArn == EXECUTION
        assert self.next is not None
        return self.next.description

    def get_paginator(self, name: str) -> _Pages:
        answers: dict[str, list[dict[str, Any]]] = {
            "get_execution_history": [{"events": self.next.events if self.next else []}],
            "list_executions": [{"executions": [{"executionArn": each} for each in self.running]}],
            "list_state_machines": [
                {
                    "stateMachines": [
                        {"stateMachineArn": ARN, "name": ARN.rpartition(":")[2]},
                        {"stateMachineArn": f"{ARN}s", "name": "other"},
                    ][: 2 if self.is_deployed else 0]
                }
            ],
        }
        return _Pages(answers[name])


class _Pages:
    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = pages

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return self._pages


class FakeRuntime:
    """SageMaker Runtime, which answers all but one region."""

    def __init__(self, region: str, asked: list[dict[str, Any]], silent: set[str]) -> None:
        self._region = region
        self._asked = asked
        self._silent = silent

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self._asked.append({"region": self._region, **request})
        if self._region in self._silent:
            error = {"Code": "ModelError", "Message": "Received server error (500) from primary"}
            raise ClientError({"Error": error}, "InvokeEndpoint")
        body = b"\xff\xfe" if request.get("Accept") == "application/x-npy" else b"[0.5]\n"
        return {
            "Body": io.BytesIO(body),
            "ContentType": request.get("Accept", "application/json"),
            "InvokedProductionVariant": "AllTraffic",
        }


class WithEndpoint:
    """SageMaker of one region, with an endpoint that the embedded AWS need not start."""

    def __init__(self, sagemaker: Any, *, is_there: bool) -> None:
        self._sagemaker = sagemaker
        self._is_there = is_there

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sagemaker, name)

    def describe_endpoint(self, *, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        if not self._is_there:
            message = f'Could not find endpoint "{EndpointName}".'
            error = {"Code": "ValidationException", "Message": message}
            raise ClientError({"Error": error}, "DescribeEndpoint")
        running = {"CurrentInstanceCount": 1, "DesiredInstanceCount": 1}
        return {
            "EndpointStatus": "InService",
            "EndpointConfigName": "config-2",
            "ProductionVariants": [running],
        }

    def describe_endpoint_config(self, *, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        assert EndpointConfigName == "config-2"
        variant = {"ModelName": "model-2", "InstanceType": "ml.m5.large"}
        return {"ProductionVariants": [variant]}

    def describe_model(self, *, ModelName: str) -> dict[str, Any]:  # noqa: N803
        region = self._sagemaker.meta.region_name
        assert ModelName == "model-2"
        package = f"arn:aws:sagemaker:{region}:123456789012:model-package/{NAME}/2"
        return {"PrimaryContainer": {"ModelPackageName": package}}
