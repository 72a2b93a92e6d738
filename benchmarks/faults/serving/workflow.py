"""Executions of the deployed workflow, whose function is run in this process.

The definition is that of ``constructs_lib/infrastructure/serving/workflow.py``: what is repeated,
waited for and taken back is decided by it. A wait lets time pass for the endpoints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Final

from benchmarks.faults.serving.clock import CLOCK, as_text
from benchmarks.faults.serving.endpoints import FunctionKilledError
from benchmarks.faults.serving.interpreter import (
    ACCOUNT,
    ExecutionOutcome,
    FunctionFailedError,
    Interpreter,
)
from benchmarks.faults.serving.world import HOME, MACHINE, ServingWorld
from constructs_lib.infrastructure.serving.workflow import deployment_workflow
from constructs_lib.jobs.deploy_model import DeploymentError, handler

FUNCTION_ARN: Final = f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:deploy"
KILLED: Final = FunctionFailedError(
    "Runtime.ExitError", "Error: Runtime exited with error: signal: killed"
)
"""AWS Lambda developer guide, "Troubleshoot execution issues in Lambda"."""


class StateFailedError(Exception):
    """A state has failed: holds what Catch is told."""

    def __init__(self, error: str, cause: str) -> None:
        """Keep name and cause."""
        super().__init__(cause)
        self.told = {"Error": error, "Cause": cause}


@dataclass(frozen=True)
class Ended:
    """How an execution has ended."""

    status: str
    """``SUCCEEDED``, ``ABORTED``, ``TIMED_OUT``, or the ``Error`` of the state ``Failed``."""
    output: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""

    @classmethod
    def of(cls, outcome: ExecutionOutcome) -> Ended:
        """Tell how an execution has ended."""
        status = outcome.error if outcome.status == "FAILED" else outcome.status
        return cls(status or "", outcome.output or {}, outcome.cause or "")


def request(action: str = "deploy", **members: Any) -> dict[str, Any]:
    """Make the input of an execution."""
    return {
        "schema_version": 1,
        "action": action,
        "version": None,
        "content": None,
        "wait_for_approval": False,
        "overwrite": False,
        "requested_by": "arn:aws:iam::123456789012:user/somebody",
        **members,
    }


@dataclass
class DeploymentRun:
    """One execution of the workflow."""

    world: ServingWorld
    asked: Mapping[str, Any]
    settings: Mapping[str, Any] | None = None
    """Other than the world's."""
    definition: Mapping[str, Any] | None = None
    """Of a workflow that was deployed before; None: today's."""
    started: datetime = field(default_factory=CLOCK.now)
    _one_at_a_time: Lock = field(default_factory=Lock, init=False)
    """So that a call of the function has a number, and who makes it a name."""

    def __post_init__(self) -> None:
        """Begin to run."""
        executions = self.world.services.executions
        self.arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:{len(executions) + 1}"
        self.entry = {
            "executionArn": self.arn,
            "status": "RUNNING",
            "startDate": self.started,
            "input": json.dumps(self.asked),
        }
        executions.append(self.entry)
        self._defect: Exception | None = None
        settings = self.settings or self.world.settings()
        self._interpreter = Interpreter(
            self.definition or deployment_workflow(FUNCTION_ARN, settings),
            self._invoked,
            self._wait,
            CLOCK.turn,
        )

    def run(self) -> Ended:
        """Go through the states to an end.

        Raises:
            Exception: What the function has raised, other than an error that it knows.
        """
        try:
            outcome = self._interpreter.execute(self.asked, self.arn, self.started)
        finally:
            self.entry["status"] = "ENDED"
        if self._defect is not None:
            raise self._defect
        return Ended.of(outcome)

    def stop(self) -> None:
        """End it as a person does: nothing is taken back."""
        self._interpreter.stop()

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        """Call the function alone, as a state does.

        Raises:
            StateFailedError: It has failed.
        """
        event = {
            "action": action,
            "settings": self.settings or self.world.settings(),
            "request": self.asked,
            "execution": {"arn": self.arn, "started_at": as_text(self.started)},
            **members,
        }
        try:
            # As documents: what cannot be one fails here, too.
            return self._invoked(json.loads(json.dumps(event)))
        except FunctionFailedError as failed:
            if self._defect is not None:
                raise self._defect from None
            told = failed.payload
            raise StateFailedError(told["errorType"], json.dumps(told)) from failed

    def _invoked(self, event: dict[str, Any]) -> dict[str, Any]:
        with self._one_at_a_time:
            self.world.services.action = event["action"]
            try:
                return dict(json.loads(json.dumps(handler(event, None))))
            except FunctionKilledError:
                raise KILLED from None
            except DeploymentError as error:
                raise FunctionFailedError("DeploymentError", str(error)) from error
            except Exception as defect:
                self._defect = self._defect or defect
                raise FunctionFailedError(type(defect).__name__, str(defect)) from defect

    def _wait(self, state: Mapping[str, Any], seconds: float) -> None:
        """Let time pass: for the region of the state, else for all."""
        with self._one_at_a_time:
            CLOCK.turn(seconds)
            self.world.services.pass_time(state.get("target", {}).get("aws_region"))
            longest = self._interpreter.definition["TimeoutSeconds"]
            if (CLOCK.now() - self.started).total_seconds() > longest:
                self._interpreter.time_out()
