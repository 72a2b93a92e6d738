"""Executes definitions in the Amazon States Language by moto's interpreter, in this process.

It is the interpreter that the embedded AWS has. Whoever executes a definition answers the calls of
its functions, and says what passes while it waits: an execution takes no longer than its calls.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from moto.stepfunctions.parser.api import StateMachineType
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.evaluation_details import (
    AWSExecutionDetails,
    EvaluationDetails,
    ExecutionDetails,
    StateMachineDetails,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.utils import TMP_THREADS

from benchmarks.faults.serving.clock import as_text
from local.emulator.workflows.interpreter import (
    copy_documents_directly,
    log_less,
    parse_once,
    pass_reserved_errors_on,
)

ACCOUNT: Final = "123456789012"
_LOOK_SECONDS: Final = 0.001
_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/workflow"
Document = dict[str, Any]


class FunctionFailedError(Exception):
    """A function has failed: what Lambda answers of it."""

    def __init__(self, error_type: str, message: str = "") -> None:
        """Keep the name of the error, and what it says."""
        super().__init__(message)
        self.payload = {"errorType": error_type, "errorMessage": message}


@dataclass(frozen=True)
class ExecutionOutcome:
    """How an execution has ended."""

    status: str
    """``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``."""
    output: Any = None
    error: str | None = None
    cause: str | None = None


def _join_threads() -> None:
    """Wait for calls that go on to their end after an execution was stopped."""
    while TMP_THREADS:
        thread = TMP_THREADS.pop()
        while thread.ident is None:  # one that is stopped notes it before it starts it
            time.sleep(_LOOK_SECONDS)
        thread.join()


@dataclass
class Interpreter:
    """One execution of a definition."""

    definition: Mapping[str, Any]
    invoke: Callable[[Document], Any]
    """Answers a call of a function, or raises :class:`FunctionFailedError`."""
    wait: Callable[[Any, float], None]
    """Called with the input of a Wait state and its seconds."""
    pause: Callable[[float], None] = lambda _seconds: None
    """Called with the seconds before a call is made once more."""
    _worker: Any = field(default=None, init=False)
    _ended: str | None = field(default=None, init=False)

    def execute(self, request: Mapping[str, Any], arn: str, started: datetime) -> ExecutionOutcome:
        """Go through the states.

        Args:
            request: The input.
            arn: The execution's.
            started: When it began.
        """
        machine = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
        definition = json.dumps(self.definition)
        region, name = arn.split(":")[3], machine.rpartition(":")[2]
        details = EvaluationDetails(
            aws_execution_details=AWSExecutionDetails(ACCOUNT, region, _ROLE),
            execution_details=ExecutionDetails(
                arn, arn.rpartition(":")[2], _ROLE, dict(request), as_text(started)
            ),
            state_machine_details=StateMachineDetails(
                machine, name, StateMachineType.STANDARD, definition
            ),
        )
        nobody = SimpleNamespace(terminated=lambda: None)
        self._worker = ExecutionWorker(details, nobody, None, {})
        with self._answering():
            self._worker._execution_logic()  # what its thread would do
            _join_threads()
        return self._outcome()

    def stop(self) -> None:
        """End it, as StopExecution does: calls that are under way go on to their end."""
        self._end("ABORTED")

    def time_out(self) -> None:
        """End it because it has taken too long."""
        self._end("TIMED_OUT")

    def _end(self, status: str) -> None:
        self._ended = self._ended or status
        self._worker.env.set_stop(stop_date=None, cause=None, error=None)

    def _outcome(self) -> ExecutionOutcome:
        if self._ended is not None:
            return ExecutionOutcome(self._ended)
        environment = self._worker.env
        state = environment.program_state()
        if isinstance(state, ProgramError):
            told = state.error or {}
            return ExecutionOutcome("FAILED", error=told.get("error"), cause=told.get("cause"))
        return ExecutionOutcome("SUCCEEDED", environment.states.get_input())

    @contextmanager
    def _answering(self) -> Iterator[None]:
        def answer(parameters: Document, **_caller: Any) -> Document:
            try:
                return {"Payload": self.invoke(json.loads(parameters["Payload"]))}
            except FunctionFailedError as failed:
                return {"FunctionError": "Unhandled", "Payload": failed.payload}

        def wait(_function: Any, env: Any, wait_seconds: int) -> None:
            self.wait(env.states.get_input(), wait_seconds)

        pass_reserved_errors_on()
        parse_once()
        copy_documents_directly()
        log_less()
        with (
            patch.object(lambda_eval_utils, "_invoke_lambda_function", answer),
            patch.object(WaitFunction, "_wait_interval", wait),
            patch.object(retrier_decl, "time", SimpleNamespace(sleep=self.pause)),
        ):
            yield
