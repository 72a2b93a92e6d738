"""SageMaker's endpoints as far as a deployment sees them, in front of moto.

Every call of every client of boto3 passes here. Calls about endpoints are answered here: moto lacks
UpdateEndpoint, and puts a new endpoint into service at once. All else goes on to moto. Faults are
injected here, too: what a client is told after all of its own retries, or an end of the process.

States and refusals are those of "DescribeEndpoint", "UpdateEndpoint" and "DeleteEndpoint" in the
Amazon SageMaker API reference; a silent rollback as hashicorp/terraform-provider-aws 48997 tells.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from benchmarks.faults.serving.alarms import FakeAlarms

Arguments = Mapping[str, Any]
Document = dict[str, Any]

CHANGING: Final = ("Creating", "Updating", "RollingBack", "Deleting")
_TICKS: Final = 2
"""Waits that a change takes."""
NO_CAPACITY: Final = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."
)
UNHEALTHY: Final = "The primary container did not pass the ping health check."

OUTCOMES: Final = (
    *("works", "silent_rollback", "no_capacity", "rollback_failed", "never_ends"),
    *("alarm", "alarm_and_rollback_failed"),
)
"""How a change can end."""


class FunctionKilledError(BaseException):
    """The process of a function ends: no handler of it runs."""


@dataclass
class FakeEndpoint:
    """One endpoint."""

    name: str
    configuration: str
    status: str = "Creating"
    coming: str | None = None
    reason: str = ""
    outcome: str = "works"
    ticks: int = _TICKS

    @property
    def is_tripped(self) -> bool:
        """Whether its change is about to end by an alarm."""
        return self.status == "Updating" and self.ticks <= 1 and self.outcome.startswith("alarm")

    def pass_time(self) -> bool:
        """Go on for a while; tells whether it is still there."""
        if self.status not in CHANGING or self.outcome == "never_ends":
            return True
        self.ticks -= 1
        if self.ticks > 0:
            return True
        if self.status == "Deleting":
            return False
        self._end()
        return True

    def _end(self) -> None:
        is_new, coming = self.status == "Creating", self.coming
        if self.status == "RollingBack":
            self.status, self.coming, self.reason = "InService", None, ""
        elif self.outcome == "works":
            self.configuration = coming or self.configuration
            self.status, self.coming = "InService", None
        elif is_new:
            self.status, self.reason = "Failed", NO_CAPACITY
        elif self.outcome == "silent_rollback":
            self.status, self.coming = "InService", None
        elif self.outcome == "alarm":
            self.status, self.ticks = "RollingBack", 1
        elif self.outcome == "no_capacity":
            self.status, self.ticks, self.reason = "RollingBack", 1, NO_CAPACITY
        else:
            self.status, self.coming, self.reason = "UpdateRollbackFailed", None, UNHEALTHY

    def described(self) -> dict[str, Any]:
        """Return what DescribeEndpoint answers."""
        told: dict[str, Any] = {
            "EndpointName": self.name,
            "EndpointStatus": self.status,
            "EndpointConfigName": self.configuration,
        }
        if self.reason:
            told["FailureReason"] = self.reason
        if self.coming is not None:
            status = "Baking" if self.ticks < _TICKS else "Creating"
            told["PendingDeploymentSummary"] = {
                "EndpointConfigName": self.coming,
                "ProductionVariants": [
                    {"VariantName": "AllTraffic", "VariantStatus": [{"Status": status}]}
                ],
            }
        return told


@dataclass(frozen=True)
class Call:
    """A call of a service."""

    action: str
    """Of the function."""
    operation: str
    region: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Site:
    """Where a call is: regions go side by side, but each makes its calls in the same order."""

    action: str
    region: str
    number: int
    """From 0, of the calls of the action in the region."""
    operation: str

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.operation} in {self.action}, {self.region}, call {self.number}"


def sites(calls: Sequence[Call]) -> list[Site]:
    """Give calls their numbers, those of an action together, region after region."""
    actions = list(dict.fromkeys(each.action for each in calls))
    found = Counter[tuple[str, str]]()
    numbered = []
    for call in calls:
        near = (call.action, call.region)
        numbered.append(Site(*near, found[near], call.operation))
        found[near] += 1
    return sorted(numbered, key=lambda each: (actions.index(each.action), each.region, each.number))


Fault = Callable[[Call, Callable[[], Any]], Any]
"""Makes a call, or not, and returns or raises what its client is told."""


@dataclass
class FakeServices:
    """What is in front of moto: endpoints by region, executions, and what was called."""

    endpoints: dict[str, dict[str, FakeEndpoint]] = field(default_factory=dict)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    """By region how the next changes end; they work where nothing is said."""
    answers: dict[str, bytes | int] = field(default_factory=dict)
    """By configuration what an endpoint answers: a body, or the status of an error."""
    executions: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    fault: Fault | None = None
    action: str = ""
    """What the function is asked for at the time."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    alarms: FakeAlarms = field(default_factory=FakeAlarms)
    _original: Callable[..., Any] = field(default=BaseClient._make_api_call, init=False)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Answer the calls of all clients."""
        original = self._original = BaseClient._make_api_call

        def make(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            call = Call(self.action, operation, client.meta.region_name, arguments)
            self.calls.append(call)

            def answer() -> Any:
                own = getattr(self, f"_{xform_name(operation)}", None)
                if own is None:
                    return original(client, operation, arguments)
                return own(client, call.region, arguments)

            return answer() if self.fault is None else self.fault(call, answer)

        BaseClient._make_api_call = make
        try:
            yield
        finally:
            BaseClient._make_api_call = original

    def pass_time(self, region: str | None = None) -> None:
        """Let the changes of endpoints go on, in a region or in all."""
        for each in self.endpoints if region is None else [region]:
            there = self.endpoints.get(each, {})
            for name, endpoint in list(there.items()):
                if endpoint.is_tripped:
                    self.alarms.trip(each, f"{endpoint.coming}-latency")
                if not endpoint.pass_time():
                    del there[name]

    def come_to_rest(self) -> None:
        """Let all changes end, even those that seemed to have no end."""
        for region in self.endpoints.values():
            for endpoint in region.values():
                endpoint.outcome = "works" if endpoint.outcome == "never_ends" else endpoint.outcome
        self.at_rest()

    def at_rest(self) -> None:
        """Let all changes end, but those that never do."""
        for _ in range(3 * _TICKS):
            self.pass_time()

    def endpoint(self, region: str) -> FakeEndpoint | None:
        """Return the one endpoint of a region."""
        return next(iter(self.endpoints.get(region, {}).values()), None)

    def _outcome(self, region: str) -> str:
        outcomes = self.outcomes.get(region)
        return outcomes.pop(0) if outcomes else "works"

    def _create_endpoint(self, client: Any, region: str, arguments: Arguments) -> Document:
        name, configuration = arguments["EndpointName"], arguments["EndpointConfigName"]
        if name in self.endpoints.setdefault(region, {}):
            raise _refused(f'Cannot create already existing endpoint "{name}".')
        client.describe_endpoint_config(EndpointConfigName=configuration)
        self.endpoints[region][name] = FakeEndpoint(
            name, configuration, outcome=self._outcome(region)
        )
        return {}

    def _update_endpoint(self, client: Any, region: str, arguments: Arguments) -> Document:
        endpoint = self._found(region, arguments)
        if endpoint.status in CHANGING:
            raise _refused(f'Cannot update in-progress endpoint "{endpoint.name}".')
        if endpoint.status == "Failed":
            raise _refused(f'Cannot update endpoint "{endpoint.name}" with status Failed.')
        configuration = arguments["EndpointConfigName"]
        client.describe_endpoint_config(EndpointConfigName=configuration)
        endpoint.status, endpoint.coming, endpoint.reason = "Updating", configuration, ""
        endpoint.outcome, endpoint.ticks = self._outcome(region), _TICKS
        return {}

    def _describe_endpoint(self, _client: Any, region: str, arguments: Arguments) -> Document:
        return self._found(region, arguments).described()

    def _delete_endpoint(self, _client: Any, region: str, arguments: Arguments) -> Document:
        endpoint = self._found(region, arguments)
        if endpoint.status in CHANGING:
            raise _refused(f'Cannot update in-progress endpoint "{endpoint.name}".')
        endpoint.status, endpoint.ticks, endpoint.outcome = "Deleting", _TICKS, "works"
        return {}

    def _invoke_endpoint(self, _client: Any, region: str, arguments: Arguments) -> Document:
        endpoint = self._found(region, arguments)
        if endpoint.status not in ("InService", "Updating", "RollingBack", "UpdateRollbackFailed"):
            raise _refused(f"Endpoint {endpoint.name} of account 123456789012 not found.")
        answer = self.answers.get(endpoint.configuration, b'{"legacy-score": 0.5}')
        if isinstance(answer, int):
            raise ClientError(
                {
                    "Error": {"Code": "ModelError", "Message": "Received server error"},
                    "OriginalStatusCode": answer,
                    "OriginalMessage": "no such column",
                },
                "InvokeEndpoint",
            )
        return {"ContentType": arguments["Accept"], "Body": io.BytesIO(answer)}

    def _deregister_scalable_target(
        self, client: Any, _region: str, arguments: Arguments
    ) -> Document:
        # Its policies go with it: moto keeps them.
        for policy in client.describe_scaling_policies(**arguments)["ScalingPolicies"]:
            client.delete_scaling_policy(**arguments, PolicyName=policy["PolicyName"])
        answer: Document = self._original(client, "DeregisterScalableTarget", arguments)
        return answer

    def _found(self, region: str, arguments: Arguments) -> FakeEndpoint:
        name = arguments["EndpointName"]
        found = self.endpoints.get(region, {}).get(name)
        if found is None:
            arn = f"arn:aws:sagemaker:{region}:123456789012:endpoint/{name}"
            raise _refused(f'Could not find endpoint "{arn}".')
        return found

    def _list_executions(self, _client: Any, _region: str, _arguments: Arguments) -> Document:
        return {"executions": [each for each in self.executions if each["status"] == "RUNNING"]}

    def _describe_execution(self, _client: Any, _region: str, arguments: Arguments) -> Document:
        arn = arguments["executionArn"]
        return next(each for each in self.executions if each["executionArn"] == arn)

    def _describe_alarm_history(self, _client: Any, region: str, arguments: Arguments) -> Document:
        return self.alarms.history(region, arguments)

    def _get_metric_statistics(self, _client: Any, region: str, arguments: Arguments) -> Document:
        return self.alarms.statistics(region, arguments)

    def _publish(self, _client: Any, _region: str, arguments: Arguments) -> Document:
        self.messages.append(dict(arguments))
        return {}


def _refused(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "call")


def throttled(call: Call, _make: Callable[[], Any]) -> Any:
    """Refuse a call after all retries."""
    error = {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    raise ClientError({"Error": error}, call.operation)


def lost_answer(_call: Call, make: Callable[[], Any]) -> Any:
    """Make a call, and lose its answer until the client gives up."""
    make()
    raise ReadTimeoutError(endpoint_url="https://lost")


def made_twice(_call: Call, make: Callable[[], Any]) -> Any:
    """Make a call, lose its answer, and let the client make it again."""
    make()
    return make()


def killed_before(_call: Call, _make: Callable[[], Any]) -> Any:
    """End the process instead of making a call."""
    raise FunctionKilledError


def killed_after(_call: Call, make: Callable[[], Any]) -> Any:
    """End the process after a call."""
    make()
    raise FunctionKilledError


def unreachable(call: Call, _make: Callable[[], Any]) -> Any:
    """Reach nothing."""
    raise EndpointConnectionError(endpoint_url=f"https://{call.region}")


def at_call(site: Site, fault: Fault) -> Fault:
    """Let one call meet a fault, and all others none."""
    counted = iter(range(site.number + 1))

    def meet(call: Call, make: Callable[[], Any]) -> Any:
        is_near = (call.action, call.region) == (site.action, site.region)
        is_it = is_near and next(counted, None) == site.number
        return fault(call, make) if is_it else make()

    return meet


def in_region(region: str, fault: Fault) -> Fault:
    """Let every call of a region meet a fault."""

    def meet(call: Call, make: Callable[[], Any]) -> Any:
        return fault(call, make) if call.region == region else make()

    return meet
