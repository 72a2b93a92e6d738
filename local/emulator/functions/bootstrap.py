"""Runs one invocation of a Python Lambda function; a script of its own, standard library only.

    python -P bootstrap.py <invocation.json> <outcome.json>

The outcome is ``{"response": ...}`` or ``{"error": {"errorType": ..., "errorMessage": ...,
"stackTrace": [...]}}``, with the names that the Lambda runtime for Python gives to errors.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class UnusableHandlerError(Exception):
    """The handler cannot be called, or its answer cannot be sent; ``error_type`` is Lambda's."""

    def __init__(self, error_type: str, message: str) -> None:
        """Keep Lambda's name of the error."""
        super().__init__(message)
        self.error_type = error_type


def main(invocation_path: Path, outcome_path: Path) -> None:
    """Run the handler and write what came of it."""
    invocation = json.loads(invocation_path.read_text(encoding="utf-8"))
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    try:
        outcome = _marshal(_invoke(invocation))
    except Exception as error:  # noqa: BLE001 - whatever a function raises is its answer
        traceback.print_exc()
        outcome = json.dumps({"error": _describe(error)})
    outcome_path.write_text(outcome, encoding="utf-8")


def _describe(error: Exception) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": getattr(error, "error_type", type(error).__name__),
        "stackTrace": traceback.format_list(_own_frames(error)),
    }


def _own_frames(error: Exception) -> list[traceback.FrameSummary]:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if frame.filename != __file__]


def _invoke(invocation: dict[str, Any]) -> Any:
    context = SimpleNamespace(
        **invocation["context"],
        get_remaining_time_in_millis=lambda: int((invocation["deadline"] - time.time()) * 1000),
    )
    return _load(invocation["handler"])(invocation["event"], context)


def _load(handler: str) -> Callable[[Any, Any], Any]:
    module_name, _, function_name = handler.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise UnusableHandlerError(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    function: Callable[[Any, Any], Any] | None = getattr(module, function_name, None)
    if function is None:
        raise UnusableHandlerError(
            "Runtime.HandlerNotFound",
            f"Handler '{function_name}' missing on module '{module_name}'",
        )
    return function


def _marshal(response: Any) -> str:
    try:
        return json.dumps({"response": response})
    except (TypeError, ValueError) as error:
        raise UnusableHandlerError(
            "Runtime.MarshalError", f"Unable to marshal response: {error}"
        ) from error


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
