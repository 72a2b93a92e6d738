"""AWS Lambda's Invoke, which moto answers with Docker, or not at all: here it runs the function.

Source: "Invoke" in the Lambda API reference; "How Lambda handles errors and retries with
asynchronous invocation" in the Lambda developer guide. Lambda waits minutes before it tries again;
here it does so at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from botocore.exceptions import ClientError

from local.emulator.authorization.sessions import NotTrustedError, ServiceCaller, Sessions
from local.emulator.background import Background
from local.emulator.clients import Clients
from local.emulator.functions.invocations import CannotRunError, FunctionAnswer, FunctionRunner
from local.emulator.functions.pool import EnvironmentPool

_ATTEMPTS: Final = 3
"""Of an asynchronous invocation, unless the function is configured otherwise."""


@dataclass(frozen=True)
class FunctionService:
    """Answers Invoke, waiting for the function or not."""

    clients: Clients
    sessions: Sessions
    background: Background
    _pool: EnvironmentPool = field(default_factory=EnvironmentPool, init=False)

    def install(self) -> None:
        """Take over from moto."""
        from moto.awslambda.models import LambdaFunction

        initialize = LambdaFunction.__init__

        @wraps(initialize)
        def keep_dead_letters(
            function: Any, account_id: str, spec: Any, *rest: Any, **more: Any
        ) -> None:
            initialize(function, account_id, spec, *rest, **more)
            function.dead_letter_config = spec.get("DeadLetterConfig") or {}

        LambdaFunction.__init__ = keep_dead_letters
        LambdaFunction.invoke = lambda function, body, headers, answer_headers: self.invoke(
            function, body, headers, answer_headers
        )

    def invoke(
        self, function: Any, body: Any, headers: Mapping[str, str], answer_headers: dict[str, str]
    ) -> bytes:
        """Invoke a function of moto's, with the headers of the request and for the answer."""
        event = json.loads(body) if body else {}
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return b""
        if kind == "Event":
            self.background.do(self._invoke_until_it_works, function, event)
            return b""
        answer = self._answer(function, event)
        answer_headers["x-amz-log-result"] = answer.log_tail
        answer_headers["x-amz-executed-version"] = "$LATEST"
        if answer.is_error:
            answer_headers["x-amz-function-error"] = "Unhandled"
        return answer.payload.encode()

    @property
    def _runner(self) -> FunctionRunner:
        return FunctionRunner(self.clients.endpoint_url, self.sessions, self._pool)

    def _answer(self, function: Any, event: Any) -> FunctionAnswer:
        from moto.awslambda.exceptions import LambdaClientError

        try:
            return self._runner.run(function, event)
        except NotTrustedError as error:
            raise LambdaClientError(
                "InvalidParameterValueException",
                f"The role defined for the function cannot be assumed by Lambda: {error}",
            ) from error
        except CannotRunError as error:
            raise LambdaClientError("InvalidRuntimeException", str(error)) from error

    def _invoke_until_it_works(self, function: Any, event: Any) -> None:
        """Invoke asynchronously: again after an error, then to where its failures go."""
        answer = FunctionAnswer('{"errorType": "None", "errorMessage": "not invoked"}', b"")
        for _ in range(_attempts(function)):
            try:
                answer = self._runner.run(function, event)
            except (CannotRunError, NotTrustedError) as error:
                document = {"errorType": type(error).__name__, "errorMessage": str(error)}
                answer = FunctionAnswer(json.dumps(document), b"", is_error=True)
            if not answer.is_error:
                return
        self._keep_failure(function, event, answer)

    def _keep_failure(self, function: Any, event: Any, answer: FunctionAnswer) -> None:
        log = logging.getLogger(__name__)
        log.warning("%s failed for good: %s", function.function_name, answer.payload)
        queue = function.dead_letter_config.get("TargetArn")
        if queue is None:
            return
        caller = ServiceCaller(service="lambda.amazonaws.com", region=function.region)
        error = json.loads(answer.payload)
        try:
            key, _ = self.sessions.of_role(function.role, caller, function.function_name)
            self._send(queue, key, event, error)
        except (ClientError, NotTrustedError) as refused:
            log.warning("its event is lost: %s", refused)

    def _send(self, arn: str, key: Any, event: Any, error: Mapping[str, Any]) -> None:
        _, _, service, region, account, name = arn.split(":", 5)
        attributes = {
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": error["errorMessage"][:1024]},
        }
        client = self.clients.client(service, region, key)
        body = json.dumps(event)
        if service == "sns":
            client.publish(TopicArn=arn, Message=body, MessageAttributes=attributes)
            return
        url = f"{self.clients.endpoint_url}/{account}/{name}"
        client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)


def _attempts(function: Any) -> int:
    configured = [config.config for config in function.event_invoke_config]
    retries = [
        each["MaximumRetryAttempts"] for each in configured if "MaximumRetryAttempts" in each
    ]
    return 1 + int(retries[0]) if retries else _ATTEMPTS
