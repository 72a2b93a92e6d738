"""The workflow of a deployment, as a document of the Amazon States Language (JSONPath).

    Begin -> Resolve -> Resolved -+-> Waves -> LookBeforeRecord -> Record
               ^                  |     +--------+-- fails -> TakeBackEverywhere -> RecordFailure
               +- PauseToResolve -+-> RecordNothingToDo            (serves already, or superseded)
                                  +-> RemoveEverywhere -> RecordRemoval                (undeploy)

    Waves, one after the other: Regions -> JudgeWave -> Bake or Settle -> LookAgainEverywhere
    Regions, all of a wave at once: Prepare -> Update -> PauseToLook -> Look -> Try

SageMaker watches the alarms of an update while it shifts traffic, and takes it back by itself; Look
tells of that. What it does not watch bakes in the workflow, and for late metrics of the rest Settle
waits (``baking.py``). Alarms are looked at after both, and in all regions once more before anything
is recorded. With ``bake_traffic`` sample requests are sent meanwhile (Ask).

Every task is one call of the deployment function, which says by ``action`` what to do; the workflow
waits, repeats and decides what comes next. A region that fails does not stop the others of its
wave: a call that is under way cannot be stopped, and would change an endpoint after it was looked
at for taking back. Everything goes back once all of them are at their end.

Source: "Using Amazon States Language to define Step Functions workflows" in the AWS Step Functions
developer guide; its "Service quotas" for the 25,000 events of an execution's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from constructs_lib.infrastructure.serving.baking import ask, asks, baking
from constructs_lib.infrastructure.serving.states import (
    TRY_HARD,
    FunctionCalls,
    LookIntervals,
    State,
    States,
    all_targets,
    collect_failures,
    each_of,
    first_failure,
    if_any_failed,
    until_done,
    when,
)

_DONE: Final = {"target": "target", "prepared": "target.prepared", "updated": "target.updated"}
"""What a look at a region is told, by the paths of their values."""


def deployment_workflow(function_arn: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition of a pipeline's workflow.

    Args:
        function_arn: The deployment function.
        settings: What it needs to know of the endpoint: the settings document.
    """
    tasks = FunctionCalls(function_arn, LookIntervals(settings))
    return {
        "Comment": f"Serves a version of {settings['pipeline_name']} in every region, or in none",
        "QueryLanguage": "JSONPath",
        "StartAt": "Begin",
        "TimeoutSeconds": tasks.pace.longest,
        "States": {
            **_beginning(tasks, settings),
            **_change(tasks, settings),
            **_way_back(tasks),
            **_removal(tasks),
        },
    }


def _beginning(tasks: FunctionCalls, settings: Mapping[str, Any]) -> States:
    """Find out what is to be done, once it is this execution's turn."""
    return {
        "Begin": {
            "Type": "Pass",
            "Parameters": {
                "settings": dict(settings),
                "request.$": "$",
                "execution": {
                    "arn.$": "$$.Execution.Id",
                    "started_at.$": "$$.Execution.StartTime",
                },
                # What a failure tells of, as long as there is nothing.
                "plan": None,
                "results": [],
            },
            "Next": "Resolve",
        },
        "Resolve": tasks.call(
            "resolve",
            {},
            result="plan",
            then="Resolved",
            otherwise=("RecordFailure", "error"),
        ),
        "Resolved": {
            "Type": "Choice",
            "Choices": [
                when("$.plan.status", "wait", "PauseToResolve"),
                when("$.plan.status", "unchanged", "RecordNothingToDo"),
                when("$.plan.status", "superseded", "RecordNothingToDo"),
                when("$.request.action", "undeploy", "RemovalTargets"),
            ],
            "Default": "Waves",
        },
        "PauseToResolve": {"Type": "Wait", "Seconds": tasks.pace.of_turns, "Next": "Resolve"},
        "RecordNothingToDo": _record(tasks, "RecordFailure", "results"),
    }


def _change(tasks: FunctionCalls, settings: Mapping[str, Any]) -> States:
    """Change one wave after the other."""
    taken_back = [
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "TakeBackTargets"}
    ]
    return {
        "Waves": {
            **each_of("$.plan.waves", "wave", _wave(tasks, settings), start="Regions", most=1),
            "ResultPath": "$.waves",
            "Catch": taken_back,
            "Next": "ServedTargets",
        },
        "ServedTargets": {
            "Type": "Pass",
            "Parameters": {"all.$": "$.waves[*][*]"},
            "ResultPath": "$.served",
            "Next": "LookBeforeRecord",
        },
        "LookBeforeRecord": {
            **each_of("$.served.all", "target", _last_look(tasks), start="LastLook"),
            "ResultPath": None,
            "Catch": taken_back,
            "Next": "Record",
        },
        "Record": _record(tasks, "TakeBackTargets", "served.all"),
    }


def _record(tasks: FunctionCalls, otherwise: str, results: str) -> State:
    return tasks.call(
        "record",
        {"plan": "plan", "results": results},
        result="record",
        then=None,
        otherwise=(otherwise, "error"),
        retry=TRY_HARD,
    )


def _wave(tasks: FunctionCalls, settings: Mapping[str, Any]) -> States:
    return {
        "Regions": {
            **each_of("$.wave", "target", _region(tasks, settings), start="Prepare"),
            "ResultPath": "$.regions",
            "Next": "JudgeWave",
        },
        "JudgeWave": collect_failures("$.regions", then="WaveJudged"),
        "WaveJudged": if_any_failed("FirstFailure", otherwise="NewEndpoints"),
        "FirstFailure": first_failure("$.failed", then="WaveFailed"),
        "WaveFailed": {"Type": "Fail", "Error": "WaveFailed", "CausePath": "$.failed.Cause"},
        **baking(tasks, settings, then="LookAgainEverywhere"),
        "LookAgainEverywhere": {
            **each_of("$.regions", "target", _second_look(tasks), start="LookAgain"),
            "End": True,
        },
    }


def _region(tasks: FunctionCalls, settings: Mapping[str, Any]) -> States:
    """Bring one region to the version; ends as the target with what was done, or its error."""
    failed = ("RegionFailed", "target.error")
    asking = asks(settings)
    return {
        "Prepare": tasks.call(
            "prepare",
            {"target": "target"},
            result="target.prepared",
            then="Update",
            otherwise=failed,
        ),
        "Update": tasks.call(
            "update",
            {"target": "target", "prepared": "target.prepared"},
            result="target.updated",
            then="PauseToLook",
            otherwise=failed,
        ),
        "PauseToLook": tasks.pause("Look"),
        "Look": tasks.call("look", _DONE, result="look", then="Looked", otherwise=failed),
        "Looked": until_done("$.look.status", again="Ask" if asking else "PauseToLook", then="Try"),
        **({"Ask": ask(tasks, then="PauseToLook", otherwise="PauseToLook")} if asking else {}),
        "Try": tasks.call(
            "try",
            {"target": "target", "prepared": "target.prepared"},
            result="tried",
            then="Tried",
            otherwise=failed,
        ),
        "Tried": {
            "Type": "Choice",
            "Choices": [
                {
                    "Variable": "$.target.updated.is_new",
                    "BooleanEquals": True,
                    "Next": "RegionIsNew",
                }
            ],
            "Default": "RegionServes",
        },
        "RegionIsNew": {
            "Type": "Pass",
            "Result": True,
            "ResultPath": "$.target.is_new",
            "Next": "RegionServes",
        },
        "RegionServes": _with("tried"),
        "RegionFailed": {"Type": "Pass", "OutputPath": "$.target", "End": True},
    }


def _with(result: str) -> State:
    """End as the target, with the members of a result."""
    return {
        "Type": "Pass",
        "Parameters": {"target.$": f"States.JsonMerge($.target, $.{result}, false)"},
        "OutputPath": "$.target",
        "End": True,
    }


def _second_look(tasks: FunctionCalls) -> States:
    """Look whether a region still serves the version, and well, after the wave's bake time."""
    return {
        "LookAgain": tasks.call(
            "look_again", _DONE, result="look", then="LookedAgain", otherwise=None
        ),
        "LookedAgain": until_done("$.look.status", again="PauseToLookAgain", then="StillServes"),
        "PauseToLookAgain": tasks.pause("LookAgain"),
        "StillServes": _with("look.seen"),
    }


def _last_look(tasks: FunctionCalls) -> States:
    """Look at a region once more: an earlier wave may have gone wrong while others changed."""
    return {
        "LastLook": tasks.call(
            "look_again", _DONE, result="look", then="LookedLast", otherwise=None
        ),
        "LookedLast": until_done("$.look.status", again="PauseToLookLast", then="ServesToTheEnd"),
        "PauseToLookLast": tasks.pause("LastLook"),
        "ServesToTheEnd": {"Type": "Succeed"},
    }


def _way_back(tasks: FunctionCalls) -> States:
    """Take back what was changed, in every region, and tell how that ended."""
    return {
        "TakeBackTargets": all_targets("TakeBackEverywhere"),
        "TakeBackEverywhere": {
            **each_of("$.targets.all", "target", _taking_back(tasks), start="TakeBack"),
            "ResultPath": "$.results",
            "Next": "RecordFailure",
        },
        "RecordFailure": tasks.call(
            "record_failure",
            {"plan": "plan", "results": "results", "error": "error"},
            result="failure",
            then="Failed",
            otherwise=("FailedUnrecorded", "unrecorded"),
            retry=TRY_HARD,
        ),
        "Failed": {
            "Type": "Fail",
            "ErrorPath": "$.failure.status",
            "CausePath": "$.failure.reason",
        },
        "FailedUnrecorded": {
            "Type": "Fail",
            "Error": "needs_person",
            "CausePath": (
                "States.Format('{} This was not recorded, and nobody was told: {}',"
                " $.error.Cause, $.unrecorded.Cause)"
            ),
        },
    }


def _taking_back(tasks: FunctionCalls) -> States:
    return {
        "TakeBack": tasks.call(
            "take_back",
            {"target": "target"},
            result="target.taken_back",
            then="LookedBack",
            otherwise=("NotTakenBack", "error"),
            retry=TRY_HARD,
        ),
        "LookedBack": until_done(
            "$.target.taken_back.status", again="PauseToTakeBack", then="TakenBack"
        ),
        "PauseToTakeBack": tasks.pause("TakeBack"),
        "NotTakenBack": {
            "Type": "Pass",
            "Parameters": {"status": "needs_person", "reason.$": "$.error.Cause"},
            "ResultPath": "$.target.taken_back",
            "Next": "TakenBack",
        },
        "TakenBack": {"Type": "Pass", "OutputPath": "$.target", "End": True},
    }


def _removal(tasks: FunctionCalls) -> States:
    """Remove the endpoint of every region; one that cannot be removed does not stop the others."""
    return {
        "RemovalTargets": all_targets("RemoveEverywhere"),
        "RemoveEverywhere": {
            **each_of("$.targets.all", "target", _removing(tasks), start="Remove"),
            "ResultPath": "$.results",
            "Next": "JudgeRemoval",
        },
        "JudgeRemoval": collect_failures("$.results", then="RemovalJudged"),
        "RemovalJudged": if_any_failed("RemovalFailed", otherwise="RecordRemoval"),
        "RemovalFailed": first_failure("$.error", then="RecordFailure"),
        "RecordRemoval": _record(tasks, "RecordFailure", "results"),
    }


def _removing(tasks: FunctionCalls) -> States:
    return {
        "Remove": tasks.call(
            "remove",
            {"target": "target"},
            result="target.removed",
            then="LookedForRemoval",
            otherwise=("Removed", "target.error"),
            retry=TRY_HARD,
        ),
        "LookedForRemoval": until_done(
            "$.target.removed.status", again="PauseToRemove", then="Removed"
        ),
        "PauseToRemove": tasks.pause("Remove"),
        "Removed": {"Type": "Pass", "OutputPath": "$.target", "End": True},
    }
