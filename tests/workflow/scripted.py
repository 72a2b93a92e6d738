"""Runs the workflow's definition by moto's interpreter, in this process, against a script.

The interpreter is the one that the embedded AWS has; the function's answers are the test's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from benchmarks.faults.serving.interpreter import (
    ACCOUNT,
    ExecutionOutcome,
    Interpreter,
)

FUNCTION_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:deploy"
EXECUTION_ARN = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:deployment:1"
Event = dict[str, Any]


@dataclass
class Script:
    """Answers the workflow's calls, and keeps them in their order."""

    answers: Mapping[str, Callable[[Event], Any]]
    """By action; an answer may raise :class:`FunctionFailedError`."""
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Seconds of each wait."""
    _lock: Lock = field(default_factory=Lock)

    def invoke(self, event: Event) -> Any:
        """Stand in for the function."""
        with self._lock:
            self.events.append(event)
        return self.answers[event["action"]](event)

    def calls(self, *actions: str) -> list[str]:
        """Name the calls of some actions, or of all: ``<action> <region>``, in their order."""
        return [
            " ".join([event["action"], *filter(None, [event.get("target", {}).get("region_code")])])
            for event in self.events
            if not actions or event["action"] in actions
        ]


def execute(
    definition: Mapping[str, Any], request: Mapping[str, Any], script: Script
) -> ExecutionOutcome:
    """Execute the definition to its end."""

    def wait(_state: object, seconds: float) -> None:
        script.waits.append(seconds)

    execution = Interpreter(definition, script.invoke, wait)
    return execution.execute(request, EXECUTION_ARN, datetime.now(UTC))
