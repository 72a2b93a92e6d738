"""Runs the workflow's definition by moto's interpreter, in this process, against a script.

The interpreter is the one that the embedded AWS has; the function's answers are the test's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)

ACCOUNT = "123456789012"
FUNCTION_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:deploy"
Event = dict[str, Any]


class ScriptedError(Exception):
    """What the function raises in the script: type and message."""

    def __init__(self, error_type: str, message: str = "") -> None:
        """Keep what Lambda would answer."""
        super().__init__(message)
        self.payload = {"errorType": error_type, "errorMessage": message}


@dataclass
class Script:
    """Answers the workflow's calls, and keeps them in their order."""

    answers: Mapping[str, Callable[[Event], Any]]
    """By action; an answer may raise :class:`ScriptedError`."""
    events: list[Event] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    """Seconds of each wait."""
    _lock: Lock = field(default_factory=Lock)

    def invoke(self, parameters: Mapping[str, Any], region: str, state_credentials: Any) -> Any:
        """Stand in for Invoke."""
        event: Event = json.loads(parameters["Payload"])
        with self._lock:
            self.events.append(event)
        try:
            return {"Payload": self.answers[event["action"]](event)}
        except ScriptedError as failed:
            return {"FunctionError": "Unhandled", "Payload": failed.payload}

    def calls(self, *actions: str) -> list[str]:
        """Name the calls of some actions, or of all: ``<action> <region>``, in their order."""
        return [
            " ".join([event["action"], *filter(None, [event.get("target", {}).get("region_code")])])
            for event in self.events
            if not actions or event["action"] in actions
        ]


@dataclass(frozen=True)
class Ended:
    """How an execution ended."""

    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None


@contextmanager
def _without_waiting(script: Script) -> Iterator[None]:
    def wait(_function: Any, env: Any, wait_seconds: int) -> None:
        script.waits.append(wait_seconds)

    with (
        patch.object(lambda_eval_utils, "_invoke_lambda_function", script.invoke),
        patch.object(WaitFunction, "_wait_interval", wait),
        patch.object(retrier_decl.time, "sleep", lambda _seconds: None),
    ):
        yield


def execute(definition: Mapping[str, Any], request: Mapping[str, Any], script: Script) -> Ended:
    """Execute the definition to its end."""
    sleep = time.sleep
    config: Any = {"stepfunctions": {"execute_state_machine": True}}
    with mock_aws(config=config), _without_waiting(script):
        client = boto3.client(
            "stepfunctions", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        machine = client.create_state_machine(
            name="deployment",
            definition=json.dumps(definition),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/workflow",
        )
        execution = client.start_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps(request)
        )
        for _ in range(600):
            described = client.describe_execution(executionArn=execution["executionArn"])
            if described["status"] != "RUNNING":
                break
            sleep(0.05)
    output = described.get("output")
    return Ended(
        described["status"],
        None if output is None else json.loads(output),
        described.get("error"),
        described.get("cause"),
    )
