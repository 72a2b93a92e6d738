"""What an action is told, and what it works with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config

from .errors import DeploymentError

CLIENT_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=10, read_timeout=60
)
RUNTIME_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=10, read_timeout=70
)
"""InvokeEndpoint answers within 60 s, or not at all (Amazon SageMaker API Reference)."""
SCHEMA_VERSION: Final = 1
"""Of the settings and of the request."""
GRACE_SECONDS: Final = 1800
"""Beyond what SageMaker gives an update: it has to roll back, too."""
_UNWATCHED: Final[Mapping[str, Any]] = {
    "shift": {"type": "ALL_AT_ONCE", "percentage": None, "wait_seconds": 0},
    "alarms": {"latency_milliseconds": None, "error_rate_percent": None, "names": []},
    "bake_traffic_per_minute": 0,
}
"""Of settings that know nothing of it: an execution goes on with the workflow that it began with,
and calls the function that is deployed meanwhile."""
ACTIONS: Final = ("deploy", "rollback", "undeploy")


class Clients:
    """Makes each client once: invocations share a process, and with it connections."""

    def __init__(self, home_region: str) -> None:
        """Take the region of the workflow and of the topic."""
        self._home_region = home_region

    def sagemaker(self, region: str) -> Any:
        """Return SageMaker of an AWS region."""
        return _client("sagemaker", region)

    def s3(self, region: str) -> Any:
        """Return S3 of an AWS region."""
        return _client("s3", region)

    def runtime(self, region: str) -> Any:
        """Return what invokes the endpoints of an AWS region."""
        return _client("sagemaker-runtime", region)

    def scaling(self, region: str) -> Any:
        """Return Application Auto Scaling of an AWS region."""
        return _client("application-autoscaling", region)

    def cloudwatch(self, region: str) -> Any:
        """Return Amazon CloudWatch of an AWS region."""
        return _client("cloudwatch", region)

    @property
    def workflows(self) -> Any:
        """Step Functions of the home region."""
        return _client("stepfunctions", self._home_region)

    @property
    def topics(self) -> Any:
        """SNS of the home region."""
        return _client("sns", self._home_region)


@cache
def _client(service: str, region: str) -> Any:
    config = RUNTIME_CONFIG if service == "sagemaker-runtime" else CLIENT_CONFIG
    return boto3.client(service, region_name=region, config=config)


@dataclass(frozen=True)
class Work:
    """One call: the members that every action is told, and the services."""

    settings: Mapping[str, Any]
    """See ``constructs_lib/deployment/settings.py``."""
    request: Mapping[str, Any]
    """The input of the execution."""
    execution: Mapping[str, str]
    """``arn`` and ``started_at``."""
    clients: Clients

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Work:
        """Read an event.

        Raises:
            DeploymentError: Members are missing, or of another version or another action.
        """
        try:
            request = event["request"]
            action = request["action"]
            settings = _settings({**_UNWATCHED, **event["settings"]}, action)
            versions = {settings["schema_version"], request["schema_version"]}
            execution = event["execution"]
        except (KeyError, TypeError) as error:
            raise DeploymentError(f"The workflow passes no {error}.") from error
        if versions != {SCHEMA_VERSION}:
            raise DeploymentError(
                f"The schema_version is {', '.join(map(str, versions))}; this function reads"
                f" {SCHEMA_VERSION}. Deploy the stack of the endpoints again: it holds both."
            )
        if action not in ACTIONS:
            raise DeploymentError(
                f"The action of the request is {action!r}; allowed are {', '.join(ACTIONS)}."
            )
        return cls(settings, request, execution, Clients(settings["home_region"]))

    @property
    def action(self) -> str:
        """``deploy``, ``rollback`` or ``undeploy``."""
        return str(self.request["action"])

    @property
    def endpoint_name(self) -> str:
        """Name of the endpoint in each region."""
        return str(self.settings["endpoint_name"])

    @property
    def pipeline_name(self) -> str:
        """What commands call the pipeline."""
        return str(self.settings["pipeline_name"])

    @property
    def started_at(self) -> datetime:
        """When the execution began."""
        return read_time(self.execution["started_at"])

    @property
    def machine_arn(self) -> str:
        """The ARN of the workflow."""
        machine = self.execution["arn"].replace(":execution:", ":stateMachine:")
        return machine.rpartition(":")[0]

    @property
    def seconds_since_start(self) -> float:
        """Seconds since the execution began."""
        return (now() - self.started_at).total_seconds()

    @property
    def longest_change_seconds(self) -> int:
        """How long an endpoint may be changing before nobody waits for it any more."""
        return int(self.settings["maximum_execution_timeout_seconds"]) + GRACE_SECONDS

    def placed(self, target: Mapping[str, Any]) -> dict[str, Any]:
        """Add to a target what the settings say of its region."""
        region = target["aws_region"]
        place = next(each for each in self.targets() if each["aws_region"] == region)
        return {**place, **target}

    def targets(self) -> Iterator[Mapping[str, Any]]:
        """Yield every region of the waves."""
        for wave in self.settings["waves"]:
            yield from wave

    def sagemaker(self, target: Mapping[str, Any]) -> Any:
        """Return SageMaker of a target's region."""
        return self.clients.sagemaker(target["aws_region"])


def _settings(settings: dict[str, Any], action: str) -> dict[str, Any]:
    """Leave out the alarms of people of a rollback: they may have tripped by what it is to end."""
    if action == "rollback":
        settings["alarms"] = {**settings["alarms"], "names": []}
    return settings


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def read_time(text: str) -> datetime:
    """Read a time of Step Functions, or one that was recorded."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def written_time(moment: datetime) -> str:
    """Write a time as metadata can hold it: ``2026-03-14T09:26:53+00:00``."""
    return moment.replace(microsecond=0).isoformat()
