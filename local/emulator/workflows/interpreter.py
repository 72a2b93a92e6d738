"""Corrections of moto's interpreter of the Amazon States Language, version 5.2.5."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, Final

from local.emulator.pace import Pace

_RESERVED: Final = "States."
_TELLING_EVERYTHING: Final = "moto.stepfunctions.parser.asl.component.eval_component"


def wait_at(pace: Pace) -> None:
    """Let Wait states and the intervals of retries pass at our pace."""
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
        WaitFunction,
    )

    def wait_interval(_function: Any, env: Any, wait_seconds: int) -> None:
        pace.wait(wait_seconds, lambda: not env.is_running())

    WaitFunction._wait_interval = wait_interval
    retrier_decl.time = SimpleNamespace(sleep=pace.wait)


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
