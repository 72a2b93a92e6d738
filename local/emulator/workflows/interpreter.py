"""Corrections of moto's interpreter of the Amazon States Language, version 5.2.5."""

from __future__ import annotations

import copy
import logging
import time
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any, Final

from local.emulator.pace import Pace

_RESERVED: Final = "States."
_TELLING_EVERYTHING: Final = "moto.stepfunctions.parser.asl.component.eval_component"
_KEPT_DEFINITIONS: Final = 32
_CONSTANTS: Final = frozenset((str, int, float, bool, type(None)))


def wait_at(pace: Pace) -> None:
    """Let Wait states and the intervals of retries pass at our pace.

    The start of the execution, as states are told it, moves back by what a Wait state was shortened
    by: whoever compares it with the time finds that as much has passed as would have in AWS.
    """
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
        WaitFunction,
    )

    def wait_interval(_function: Any, env: Any, wait_seconds: int) -> None:
        began, began_here = pace.now(), time.monotonic()
        pace.wait(wait_seconds, lambda: not env.is_running())
        passed, passed_here = pace.now() - began, time.monotonic() - began_here
        execution = env.states.context_object.context_object_data["Execution"]
        execution["StartTime"] = _earlier(execution["StartTime"], passed - passed_here)

    WaitFunction._wait_interval = wait_interval
    retrier_decl.time = SimpleNamespace(sleep=pace.wait)


def tell_times_as_text() -> None:
    """Let states find the start of their execution as text, as AWS has it: moto has no JSON."""
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    make = ExecutionWorker._get_evaluation_environment

    def get_evaluation_environment(worker: Any) -> Any:
        environment = make(worker)
        execution = environment.states.context_object.context_object_data["Execution"]
        execution["StartTime"] = _as_text(execution["StartTime"])
        return environment

    ExecutionWorker._get_evaluation_environment = get_evaluation_environment


def _earlier(text: str, seconds: float) -> str:
    return _as_text(datetime.fromisoformat(text) - timedelta(seconds=max(seconds, 0)))


def _as_text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def pass_reserved_errors_on() -> None:
    """Let errors of the service's own, such as States.Timeout, leave a Map or Parallel state.

    moto takes them for errors of the definition there, whose names may not begin like that.
    """
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
        CustomErrorName,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
        StatesErrorName,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
        iteration_worker,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl

    def error_named(error_name: str | None) -> Any:
        if error_name is not None and error_name.startswith(_RESERVED):
            return StatesErrorName.from_name(error_name)
        return CustomErrorName(error_name)

    iteration_worker.CustomErrorName = error_named
    branches_decl.CustomErrorName = error_named


def log_less() -> None:
    """Leave out of the log what writes down a whole definition with each error."""
    logging.getLogger(_TELLING_EVERYTHING).setLevel(logging.CRITICAL)


@cache
def parse_once() -> None:
    """Keep what definitions and the paths in them are parsed to, which nothing changes.

    Moto parses a definition for each execution, and a path whenever a state reads it: that takes
    most of the time of an execution.
    """
    from moto.stepfunctions.parser.asl.component.common.path import result_path
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
    from moto.stepfunctions.parser.asl.utils import json_path
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    @lru_cache(_KEPT_DEFINITIONS)
    def program_of(definition: str) -> Any:
        return AmazonStateLanguageParser.parse(definition)[0]

    ExecutionWorker._get_evaluation_entrypoint = lambda worker: program_of(
        worker._evaluation_details.state_machine_details.definition
    )
    # Under which an execution counts its retries: moto makes it when it is first asked for, and two
    # executions that ask at once would each change the other's.
    EvalComponent.heap_key = property(lambda component: str(id(component)))
    for module in (json_path, result_path):
        module.parse = cache(module.parse)


def copy_documents_directly() -> None:
    """Copy what states pass on as the JSON that it is: moto looks for whatever Python can hold."""
    from moto.stepfunctions.parser.asl.component.common.path import result_path
    from moto.stepfunctions.parser.asl.component.common.string import string_expression
    from moto.stepfunctions.parser.asl.component.state.exec import execute_state
    from moto.stepfunctions.parser.asl.component.state.exec.state_map import state_map
    from moto.stepfunctions.parser.asl.eval import environment, states

    copies = SimpleNamespace(deepcopy=_copy_of)
    for module in (result_path, string_expression, execute_state, state_map, environment, states):
        module.copy = copies


def _copy_of(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {name: _copy_of(member) for name, member in value.items()}
    if kind is list:
        return [_copy_of(element) for element in value]
    return value if kind in _CONSTANTS else copy.deepcopy(value)
