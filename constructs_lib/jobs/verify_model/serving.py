"""In the worker process: runs the model's code."""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from ..common import redirected
from .findings import shortened
from .toolkit import MODEL_FOLDER
from .toolkit.handler import ModelHandler, wire_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

_REDIRECTING = redirected.redirect.__code__.co_filename
"""As frames name it: where byte code comes from differs from what it was compiled of."""
LONGEST_TRACEBACK = 8000
"""Characters."""


def own_traceback(error: BaseException, model_dir: str) -> str:
    """Return the part of a traceback that begins in the model's code; empty if it never was there.

    Its paths are those of the container.
    """
    told: traceback.TracebackException | None = traceback.TracebackException(
        type(error), error, error.__traceback__
    )
    text = told
    has_own = False
    while told is not None:
        frames = [each for each in told.stack if each.filename != _REDIRECTING]
        own = [n for n, each in enumerate(frames) if each.filename.startswith(model_dir + os.sep)]
        told.stack = traceback.StackSummary.from_list(frames[own[0] :] if own else [])
        has_own = has_own or bool(own)
        told = told.__cause__ or told.__context__
    if not has_own or text is None:
        return ""
    return "".join(text.format()).replace(model_dir, MODEL_FOLDER)[-LONGEST_TRACEBACK:]


def print_traceback(error: BaseException, model_dir: str, printed: set[str]) -> str:
    """Print the traceback of the model's code, after what it printed, each only once; return it.

    What stands whole in a finding has none: a module that is missing, a syntax error.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if isinstance(error, (ModuleNotFoundError, SyntaxError)):
        return ""
    text = own_traceback(error, model_dir)
    if text and text not in printed:
        printed.add(text)
        sys.stderr.write(text)
        sys.stderr.flush()
    return text


def failure(error: BaseException, code_folder: str, told: str, default: str = "") -> dict[str, str]:
    """Return what an exception says, and the line of the model's code that it came from.

    Args:
        error: What was raised.
        code_folder: The model's code.
        told: The traceback.
        default: The toolkit's function that raised it, if it was not the code's own.
    """
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(code_folder + os.sep):
            where = f"{os.path.relpath(frame.filename, code_folder)} line {frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{Path(error.filename).name} line {error.lineno}"
    missing = error.name if isinstance(error, ModuleNotFoundError) else ""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    text = text.replace(str(Path(code_folder).parent), MODEL_FOLDER)
    message = shortened(text or "no message")
    return {
        "type": type(error).__name__,
        "message": message,
        "where": where,
        "missing": missing or "",
        "traceback": told,
        "default": default,
    }


def serve(model_dir: str, module_name: str, requests: IO[bytes], replies: IO[bytes]) -> None:
    """Import the code, at an empty line load the model, then answer requests.

    Requests and replies are JSON documents, one per line.
    """

    def reply(**content: object) -> None:
        replies.write(json.dumps(content).encode("ascii") + b"\n")
        replies.flush()

    code_folder = str(Path(model_dir) / "code")
    sys.path.insert(0, code_folder)
    if not os.path.lexists(MODEL_FOLDER):
        # In AWS the job has a link there; nothing outside of its folders is touched elsewhere.
        redirected.redirect(MODEL_FOLDER, model_dir)
    stages = ["import"]
    printed: set[str] = set()
    handler: ModelHandler | None = None
    try:
        handler = ModelHandler(importlib.import_module(module_name))
        reply(stage="imported", functions=handler.describe(), problems=handler.problems())
        if handler.problems() or not requests.readline():
            return
        handler.load(model_dir, stages.append)
    except Exception as error:  # noqa: BLE001 - the model's code may raise anything
        told = print_traceback(error, model_dir, printed)
        default = handler.default if handler else ""
        reply(stage=stages[-1], failure=failure(error, code_folder, told, default))
        return
    reply(stage="loaded")
    for line in requests:
        request = json.loads(line)
        body = base64.b64decode(request["body"])
        try:
            response, kind = handler.answer(body, request["content_type"], request["accept"])
            content = wire_bytes(response)
        except Exception as error:  # noqa: BLE001
            told = print_traceback(error, model_dir, printed)
            reply(failure=failure(error, code_folder, told, handler.default))
            continue
        reply(body=base64.b64encode(content).decode("ascii"), content_type=str(kind))


def end_with_parent() -> None:
    """End when the process does that has started this one, whatever the model's code is at.

    Its standard input is a pipe that only that process holds. The model's code gets an empty one.
    """
    lifeline = os.dup(0)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)

    def wait() -> None:
        while os.read(lifeline, 1):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def serve_from_command_line(arguments: Sequence[str]) -> NoReturn:
    """Be a worker. Ends without waiting for threads that the model's code leaves behind."""
    model_dir, module_name, request_fd, reply_fd = arguments
    code = 0
    end_with_parent()
    try:
        # The archive of this job is no place for the model's code to import from.
        sys.path.pop(0)
        for descriptor in (int(request_fd), int(reply_fd)):
            # A process that the code leaves behind must not keep the connection open.
            os.set_inheritable(descriptor, False)  # noqa: FBT003
        with os.fdopen(int(request_fd), "rb") as requests, os.fdopen(int(reply_fd), "wb") as out:
            serve(model_dir, module_name, requests, out)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - whatever it is, it ends this process
        traceback.print_exc()
        code = 1
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 0xFF)
