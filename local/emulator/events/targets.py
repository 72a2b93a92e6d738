"""Calls the targets of rules and schedules: as their role, or as EventBridge itself.

Sources: "Event bus targets" and "Using resource-based policies" in the EventBridge user guide;
"Using templated targets" in the EventBridge Scheduler user guide. What is sent on to another bus
keeps its time, its resources and the region "where the event originated" ("Event structure
reference" there), and gets an id of its own in another region (localstack/localstack 11027, whose
tests ran in AWS).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.authorization.sessions import NotTrustedError, ServiceCaller, Sessions
from local.emulator.clients import Clients
from local.emulator.events.origins import trace_of

Target = Mapping[str, Any]

_SESSION_NAME: Final = "EventBridge"
_MOST_CHARACTERS: Final = 1024


class UndeliverableError(Exception):
    """A target did not take what it was sent."""

    def __init__(self, code: str, message: str) -> None:
        """Keep EventBridge's code of the error."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Sender:
    """Calls targets for one rule or schedule."""

    clients: Clients
    sessions: Sessions
    caller: ServiceCaller

    def send(self, target: Target, text: str) -> None:
        """Send a JSON text to a target, or to its dead-letter queue when it does not take it."""
        try:
            self._call(target, text)
        except UndeliverableError as error:
            log = logging.getLogger(__name__)
            log.warning("%s: %s did not take it: %s", self.caller.source_arn, target["Arn"], error)
            self._keep(target, text, error)

    def _call(self, target: Target, text: str) -> None:
        service = target["Arn"].split(":")[2]
        if service not in _CALLS:
            raise UndeliverableError("UNKNOWN_TARGET", f"{service} is no target here")
        try:
            _CALLS[service](self._client(service, target, target["Arn"]), target, text)
        except NotTrustedError as error:
            raise UndeliverableError("NO_PERMISSIONS", str(error)) from error
        except ClientError as error:
            raise UndeliverableError(_code(error), str(error)) from error
        except BotoCoreError as error:
            raise UndeliverableError("SDK_CLIENT_ERROR", str(error)) from error

    def _client(self, service: str, target: Target, arn: str) -> Any:
        role = target.get("RoleArn")
        if role is None:
            key = self.sessions.of_service(self.caller)
        else:
            key, _ = self.sessions.of_role(role, self.caller, _SESSION_NAME)
        return self.clients.client(_CLIENTS.get(service, service), arn.split(":")[3], key)

    def _keep(self, target: Target, text: str, error: UndeliverableError) -> None:
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if queue is None:
            return
        kind = "SCHEDULE_ARN" if ":schedule/" in str(self.caller.source_arn) else "RULE_ARN"
        attributes = {
            kind: self.caller.source_arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": str(error)[:_MOST_CHARACTERS],
        }
        # A rule's dead letters are sent by EventBridge itself, a schedule's by its role.
        sender = target if kind == "SCHEDULE_ARN" else {**target, "RoleArn": None}
        try:
            self._client("sqs", sender, queue).send_message(
                QueueUrl=_queue_url(queue),
                MessageBody=text,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                },
            )
        except (BotoCoreError, ClientError, NotTrustedError) as lost:
            logging.getLogger(__name__).warning("the dead letter is lost: %s", lost)


def _code(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    if "Denied" in code or code == "AuthorizationError":
        return "NO_PERMISSIONS"
    if any(word in code for word in ("NotFound", "NonExistent", "NotExist")):
        return "NO_RESOURCE"
    return "SDK_CLIENT_ERROR"


def _queue_url(arn: str) -> str:
    *_, account, name = arn.split(":")
    return f"http://localhost/{account}/{name}"  # the client sends to its endpoint anyway


def _function(client: Any, target: Target, text: str) -> None:
    client.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=text.encode())


def _pipeline(client: Any, target: Target, _text: str) -> None:
    given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ())
    client.start_pipeline_execution(
        PipelineName=target["Arn"].partition("/")[2],
        PipelineParameters=[{"Name": each["Name"], "Value": each["Value"]} for each in given],
    )


def _queue(client: Any, target: Target, text: str) -> None:
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    options = {} if group is None else {"MessageGroupId": group}
    client.send_message(QueueUrl=_queue_url(target["Arn"]), MessageBody=text, **options)


def _state_machine(client: Any, target: Target, text: str) -> None:
    client.start_execution(stateMachineArn=target["Arn"], input=text)


def _topic(client: Any, target: Target, text: str) -> None:
    client.publish(TopicArn=target["Arn"], Message=text)


def _bus(client: Any, target: Target, text: str) -> None:
    parameters = target.get("EventBridgeParameters")  # of a schedule
    entry = _sent_on(json.loads(text)) if parameters is None else {**parameters, "Detail": text}
    client.put_events(Entries=[{"EventBusName": target["Arn"], **entry}])


def _sent_on(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event["resources"],
        "Time": datetime.fromisoformat(event["time"]),
        "TraceHeader": trace_of(event["region"]),
    }


_CALLS: Final[Mapping[str, Callable[[Any, Target, str], None]]] = {
    "events": _bus,
    "lambda": _function,
    "sagemaker": _pipeline,
    "sns": _topic,
    "sqs": _queue,
    "states": _state_machine,
}
"""How a target is called, by the service in its ARN."""
_CLIENTS: Final = {"states": "stepfunctions"}
