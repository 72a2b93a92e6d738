"""Runs one invocation of a Python Lambda function; a script of its own, standard library only.

    python -P function_bootstrap.py <invocation.json> <outcome.json>

The outcome is ``{"response": ...}`` or ``{"error": {"errorType": ..., "errorMessage": ...}}``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main(invocation_path: Path, outcome_path: Path) -> None:
    """Run the handler and write what came of it."""
    invocation = json.loads(invocation_path.read_text(encoding="utf-8"))
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    try:
        outcome = json.dumps({"response": _invoke(invocation)})
    except Exception as error:  # noqa: BLE001 - whatever a function raises is its answer
        traceback.print_exc()
        outcome = json.dumps(
            {"error": {"errorType": type(error).__name__, "errorMessage": str(error)}}
        )
    outcome_path.write_text(outcome, encoding="utf-8")


def _invoke(invocation: dict[str, Any]) -> Any:
    module_name, _, function_name = invocation["handler"].rpartition(".")
    handler = getattr(importlib.import_module(module_name.replace("/", ".")), function_name)
    context = SimpleNamespace(
        **invocation["context"],
        get_remaining_time_in_millis=lambda: int((invocation["deadline"] - time.time()) * 1000),
    )
    return handler(invocation["event"], context)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
