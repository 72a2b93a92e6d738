"""Runs invocations of a Python Lambda function; a script of its own, standard library only.

    python -P bootstrap.py <pipe> <folder>

Each line of the pipe is a name: ``<name>.invocation`` in the folder is answered by
``<name>.outcome``, which is ``{"response": ...}`` or ``{"error": {"errorType": ...,
"errorMessage": ..., "stackTrace": [...]}, "is_loaded": ...}``, with the names that the Lambda
runtime for Python gives to errors. ``is_loaded`` is whether there is a handler for more.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import SimpleNamespace
from typing import Any


class UnusableHandlerError(Exception):
    """The handler cannot be called, or its answer cannot be sent; ``error_type`` is Lambda's."""

    def __init__(self, error_type: str, message: str) -> None:
        """Keep Lambda's name of the error."""
        super().__init__(message)
        self.error_type = error_type


class Requests:
    """The invocations that the embedded AWS sends, by lines that name their files.

    It ends the pipe when it needs this process no more, and does so, too, however it dies.
    """

    def __init__(self, pipe: int, folder: Path) -> None:
        """Take over the pipe, and know the folder of this process, which goes with it."""
        os.set_inheritable(pipe, False)  # noqa: FBT003
        self._pipe = pipe
        self._folder = folder
        self._names: SimpleQueue[str | None] = SimpleQueue()
        self._is_busy = False

    def __iter__(self) -> Iterator[str]:
        """Give the names of invocations, the next one once the one before is answered."""
        Thread(target=self._receive, daemon=True).start()
        return iter(self._names.get, None)

    def answered(self) -> None:
        """Tell that an answer follows at once."""
        self._is_busy = False

    def _receive(self) -> None:
        with os.fdopen(self._pipe, encoding="utf-8") as lines:
            for line in lines:
                self._is_busy = True
                self._names.put(line.strip())
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._is_busy:
            os.killpg(0, signal.SIGKILL)
        self._names.put(None)


def main(requests: Requests, folder: Path) -> None:
    """Answer invocations, one after the other; the handler is loaded once, for the first."""
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    function: Callable[[Any, Any], Any] | None = None
    for name in requests:
        try:
            invocation = json.loads((folder / f"{name}.invocation").read_text(encoding="utf-8"))
            if function is None:
                function = _load(invocation["handler"])
            outcome = _marshal(_invoke(function, invocation))
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its answer
            traceback.print_exc()
            is_loaded = function is not None
            outcome = json.dumps({"error": _describe(error), "is_loaded": is_loaded})
        written = folder / f"{name}.written"
        written.write_text(outcome, encoding="utf-8")
        requests.answered()
        written.rename(folder / f"{name}.outcome")
    # What the function has left behind ends, too; this process ends as any other one does.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)


def _describe(error: Exception) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": getattr(error, "error_type", type(error).__name__),
        "stackTrace": traceback.format_list(_own_frames(error)),
    }


def _own_frames(error: Exception) -> list[traceback.FrameSummary]:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if frame.filename != __file__]


def _invoke(function: Callable[[Any, Any], Any], invocation: dict[str, Any]) -> Any:
    context = SimpleNamespace(
        **invocation["context"],
        get_remaining_time_in_millis=lambda: int((invocation["deadline"] - time.time()) * 1000),
    )
    return function(invocation["event"], context)


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
    own_folder = Path(sys.argv[2])
    main(Requests(int(sys.argv[1]), own_folder), own_folder)
