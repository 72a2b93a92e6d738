"""Calls of this project's own to the embedded AWS, for what AWS does by itself: see ``house``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from constructs_lib.aws.handle import AccessKey

HOUSE_PATH: Final = "/embedded/"
"""Calls below it are for people, runners and tests only: with the administrator's key."""
_LONGEST_ANSWER_SECONDS: Final = 330


@dataclass(frozen=True)
class HouseCalls:
    """Makes them, at one embedded AWS."""

    endpoint_url: str
    key: AccessKey

    def call(self, name: str, document: Mapping[str, Any]) -> Any:
        """Make a call; returns botocore's response.

        Raises:
            BotoCoreError: The embedded AWS does not answer.
        """
        url = self.endpoint_url.rstrip("/") + HOUSE_PATH + name
        request = AWSRequest("POST", url, data=json.dumps(document))
        credentials = Credentials(self.key.id, self.key.secret)
        SigV4Auth(credentials, "embedded", "us-east-1").add_auth(request)
        session = URLLib3Session(timeout=_LONGEST_ANSWER_SECONDS)
        return session.send(request.prepare())

    def settle(self) -> None:
        """Wait until events are delivered and asynchronous invocations have ended.

        Raises:
            TimeoutError: They did not within minutes.
        """
        if not json.loads(self.call("settle", {}).content)["Settled"]:
            raise TimeoutError("events are still being delivered")

    def advance_clock(self, seconds: float) -> list[str]:
        """Turn the clock of schedules forward, and wait for what that starts.

        Returns:
            ARNs of the schedules and rules that were due, in the order of their times.
        """
        document = json.loads(self.call("clock", {"AdvanceSeconds": seconds}).content)
        self.settle()
        due: list[str] = document["Due"]
        return due

    def ask_for_fault(self, endpoint_arn: str, fault: str) -> None:
        """Let a fault of :mod:`local.emulator.endpoints.faults` happen to an endpoint, once.

        Raises:
            ValueError: There is no such fault.
        """
        answer = self.call("endpoint-faults", {"EndpointArn": endpoint_arn, "Fault": fault})
        if answer.status_code != HTTPStatus.NO_CONTENT:
            raise ValueError(json.loads(answer.content)["Message"])

    def executions_to_run(self) -> list[str]:
        """List the ARNs of executions that were started and have not ended."""
        document = json.loads(self.call("pipeline-executions", {}).content)
        arns: list[str] = document["PipelineExecutionArns"]
        return arns
