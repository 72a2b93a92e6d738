"""One invocation of a Lambda function: its code in an environment of its own, as its role.

Sources: "Invoke" in the Lambda API reference; "Defined runtime environment variables", "Configure
Lambda function timeout" and "Understanding retry behavior" in the Lambda developer guide.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from constructs_lib.aws.handle import AccessKey, AwsHandle
from local.emulator.authorization.sessions import ServiceCaller, Sessions
from local.emulator.functions.environments import (
    AssumedRole,
    EnvironmentKey,
    ExecutionEnvironment,
    InvocationOutcome,
    Limits,
)
from local.emulator.functions.pool import EnvironmentPool
from local.emulator.monitoring.log_streams import LogStream

_TAIL_BYTES: Final = 4096
_MEBIBYTE: Final = 1 << 20


class CannotRunError(Exception):
    """A function that the embedded AWS does not run; the message says why."""


@dataclass(frozen=True)
class FunctionAnswer:
    """What an invocation answers: the payload as JSON, and whether the function failed."""

    payload: str
    log: bytes
    is_error: bool = False

    @property
    def log_tail(self) -> str:
        """The last 4 KB of the log, as Invoke returns them."""
        return base64.b64encode(self.log[-_TAIL_BYTES:]).decode()


@dataclass(frozen=True)
class FunctionRunner:
    """Runs functions, given as moto keeps them."""

    endpoint_url: str
    sessions: Sessions
    pool: EnvironmentPool

    def run(self, function: Any, event: Any) -> FunctionAnswer:
        """Invoke a function and wait for its answer.

        Raises:
            CannotRunError: It is not a Python function in a zip file.
            NotTrustedError: Lambda cannot assume the function's role.
        """
        _refuse_unsupported(function)
        self.sessions.require_trust(function.role, _caller(function))
        environment = self.pool.take(_key(function)) or self._start(function)
        may_follow = False
        try:
            invocation = _Invocation(function, event, environment.role.log_stream)
            answer, may_follow = invocation.run(environment)
        finally:
            if may_follow:
                self.pool.give_back(environment)
            else:
                environment.end()
        self._log_stream(function, environment.role).keep(answer.log)
        return answer

    def _start(self, function: Any) -> ExecutionEnvironment:
        subnets = (function.vpc_config or {}).get("SubnetIds", ())
        key, identity = self.sessions.of_role(
            function.role, _caller(function), function.function_name, subnets
        )
        role = AssumedRole(identity, _new_stream(_version(function)))
        variables = {
            **self._environment(function, key),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": role.log_stream,
            **function.environment_vars,
        }
        return ExecutionEnvironment(
            _key(function), role, variables, lambda folder: _unpack(function, folder)
        )

    def _environment(self, function: Any, key: AccessKey) -> dict[str, str]:
        return {
            **AwsHandle(function.region, self.endpoint_url, key).environment,
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": _version(function),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "_HANDLER": function.handler,
        }

    def _log_stream(self, function: Any, role: AssumedRole) -> LogStream:
        return LogStream(
            group=function.logs_group_name,
            name=role.log_stream,
            region=function.region,
            identity=role.identity,
            decisions=self.sessions.decisions,
        )


def _caller(function: Any) -> ServiceCaller:
    return ServiceCaller(
        service="lambda.amazonaws.com", region=function.region, source_arn=function.function_arn
    )


def _new_stream(version: str) -> str:
    """Name the log stream of a process that runs a version of a function."""
    from moto.core.utils import utcnow

    return f"{utcnow():%Y/%m/%d}/[{version}]{secrets.token_hex(16)}"


def _key(function: Any) -> EnvironmentKey:
    configuration = json.dumps(function.get_configuration(), sort_keys=True, default=str)
    return EnvironmentKey(function.function_arn, configuration)


def _unpack(function: Any, task_root: Path) -> None:
    try:
        with zipfile.ZipFile(BytesIO(function.code_bytes)) as archive:
            archive.extractall(task_root)
    except zipfile.BadZipFile as error:
        raise CannotRunError(
            f"The code of function '{function.function_name}' is not a zip file: {error}."
        ) from error


def _version(function: Any) -> str:
    return "$LATEST" if str(function.version) == "1" else str(function.version)


def _refuse_unsupported(function: Any) -> None:
    runtime = function.run_time or function.package_type
    if not runtime.startswith("python") or function.layers:
        raise CannotRunError(
            f"Function '{function.function_name}' has runtime '{runtime}' and"
            f" {len(function.layers)} layers: the embedded AWS runs Python functions without"
            " layers."
        )


class _Invocation:
    def __init__(self, function: Any, event: Any, log_stream: str) -> None:
        self._function = function
        self._event = event
        self._log_stream = log_stream
        self._request_id = str(uuid.uuid4())

    def run(self, environment: ExecutionEnvironment) -> tuple[FunctionAnswer, bool]:
        """Run it; returns its answer and whether the environment may take another one."""
        limits = Limits(self._function.timeout, self._function.memory_size * _MEBIBYTE)
        outcome, may_follow = environment.invoke(self._request_id, self._document(), limits)
        return self._answer(outcome), may_follow

    def _document(self) -> dict[str, Any]:
        function = self._function
        return {
            "event": self._event,
            "handler": function.handler,
            "deadline": time.time() + function.timeout,
            "context": {
                "function_name": function.function_name,
                "function_version": _version(function),
                "invoked_function_arn": function.function_arn,
                "memory_limit_in_mb": function.memory_size,
                "aws_request_id": self._request_id,
                "log_group_name": function.logs_group_name,
                "log_stream_name": self._log_stream,
            },
        }

    def _answer(self, outcome: InvocationOutcome) -> FunctionAnswer:
        if outcome.timed_out:
            limit = f"Task timed out after {self._function.timeout:.2f} seconds"
            return self._failed("Sandbox.Timedout", limit, outcome.log)
        if outcome.document is None:
            return self._failed("Runtime.ExitError", _end(outcome.exit_code), outcome.log)
        if "error" in outcome.document:
            error = {**outcome.document["error"], "requestId": self._request_id}
            return FunctionAnswer(json.dumps(error), outcome.log, is_error=True)
        return FunctionAnswer(json.dumps(outcome.document["response"]), outcome.log)

    def _failed(self, error_type: str, message: str, log: bytes) -> FunctionAnswer:
        error = {
            "errorType": error_type,
            "errorMessage": f"RequestId: {self._request_id} Error: {message}",
        }
        return FunctionAnswer(json.dumps(error), log, is_error=True)


def _end(exit_code: int | None) -> str:
    if exit_code is None or exit_code < 0:  # also when its memory was used up
        return "Runtime exited with error: signal: killed"
    return f"Runtime exited with error: exit status {exit_code}"
