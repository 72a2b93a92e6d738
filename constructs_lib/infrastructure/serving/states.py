"""What the workflow is made of: calls of the function, pauses, and lists of regions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from constructs_lib.configs.guardrails.shifts import LATE_METRICS_SECONDS

State = dict[str, Any]
States = dict[str, State]

WAIT_SECONDS: Final = 30
"""Between two looks at an endpoint, where the history of an execution holds them all."""
LONGEST_LOOK_SECONDS: Final = 1_800
"""How much longer than its deployment may take an endpoint is looked at."""
_EVENTS_OF_A_LOOK: Final = 9
"""Of a wait (2), a task that calls a function (5) and a choice (2)."""
_EVENTS_OF_A_TURN: Final = 5
"""Of sample requests that are sent between two looks: a task (5)."""
_MOST_EVENTS_OF_A_LOOP: Final = 8_000
"""A third of a history's 25,000: an execution waits, changes and takes back."""
_TASKS_SECONDS: Final = 1_800
"""What the calls of a wave take together, at most."""
_DEFECT: Final = "DeploymentError"
"""What the function raises: it knows what is wrong, and would find the same again."""
_CALL_FAILED: Final = {
    "ErrorEquals": [
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 3,
    "BackoffRate": 2,
}
"""Developer guide, "Handling errors in Step Functions workflows": transient errors of Lambda."""
TRY_ONCE: Final = (_CALL_FAILED,)
TRY_HARD: Final = (
    {"ErrorEquals": [_DEFECT], "MaxAttempts": 0},
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 5, "BackoffRate": 2},
)
"""For what has to be done whatever happens: a function that was killed is called again."""


class LookIntervals:
    """How often is looked, so that the history of an execution holds every look."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Reckon with deployments that take as long as they may.

        Args:
            settings: The settings document.
        """
        waves: Sequence[Sequence[Any]] = settings["waves"]
        regions = len(list(chain(*waves)))
        look = settings["maximum_execution_timeout_seconds"] + LONGEST_LOOK_SECONDS
        bake = settings["bake_seconds"]
        wave = look + bake + LATE_METRICS_SECONDS + _TASKS_SECONDS
        work = len(waves) * wave + look + _TASKS_SECONDS
        # One before it may be at its beginning, and wait for another.
        self.longest = 3 * work
        """Seconds that an execution may take: it waits for one that waits, and works."""
        self.of_looks = (
            _interval((look + bake) * (_EVENTS_OF_A_LOOK + _EVENTS_OF_A_TURN), regions)
            if settings["bake_traffic_per_minute"]
            else _interval(look * _EVENTS_OF_A_LOOK, regions)
        )
        """Seconds between two looks at a region's endpoint, and between two turns of asking it."""
        self.of_turns = _interval(self.longest * _EVENTS_OF_A_LOOK, 1)
        """Seconds between two looks for whether it is this execution's turn."""


def _interval(events: int, loops: int) -> int:
    """Return how often a loop may go round that is long enough for so many, one a second."""
    return max(WAIT_SECONDS, math.ceil(events * loops / _MOST_EVENTS_OF_A_LOOP))


class FunctionCalls:
    """Makes the states that call the function, and those that wait between two calls."""

    def __init__(self, function_arn: str, pace: LookIntervals) -> None:
        """Keep what every call is made with.

        Args:
            function_arn: The deployment function.
            pace: How often it looks.
        """
        self._function_arn = function_arn
        self.pace = pace

    def call(
        self,
        action: str,
        payload: Mapping[str, str],
        *,
        result: str,
        then: str | None,
        otherwise: tuple[str, str] | None,
        retry: Sequence[Mapping[str, Any]] = TRY_ONCE,
        given: Mapping[str, Any] | None = None,
    ) -> State:
        """Call the function.

        Args:
            action: What it is to do.
            payload: Further members of its event, by the paths of their values.
            result: Path that its answer goes to.
            then: The next state; None: its answer is that of the execution.
            otherwise: The next state after an error, and the path that the error goes to; None: the
                states around this one fail with it.
            retry: After which errors it is called again.
            given: Further members of its event, as they are.
        """
        paths = {"settings": "settings", "request": "request", "execution": "execution", **payload}
        state: State = {
            "Type": "Task",
            "Resource": self._function_arn,
            "Parameters": {
                "action": action,
                **(given or {}),
                **{f"{name}.$": f"$.{path}" for name, path in paths.items()},
            },
            "ResultPath": f"$.{result}",
            "Retry": list(retry),
            **({"Next": then} if then else {"OutputPath": f"$.{result}", "End": True}),
        }
        if otherwise is not None:
            following, path = otherwise
            state["Catch"] = [
                {"ErrorEquals": ["States.ALL"], "ResultPath": f"$.{path}", "Next": following}
            ]
        return state

    def pause(self, then: str) -> State:
        """Wait between two looks at an endpoint."""
        return {"Type": "Wait", "Seconds": self.pace.of_looks, "Next": then}


def each_of(
    items: str,
    name: str,
    states: States,
    *,
    start: str,
    most: int = 0,
    beside: Sequence[str] = (),
) -> State:
    """Do the same for each item, which gets what every task needs.

    Args:
        items: Path of the items.
        name: What an item is called within the states.
        states: What is done.
        start: The first of them.
        most: How many at once; 0: all.
        beside: What else each gets of what is here.
    """
    shared = {f"{each}.$": f"$.{each}" for each in ("settings", "request", "execution", *beside)}
    return {
        "Type": "Map",
        "ItemsPath": items,
        "ItemSelector": {f"{name}.$": "$$.Map.Item.Value", **shared},
        "MaxConcurrency": most,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": start,
            "States": states,
        },
    }


def all_targets(then: str) -> State:
    """List the targets of all waves: a map takes a list that has a path of its own."""
    return {
        "Type": "Pass",
        "Parameters": {"all.$": "$.plan.waves[*][*]"},
        "ResultPath": "$.targets",
        "Next": then,
    }


def collect_failures(results: str, *, then: str) -> State:
    """Collect the errors of the regions that failed."""
    return {
        "Type": "Pass",
        "Parameters": {"errors.$": f"{results}[*].error"},
        "ResultPath": "$.failed",
        "Next": then,
    }


def first_failure(result: str, *, then: str) -> State:
    """Take the first of the collected errors: ``Error`` and ``Cause``."""
    return {
        "Type": "Pass",
        "InputPath": "$.failed.errors[0]",
        "ResultPath": result,
        "Next": then,
    }


def if_any_failed(then: str, *, otherwise: str) -> State:
    """Choose by whether an error was collected."""
    failed = {"Variable": "$.failed.errors[0]", "IsPresent": True, "Next": then}
    return {"Type": "Choice", "Choices": [failed], "Default": otherwise}


def until_done(status: str, *, again: str, then: str) -> State:
    """Look again while the status at a path is that something is in progress."""
    return {"Type": "Choice", "Choices": [when(status, "in_progress", again)], "Default": then}


def when(path: str, value: str, then: str) -> State:
    """Choose a state where the text at a path is a value."""
    return {"Variable": path, "StringEquals": value, "Next": then}
