"""Executions of state machines: their pace, their ends, and what is told of them.

Sources: StartExecution, StopExecution and DescribeExecution in the AWS Step Functions API
reference; "Automating Step Functions event delivery with EventBridge" in the developer guide.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from threading import Lock
from typing import Any, Final

from local.emulator.events.delivery import EventDelivery
from local.emulator.pace import Pace
from local.emulator.workflows.identities import WorkflowIdentities
from local.emulator.workflows.interpreter import (
    copy_documents_directly,
    log_less,
    parse_once,
    pass_reserved_errors_on,
    tell_times_as_text,
    wait_at,
)

_CHANGE: Final = "Step Functions Execution Status Change"
_STARTING_SECONDS: Final = 5.0
_EVENTS_OF_A_PAGE: Final = 100
"""Unless the call says how many; source: GetExecutionHistory in the API reference."""
_MOST_EVENTS_OF_A_PAGE: Final = 1000
"""Source: as above."""


@dataclass(frozen=True)
class Workflows:
    """Runs executions, in place of moto's that succeed at once."""

    identities: WorkflowIdentities
    delivery: EventDelivery
    pace: Pace
    _ending: Lock = field(default_factory=Lock)
    """Held while it is decided whether an execution ends by itself or is stopped."""

    def install(self) -> None:
        """Take over from moto; the interpreter is imported when a state machine is created."""
        from moto.core.config import default_user_config

        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self.identities.install()
        wait_at(self.pace)
        tell_times_as_text()
        pass_reserved_errors_on()
        parse_once()
        copy_documents_directly()
        log_less()
        self._check_roles()
        self._answer_calls()
        self._tell_of_executions()

    def _check_roles(self) -> None:
        from moto.stepfunctions.parser.models import StepFunctionsParserBackend as Backend

        create, update = Backend.create_state_machine, Backend.update_state_machine

        @wraps(create)
        def create_state_machine(backend: Any, name: str, *rest: Any, **more: Any) -> Any:
            role_arn = more["roleArn"]
            arn = f"arn:aws:states:{backend.region_name}:{backend.account_id}:stateMachine:{name}"
            self.identities.check_trust(role_arn, arn)
            return create(backend, name, *rest, **more)

        @wraps(update)
        def update_state_machine(backend: Any, arn: str, *rest: Any, **more: Any) -> Any:
            if more.get("role_arn"):
                self.identities.check_trust(more["role_arn"], arn)
            return update(backend, arn, *rest, **more)

        Backend.create_state_machine = create_state_machine
        Backend.update_state_machine = update_state_machine

    def _answer_calls(self) -> None:
        """Name executions, tell when they ended and with which JSON, stop them with a reason.

        Histories come in pages, in either order.
        """
        from moto.core.responses import ActionResult
        from moto.stepfunctions.responses import StepFunctionResponse as Answers

        describe = Answers.describe_execution

        def start_execution(response: Any) -> Any:
            execution = response.stepfunction_backend.start_execution(
                response._get_param("stateMachineArn"),
                response._get_param("name") or str(uuid.uuid4()),
                response._get_param("input", if_none="{}"),
            )
            return ActionResult(
                {"executionArn": execution.execution_arn, "startDate": execution.start_date}
            )

        @wraps(describe)
        def describe_execution(response: Any) -> Any:
            answer = describe(response)
            arn = response._get_param("executionArn")
            execution = response.stepfunction_backend.describe_execution(arn)
            if execution.stop_date is not None:
                answer.result["stopDate"] = execution.stop_date
            if execution.status == "SUCCEEDED":
                answer.result["output"] = json.dumps(execution.output)
            return answer

        def stop_execution(response: Any) -> Any:
            arn = response._get_param("executionArn")
            execution = response.stepfunction_backend.describe_execution(arn)
            error, cause = response._get_param("error"), response._get_param("cause")
            self._stop(execution, error, cause)
            return ActionResult({"stopDate": execution.stop_date})

        Answers.start_execution = start_execution
        Answers.describe_execution = describe_execution
        Answers.get_execution_history = _history_page
        Answers.stop_execution = stop_execution

    def _stop(self, execution: Any, error: str | None, cause: str | None) -> None:
        """Abort an execution at once; what its task has begun goes on, and is not looked at."""
        from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped

        worker, end = execution.exec_worker, time.monotonic() + _STARTING_SECONDS
        while execution.status == "RUNNING" and worker.env is None and time.monotonic() < end:
            time.sleep(0.01)
        with self._ending:
            if execution.status != "RUNNING":
                return
            execution.stop(stop_date=_now(), error=error, cause=cause)
            is_stopped = isinstance(worker.env.program_state(), ProgramStopped)
            if is_stopped:
                self._set_end(execution, "ABORTED", error, cause)
        if is_stopped:
            self._tell(execution)
        while execution.status == "RUNNING" and time.monotonic() < end:  # at its end, untold yet
            time.sleep(0.01)

    @staticmethod
    def _set_end(execution: Any, status: str, error: str | None, cause: str | None) -> None:
        from moto.stepfunctions.parser.api import ExecutionStatus

        execution.exec_status = ExecutionStatus(status)
        execution.stop_date = _now()
        execution.error, execution.cause = error, cause

    def _tell_of_executions(self) -> None:
        from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
        from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

        run = ExecutionWorker._execution_logic
        end = BaseExecutionWorkerCommunication.terminated

        @wraps(end)
        def terminated(communication: Any) -> None:
            execution = communication.execution
            with self._ending:
                is_its_end = execution.status == "RUNNING"
                if is_its_end:
                    end(communication)
            if is_its_end:
                self._tell(execution)

        @wraps(run)
        def execution_logic(worker: Any) -> None:
            execution = worker._execution_communication.execution
            try:
                self._tell(execution)  # here: whoever starts it may find it at its end
                run(worker)
            except Exception as defect:
                logging.getLogger(__name__).exception("defect of the interpreter")
                self._set_end(execution, "FAILED", "States.Runtime", f"{defect}")
                self._tell(execution)
                raise

        BaseExecutionWorkerCommunication.terminated = terminated
        ExecutionWorker._execution_logic = execution_logic

    def _tell(self, execution: Any) -> None:
        detail = {name: value for name, value in _detail(execution).items() if value is not None}
        arns = [execution.execution_arn]
        self.delivery.emit("aws.states", _CHANGE, execution.region_name, arns, detail)


def _history_page(response: Any) -> Any:
    """Answer GetExecutionHistory; a token is the id of the last event of the page before."""
    from moto.core.responses import ActionResult
    from moto.stepfunctions.exceptions import InvalidToken, ValidationException

    arn, token = response._get_param("executionArn"), response._get_param("nextToken")
    most = response._get_param("maxResults") or _EVENTS_OF_A_PAGE
    if not 0 < most <= _MOST_EVENTS_OF_A_PAGE:
        raise ValidationException(
            f"maxResults is {most}; it is from 0 to {_MOST_EVENTS_OF_A_PAGE}, where 0 is"
            f" {_EVENTS_OF_A_PAGE}"
        )
    history = response.stepfunction_backend.get_execution_history(arn)
    is_reversed = bool(response._get_param("reverseOrder"))
    events = sorted(history["events"], key=lambda event: int(event["id"]), reverse=is_reversed)
    if token is not None:
        try:
            last = int(token)
        except ValueError as error:
            raise InvalidToken(f"nextToken is {token!r}, which no page has told") from error
        events = [
            each for each in events if (each["id"] < last if is_reversed else each["id"] > last)
        ]
    page = events[:most]
    more = {"nextToken": str(page[-1]["id"])} if len(page) < len(events) else {}
    return ActionResult({"events": page, **more})


def _detail(execution: Any) -> Mapping[str, Any]:
    is_over = execution.status == "SUCCEEDED"
    return {
        "executionArn": execution.execution_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": _milliseconds(execution.start_date),
        "stopDate": execution.stop_date and _milliseconds(execution.stop_date),
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "output": json.dumps(execution.output) if is_over else None,
        "outputDetails": {"included": True} if is_over else None,
        "error": execution.error,
        "cause": execution.cause,
    }


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _now() -> datetime:
    return datetime.now(UTC)
