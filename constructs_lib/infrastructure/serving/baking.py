"""The states in which a wave bakes: who watches it, for how long, and who asks it meanwhile.

SageMaker watches the alarms of an update while it shifts traffic. Where it watches nothing the wave
bakes here: a first fleet has no update, and ``wait_seconds`` of the settings' ``shift`` is 0 where
nothing is shifted. Else metrics of the last minute are waited for, which come late.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from constructs_lib.configs.guardrails.shifts import LATE_METRICS_SECONDS
from constructs_lib.infrastructure.serving.states import (
    FunctionCalls,
    State,
    States,
    each_of,
)


def asks(settings: Mapping[str, Any]) -> bool:
    """Whether sample requests are sent while a version bakes."""
    return bool(settings["bake_traffic_per_minute"])


def ask(tasks: FunctionCalls, *, then: str | None, otherwise: str) -> State:
    """Send sample requests to a region.

    Args:
        tasks: What makes the states.
        then: The next state; None ends.
        otherwise: The next state where that fails, which fails nothing else.
    """
    return tasks.call(
        "ask",
        {"target": "target", "prepared": "target.prepared"},
        result="asked",
        then=then,
        otherwise=(otherwise, "asked"),
        given={"turn_seconds": tasks.pace.of_looks},
    )


def baking(tasks: FunctionCalls, settings: Mapping[str, Any], *, then: str) -> States:
    """Wait until what a wave has changed can be judged; begins with ``NewEndpoints``."""
    settles = settings["shift"]["wait_seconds"] > 0
    settle: State = {
        "Type": "Wait",
        "Seconds": min(LATE_METRICS_SECONDS, settings["bake_seconds"]),
        "Next": then,
    }
    return {
        "NewEndpoints": {
            "Type": "Pass",
            "Parameters": {"all.$": "$.regions[*].is_new"},
            "ResultPath": "$.new",
            "Next": "WhoWatches",
        },
        "WhoWatches": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.new.all[0]", "IsPresent": True, "Next": "Bake"}],
            "Default": "Settle" if settles else "Bake",
        },
        "Bake": {**_bake(tasks, settings), "Next": then},
        **({"Settle": settle} if settles else {}),
    }


def _bake(tasks: FunctionCalls, settings: Mapping[str, Any]) -> State:
    turns = math.ceil(settings["bake_seconds"] / tasks.pace.of_looks)
    if not asks(settings) or not turns:
        return {"Type": "Wait", "SecondsPath": "$.settings.bake_seconds"}
    region: States = {
        "Turns": {
            "Type": "Pass",
            "Parameters": {"all.$": f"States.ArrayRange(1, {turns}, 1)"},
            "ResultPath": "$.turns",
            "Next": "AskInTurns",
        },
        "AskInTurns": {
            **each_of(
                "$.turns.all", "turn", _turn(tasks), start="PauseToAsk", most=1, beside=["target"]
            ),
            "End": True,
        },
    }
    return {**each_of("$.regions", "target", region, start="Turns"), "ResultPath": None}


def _turn(tasks: FunctionCalls) -> States:
    return {
        "PauseToAsk": tasks.pause("AskInTurn"),
        "AskInTurn": ask(tasks, then=None, otherwise="NotAsked"),
        "NotAsked": {"Type": "Pass", "OutputPath": "$.asked", "End": True},
    }
