"""The function's entry point."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .errors import DeploymentError
from .guardrails.asking import ask
from .guardrails.judging import look_again
from .preparing import prepare
from .recording import record, record_failure
from .resolving import resolve
from .taking_back import remove, take_back
from .trying import try_answers
from .updating import look, update
from .work import Work

logging.getLogger(__package__).setLevel(logging.INFO)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Do the work of a state of the workflow.

    Args:
        event: ``action``, ``settings``, ``request``, ``execution``, and what the action works on:
            ``target``, ``prepared``, ``updated``, ``turn_seconds``, ``plan``, ``results``,
            ``error``.

    Returns:
        What the action's function returns.

    Raises:
        DeploymentError: The state fails, with this message as its cause.
    """
    work = Work.from_event(event)
    actions = {
        "resolve": (resolve, ()),
        "prepare": (prepare, ("target",)),
        "update": (update, ("target", "prepared")),
        "look": (look, ("target", "prepared", "updated")),
        "look_again": (look_again, ("target", "prepared", "updated")),
        "ask": (ask, ("target", "prepared", "turn_seconds")),
        "try": (try_answers, ("target", "prepared")),
        "take_back": (take_back, ("target",)),
        "record": (record, ("plan", "results")),
        "record_failure": (record_failure, ("plan", "results", "error")),
        "remove": (remove, ("target",)),
    }
    action = event.get("action")
    if action not in actions:
        raise DeploymentError(f"The action is {action!r}; allowed are {', '.join(actions)}.")
    function, names = actions[action]
    answer: dict[str, Any] = function(work, *(event[name] for name in names))  # type: ignore[operator]
    return answer
