"""Goes through the states of a deployment's workflow, as Step Functions would.

A wait lets time pass for the endpoints. What the workflow repeats, waits for and takes back is that
of ``constructs_lib/infrastructure/serving/workflow.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.faults.serving.endpoints import FunctionKilledError
from benchmarks.faults.serving.world import MACHINE, ServingWorld
from constructs_lib.jobs.deploy_model import DeploymentError, handler

_MOST_WAITS: Final = 80
_WAIT: Final = timedelta(minutes=5)
"""As the function's deadlines see a wait; the workflow looks more often."""
_ATTEMPTS: Final = 6
_PERSISTENT: Final = ("take_back", "record", "record_failure", "remove")
"""What the workflow calls again after a function was killed."""


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
    """``SUCCEEDED``, or the ``Error`` of the state ``Failed``."""
    output: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""


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
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    waited: timedelta = timedelta()

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

    def run(self) -> Ended:
        """Go through all states."""
        try:
            return self._run()
        finally:
            self.entry["status"] = "ENDED"

    def stop(self) -> None:
        """End it as a person does: nothing is taken back."""
        self.entry["status"] = "ABORTED"
        self.world.services.at_rest()

    def call(self, action: str, **members: Any) -> dict[str, Any]:
        """Call the function, as a state does."""
        event = {
            "action": action,
            "settings": self.settings or self.world.settings(),
            "request": self.asked,
            "execution": {"arn": self.arn, "started_at": (self.started - self.waited).isoformat()},
            **members,
        }
        self.world.services.action = action
        for _ in range(_ATTEMPTS if action in _PERSISTENT else 1):
            try:
                # As documents: what cannot be one fails here, too.
                answer = handler(json.loads(json.dumps(event)), None)
                return dict(json.loads(json.dumps(answer)))
            except FunctionKilledError:
                failed = StateFailedError("States.TaskFailed", "The function was ended.")
            except DeploymentError as error:
                document = {"errorType": "DeploymentError", "errorMessage": str(error)}
                raise StateFailedError("DeploymentError", json.dumps(document)) from error
        raise failed

    def _run(self) -> Ended:
        plan = None
        try:
            plan = self._until("resolve", "wait")
            if plan["status"] in ("unchanged", "superseded"):
                return Ended("SUCCEEDED", self.call("record", plan=plan, results=[]))
            if self.asked["action"] == "undeploy":
                return self._undeploy(plan)
        except StateFailedError as failed:
            return self._failed(plan, [], failed)
        targets = [target for wave in plan["waves"] for target in wave]
        try:
            done = [each for wave in plan["waves"] for each in self._wave(wave)]
            return Ended("SUCCEEDED", self.call("record", plan=plan, results=done))
        except StateFailedError as failed:
            return self._failed(plan, [self._taken_back(each) for each in targets], failed)

    def _until(self, action: str, again: str, **members: Any) -> dict[str, Any]:
        for _ in range(_MOST_WAITS):
            answer = self.call(action, **members)
            if answer["status"] != again:
                return answer
            self.world.services.pass_time()
            self.waited += _WAIT
        raise StateFailedError("States.Timeout", f"{action} has not ended.")

    def _wave(self, wave: list[dict[str, Any]]) -> list[dict[str, Any]]:
        done = list[dict[str, Any]]()
        failures = list[StateFailedError]()
        for target in wave:
            try:
                done.append(self._region(target))
            except StateFailedError as failed:
                failures.append(failed)
        if failures:
            raise failures[0]
        for each in done:
            self._until("look", "in_progress", **_looked_at(each))
        return done

    def _region(self, target: dict[str, Any]) -> dict[str, Any]:
        item = {**target, "prepared": self.call("prepare", target=target)}
        item["updated"] = self.call("update", target=target, prepared=item["prepared"])
        self.world.services.pass_time()
        self._until("look", "in_progress", **_looked_at(item))
        tried = self.call("try", target=target, prepared=item["prepared"])
        return {**item, "answers": tried["answers"]}

    def _taken_back(self, target: dict[str, Any]) -> dict[str, Any]:
        try:
            ended = self._until("take_back", "in_progress", target=target)
        except StateFailedError as failed:
            ended = {"status": "needs_person", "reason": failed.told["Cause"]}
        return {**target, "taken_back": ended}

    def _undeploy(self, plan: dict[str, Any]) -> Ended:
        targets = [target for wave in plan["waves"] for target in wave]
        done = [
            {**each, "removed": self._until("remove", "in_progress", target=each)}
            for each in targets
        ]
        return Ended("SUCCEEDED", self.call("record", plan=plan, results=done))

    def _failed(
        self, plan: dict[str, Any] | None, results: list[dict[str, Any]], failed: StateFailedError
    ) -> Ended:
        told = self.call("record_failure", plan=plan, results=results, error=failed.told)
        return Ended(told["status"], cause=told["reason"])


def _looked_at(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"target": item, "prepared": item["prepared"], "updated": item["updated"]}


def ago(**time: int) -> datetime:
    """Return a time before now."""
    return datetime.now(UTC) - timedelta(**time)
