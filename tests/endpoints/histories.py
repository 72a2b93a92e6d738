"""Histories of deployments as AWS Step Functions tells them, made of calls and their answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

NAME = "returns-risk"
ARN = f"arn:aws:states:us-east-1:123456789012:stateMachine:{NAME}-deployment"
EXECUTION = f"arn:aws:states:us-east-1:123456789012:execution:{NAME}-deployment:deploy-1a2b3c"
STARTED = datetime(2026, 11, 2, 12, tzinfo=UTC)
CONTENT = "b" * 64
REGIONS = {"EU": "eu-west-1", "NA": "us-east-1", "FE": "us-west-2"}


def _place(code: str) -> dict[str, Any]:
    return {
        "region_code": code,
        "aws_region": REGIONS[code],
        "model_package_group_name": NAME,
        "role_arn": "arn:aws:iam::123456789012:role/serving",
        "key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1",
        "bucket_name": "registry",
    }


SETTINGS: dict[str, Any] = {
    "schema_version": 1,
    "pipeline_name": NAME,
    "endpoint_name": NAME,
    "variant_name": "AllTraffic",
    "home_region": "us-east-1",
    "lead_region": "us-east-1",
    "waves": [[_place("EU")], [_place("NA"), _place("FE")]],
    "instance_type": "ml.m5.large",
    "instance_count": 1,
    "bake_seconds": 300,
}
DEFINITION = {
    "StartAt": "Begin",
    "States": {"Begin": {"Type": "Pass", "Parameters": {"settings": SETTINGS}, "End": True}},
}
"""As much of a workflow as clients read."""


def target(code: str, *, former: int | None = 1, version: int = 2) -> dict[str, Any]:
    """Return a region of a plan."""
    aws_region = REGIONS[code]
    return {
        "region_code": code,
        "aws_region": aws_region,
        "model_package_arn": f"arn:aws:sagemaker:{aws_region}:123456789012:model-package/{NAME}/2",
        "version": version,
        "former": former
        and {
            "endpoint_config_name": f"{NAME}-former",
            "model_package_arn": f"arn:aws:sagemaker:{aws_region}:1:model-package/{NAME}/{former}",
            "version": former,
        },
        "endpoint_config_name": None,
    }


def plan(*waves: list[dict[str, Any]], action: str = "deploy") -> dict[str, Any]:
    """Return what Resolve found."""
    version = {"number": 2, "content": CONTENT}
    return {"status": "ready", "reason": "", "action": action, "version": version, "waves": waves}


class History:
    """Collects the events of an execution, one second apart."""

    def __init__(self, **request: Any) -> None:
        """Begin an execution with this input."""
        self.request = {"schema_version": 1, "action": "deploy", "version": 2, **request}
        self.request.setdefault("requested_by", "arn:aws:iam::123456789012:user/ada")
        self.events: list[dict[str, Any]] = []
        self._end: dict[str, Any] = {"status": "RUNNING"}
        self._add("ExecutionStarted", {"input": json.dumps(self.request)})

    @property
    def description(self) -> dict[str, Any]:
        """What DescribeExecution answers."""
        return {
            "executionArn": EXECUTION,
            "stateMachineArn": ARN,
            "name": EXECUTION.rpartition(":")[2],
            "startDate": STARTED,
            "input": json.dumps(self.request),
            **self._end,
        }

    def begin(self, action: str, of: Mapping[str, Any] | None = None) -> int:
        """Begin a call of the function; returns its event."""
        payload = {"action": action, "settings": SETTINGS, "request": self.request}
        if of is not None:
            payload["target"] = of
        scheduled = self._add("LambdaFunctionScheduled", {"input": json.dumps(payload)})
        return self._add("LambdaFunctionStarted", None, after=scheduled)

    def end(self, begun: int, outcome: Mapping[str, Any]) -> None:
        """Let a call return."""
        self._add("LambdaFunctionSucceeded", {"output": json.dumps(outcome)}, after=begun)

    def call(self, action: str, of: Mapping[str, Any] | None, outcome: Mapping[str, Any]) -> None:
        """Begin a call and let it return."""
        self.end(self.begin(action, of), outcome)

    def fail(
        self,
        action: str,
        of: Mapping[str, Any] | None,
        message: str,
        error: str = "DeploymentError",
    ) -> None:
        """Begin a call that fails."""
        cause = json.dumps({"errorMessage": message, "errorType": error})
        details = {"error": error, "cause": cause}
        self._add("LambdaFunctionFailed", details, after=self.begin(action, of))

    def enter(self, state: str) -> None:
        """Enter a state that calls nothing."""
        event = {"type": "WaitStateEntered", "stateEnteredEventDetails": {"name": state}}
        self.events.append({**self._next(), **event})

    def serve(self, of: Mapping[str, Any]) -> None:
        """Bring a region to the version."""
        self.call("prepare", of, {"endpoint_config_name": f"{NAME}-new", "model_name": "m"})
        self.call("update", of, {"started_at": "now", "is_new": of["former"] is None})
        self.call("look", of, {"status": "in_progress"})
        self.call("look", of, {"status": "in_progress"})
        self.call("look", of, {"status": "serving"})
        answer = {"payload": "a.json", "status": 200, "milliseconds": 12.3, "excerpt": "[0.5]"}
        self.call("try", of, {"answers": [answer, {**answer, "payload": "b.csv"}], "tried": 2})

    def succeed(self, status: str = "deployed", version: int | None = 2) -> History:
        """End the execution well."""
        output: dict[str, Any] = {"status": status, "version": version, "regions": []}
        self._end = {"status": "SUCCEEDED", "output": json.dumps(output), "stopDate": self._now()}
        self._add("ExecutionSucceeded", {"output": json.dumps(output)})
        return self

    def give_up(self, cause: str, error: str = "taken_back") -> History:
        """End the execution badly; its description tells no cause, as older regions do not."""
        self._end = {"status": "FAILED", "stopDate": self._now()}
        self._add("ExecutionFailed", {"error": error, "cause": cause})
        return self

    def _add(self, kind: str, details: Mapping[str, Any] | None, after: int | None = None) -> int:
        event: dict[str, Any] = {**self._next(), "type": kind}
        if after is not None:
            event["previousEventId"] = after
        if details is not None:
            event[f"{kind[0].lower()}{kind[1:]}EventDetails"] = details
        self.events.append(event)
        return int(event["id"])

    def _next(self) -> dict[str, Any]:
        number = len(self.events) + 1
        return {"id": number, "previousEventId": number - 1, "timestamp": self._now()}

    def _now(self) -> datetime:
        return STARTED + timedelta(seconds=len(self.events))


def looked_again(invocations: int | None) -> dict[str, Any]:
    """Return the answer of a second look at a region that serves; None: no alarm watches it."""
    proven = None if invocations is None else {"invocations": invocations}
    return {"status": "serving", "seen": {"alarms": [], "proven": proven}}


def deployed() -> History:
    """Return a deployment of version 2 in three regions, where version 1 served in two."""
    eu, na, fe = target("EU"), target("NA"), target("FE", former=None)
    history = History()
    history.call("resolve", None, {"status": "wait", "reason": "deploy-0 runs since 11:59"})
    history.call("resolve", None, {"status": "wait", "reason": "deploy-0 runs since 11:59"})
    history.call("resolve", None, plan([eu], [na, fe]))
    history.serve(eu)
    history.enter("Bake")
    history.call("look_again", eu, looked_again(0))
    history.serve(na)
    history.serve(fe)
    for of, invocations in ((na, 12), (fe, None), (eu, 0)):
        history.call("look_again", of, looked_again(invocations))
    history.call("record", None, {"status": "deployed"})
    return history.succeed()


def taken_back() -> History:
    """Return a deployment that failed in its second wave."""
    eu, na = target("EU"), target("NA", former=None)
    history = History()
    history.call("resolve", None, plan([eu], [na]))
    history.serve(eu)
    history.fail("prepare", na, "Rate exceeded", "Lambda.TooManyRequestsException")
    history.call("prepare", na, {"endpoint_config_name": f"{NAME}-new", "model_name": "m"})
    history.call("update", na, {"started_at": "now", "is_new": True})
    history.fail("look", na, "us-east-1: there is no capacity for ml.m5.large")
    history.call("take_back", eu, {"status": "in_progress", "reason": ""})
    history.call("take_back", na, {"status": "removed", "reason": ""})
    history.call("take_back", eu, {"status": "restored", "reason": ""})
    history.call("record_failure", None, {"status": "taken_back", "reason": "in words"})
    return history.give_up("us-east-1: there is no capacity. Every region serves version 1 again.")
