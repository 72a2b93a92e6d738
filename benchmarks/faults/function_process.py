"""Runs invocations of the registration function, each in a process that may be killed.

Reads one invocation a line from standard input, as JSON, forks, and writes what came of it. The
process that forks has imported everything and runs no thread, so an invocation takes milliseconds.
A killed one dies by SIGKILL, around its call number ``number`` of AWS: ``before`` it is sent, or
``after`` it was served and before the function got the answer.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.retries.standard import ExponentialBackoff

from benchmarks.faults.deadlines import (
    LONGEST_ANSWER_SECONDS,
    LONGEST_CONNECT_SECONDS,
    LONGEST_FUNCTION_SECONDS,
    stacks,
)

PACKAGE = Path(__file__).parents[2] / "constructs_lib" / "jobs" / "register_model"
# A backoff of up to 20 s and an answer that is waited for for 300 s would make this take hours.
_WAITED_SHARE = 0.002
_HELD_SECONDS = 0.02


def main() -> None:
    """Serve invocations until the end of input."""
    module = _load()
    boto3.setup_default_session()
    for service in ("s3", "sagemaker"):
        boto3.client(service, region_name="us-east-1")  # children inherit the parsed models
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(module, json.loads(line))) + "\n")
        sys.stdout.flush()


def _load() -> Any:
    # As in Lambda: a package of its own, not one of the app's.
    sys.path.insert(0, str(PACKAGE.parent))
    module = importlib.import_module(PACKAGE.name)
    module.staging.POLL_SECONDS = 0.05
    delay = ExponentialBackoff.delay_amount
    ExponentialBackoff.delay_amount = lambda self, context: delay(self, context) * _WAITED_SHARE
    return module


def _run(module: Any, invocation: dict[str, Any]) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _invoke(module, invocation, writer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        lines = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    events = [json.loads(line) for line in lines]
    return {
        "calls": [event["call"] for event in events if "call" in event],
        "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        **next((event for event in events if "call" not in event), {}),
    }


def _invoke(module: Any, invocation: dict[str, Any], writer: int) -> None:
    def tell(event: dict[str, Any]) -> None:
        os.write(writer, json.dumps(event).encode() + b"\n")

    _set(module, invocation)
    _give_up_after(invocation.get("longest_seconds", LONGEST_FUNCTION_SECONDS), tell)
    sent = 0

    def before_send(request: Any, event_name: str, **_: Any) -> None:
        nonlocal sent
        sent += 1
        tell({"call": event_name.rpartition(".")[2]})
        if "hold" in invocation:
            _hold(request, **invocation["hold"])
        kill = invocation.get("kill")
        if kill and kill["number"] == sent:
            if kill["when"] == "after":
                URLLib3Session().send(request)
            os.kill(os.getpid(), signal.SIGKILL)

    boto3.DEFAULT_SESSION._session.register("before-send", before_send)
    if invocation.get("unconditional"):
        boto3.DEFAULT_SESSION._session.register(
            "before-parameter-build.s3.PutObject", lambda params, **_: params.pop("IfNoneMatch")
        )
    try:
        tell({"outputs": module.handler(invocation["event"], None)})
    except module.RegistrationError as error:
        tell({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - a step that fails without naming its region
        tell({"error": f"{type(error).__name__}: {error}", "defect": True})


def _set(module: Any, invocation: dict[str, Any]) -> None:
    random.seed(0)
    os.environ.update(invocation["environment"])
    timeout = Config(
        connect_timeout=LONGEST_CONNECT_SECONDS,
        read_timeout=invocation.get("timeout_seconds", LONGEST_ANSWER_SECONDS),
    )
    module.clients.CLIENT_CONFIG = module.clients.CLIENT_CONFIG.merge(timeout)
    for name, value in invocation.get("settings", {}).items():
        owner, _, constant = name.partition(".")
        setattr(getattr(module, owner), constant, value)


def _give_up_after(seconds: float, tell: Callable[[dict[str, Any]], None]) -> None:
    """Let this process end, and say where it stands."""

    def give_up(*_: object) -> None:
        tell({"error": f"It has not ended within {seconds:g} s.\n{stacks()}", "defect": True})
        os._exit(1)

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _hold(request: Any, *, key: str, reached: str, until: str) -> None:
    """Hold a write back until a file is there, and tell by another that it is held."""
    if request.method != "PUT" or key not in request.url:
        return
    Path(reached).touch()
    while not Path(until).exists():
        time.sleep(_HELD_SECONDS)


if __name__ == "__main__":
    logging.getLogger("register_model").addHandler(logging.NullHandler())
    main()
