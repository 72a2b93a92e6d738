"""One invocation of a Lambda function: its code in a child process, as its role.

Sources: "Invoke" in the Lambda API reference; "Defined runtime environment variables", "Configure
Lambda function timeout" and "Understanding retry behavior" in the Lambda developer guide.
"""

from __future__ import annotations

import base64
import json
import sys
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Final

from constructs_lib.aws.handle import AccessKey, AwsHandle
from local.emulator.authorization.identities import CallerIdentity
from local.emulator.authorization.sessions import ServiceCaller, Sessions
from local.emulator.functions import bootstrap
from local.emulator.functions.logs import FunctionLog
from local.processes import ChildResult, run_child

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

    def run(self, function: Any, event: Any) -> FunctionAnswer:
        """Invoke a function and wait for its answer.

        Raises:
            CannotRunError: It is not a Python function in a zip file.
            NotTrustedError: Lambda cannot assume the function's role.
        """
        _refuse_unsupported(function)
        key, identity = self._assume_role(function)
        with TemporaryDirectory(prefix="function-") as name:
            invocation = _Invocation(function, event, Path(name), str(uuid.uuid4()))
            answer = invocation.run(self._environment(function, key))
        self._keep_log(function, identity, answer)
        return answer

    def _assume_role(self, function: Any) -> tuple[AccessKey, CallerIdentity]:
        caller = ServiceCaller(
            service="lambda.amazonaws.com", region=function.region, source_arn=function.function_arn
        )
        subnets = (function.vpc_config or {}).get("SubnetIds", ())
        return self.sessions.of_role(function.role, caller, function.function_name, subnets)

    def _environment(self, function: Any, key: AccessKey) -> dict[str, str]:
        return {
            **AwsHandle(function.region, self.endpoint_url, key).environment,
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": _version(function),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "_HANDLER": function.handler,
            **function.environment_vars,
        }

    def _keep_log(self, function: Any, identity: CallerIdentity, answer: FunctionAnswer) -> None:
        log = FunctionLog(function.logs_group_name, function.region, function.account_id)
        log.keep(answer.log, identity, self.sessions.decisions)


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


@dataclass(frozen=True)
class _Invocation:
    function: Any
    event: Any
    folder: Path
    request_id: str

    def run(self, environment: Mapping[str, str]) -> FunctionAnswer:
        task_root, log = self.folder / "var" / "task", self.folder / "log"
        self._unpack(task_root)
        result = run_child(
            [sys.executable, "-P", bootstrap.__file__, str(self._write()), str(self._outcome)],
            environment={
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                "LAMBDA_TASK_ROOT": str(task_root),
                **environment,
            },
            folder=task_root,
            log_path=log,
            timeout_seconds=self.function.timeout,
            memory_bytes=self.function.memory_size * _MEBIBYTE,
            stopping=Event(),
        )
        return self._answer(result, log.read_bytes())

    @property
    def _outcome(self) -> Path:
        return self.folder / "outcome.json"

    def _unpack(self, task_root: Path) -> None:
        try:
            with zipfile.ZipFile(BytesIO(self.function.code_bytes)) as archive:
                archive.extractall(task_root)
        except zipfile.BadZipFile as error:
            raise CannotRunError(
                f"The code of function '{self.function.function_name}' is not a zip file: {error}."
            ) from error

    def _write(self) -> Path:
        function = self.function
        document = {
            "event": self.event,
            "handler": function.handler,
            "deadline": time.time() + function.timeout,
            "context": {
                "function_name": function.function_name,
                "function_version": _version(function),
                "invoked_function_arn": function.function_arn,
                "memory_limit_in_mb": function.memory_size,
                "aws_request_id": self.request_id,
                "log_group_name": function.logs_group_name,
                "log_stream_name": self.request_id,
            },
        }
        path = self.folder / "invocation.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    def _answer(self, result: ChildResult, log: bytes) -> FunctionAnswer:
        if result.timed_out:
            limit = f"Task timed out after {self.function.timeout:.2f} seconds"
            return self._failed("Sandbox.Timedout", limit, log)
        if not self._outcome.exists():
            return self._failed("Runtime.ExitError", _end(result), log)
        document = json.loads(self._outcome.read_text(encoding="utf-8"))
        if "error" in document:
            error = {**document["error"], "requestId": self.request_id}
            return FunctionAnswer(json.dumps(error), log, is_error=True)
        return FunctionAnswer(json.dumps(document["response"]), log)

    def _failed(self, error_type: str, message: str, log: bytes) -> FunctionAnswer:
        error = {
            "errorType": error_type,
            "errorMessage": f"RequestId: {self.request_id} Error: {message}",
        }
        return FunctionAnswer(json.dumps(error), log, is_error=True)


def _end(result: ChildResult) -> str:
    if result.exit_code < 0:  # also when its memory was used up
        return "Runtime exited with error: signal: killed"
    return f"Runtime exited with error: exit status {result.exit_code}"
