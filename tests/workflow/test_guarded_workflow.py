"""Alarms, bake times and sample requests, as far as the workflow has to do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.faults.serving.interpreter import ExecutionOutcome, FunctionFailedError
from constructs_lib.infrastructure.serving.workflow import deployment_workflow
from tests.workflow.scripted import FUNCTION_ARN, Event, Script, execute

REQUEST = {"schema_version": 1, "action": "deploy", "version": 7, "requested_by": "arn:aws:iam::x"}
SERVING = {"status": "serving", "seen": {"alarms": ["a"], "proven": {"invocations": 3}}}
TRIPPED = "EU (eu-west-1): version 7 serves, and has not proven itself: the alarm a has tripped."


@pytest.fixture
def guarded(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with a canary that SageMaker watches."""
    shift = {"type": "CANARY", "percentage": 10, "wait_seconds": 300}
    return {**settings, "shift": shift}


def _script(*waves: tuple[str, ...], new: tuple[str, ...] = (), **answers: Any) -> Script:
    targets = [[{"region_code": code, "version": 7} for code in wave] for wave in waves]
    plan = {"status": "ready", "reason": "", "action": "deploy", "waves": targets}
    usual: dict[str, Callable[[Event], Any]] = {
        "resolve": lambda _event: plan,
        "prepare": lambda event: {"endpoint_config_name": f"c-{_region(event)}"},
        "update": lambda event: {"started_at": "now", "is_new": _region(event) in new},
        "look": lambda _event: {"status": "serving"},
        "look_again": lambda _event: SERVING,
        "ask": lambda _event: {"requests": 30, "failed": 0},
        "try": lambda _event: {"answers": [], "tried": 0},
        "record": lambda event: {"status": "deployed", "regions": event["results"]},
        "take_back": lambda _event: {"status": "restored", "reason": ""},
        "record_failure": lambda event: {
            "status": "taken_back",
            "reason": event["error"]["Cause"],
        },
    }
    return Script({**usual, **answers})


def _region(event: Event) -> str:
    return str(event["target"]["region_code"])


def _run(settings: dict[str, Any], script: Script) -> ExecutionOutcome:
    return execute(deployment_workflow(FUNCTION_ARN, settings), REQUEST, script)


def _tripped_in(region: str, look: int) -> Callable[[Event], Any]:
    """Let an alarm have tripped at the look of a number at a region, from 1."""
    looks = []

    def answer(event: Event) -> Any:
        if _region(event) == region:
            looks.append(event)
            if len(looks) == look:
                raise FunctionFailedError("DeploymentError", TRIPPED)
        return SERVING

    return answer


def test_what_sagemaker_has_watched_only_waits_for_late_metrics(guarded: dict[str, Any]) -> None:
    script = _script(("NA",), ("EU",))

    assert _run(guarded, script).status == "SUCCEEDED"
    assert script.waits == [30, 120, 30, 120]


def test_it_waits_for_them_no_longer_than_is_baked(guarded: dict[str, Any]) -> None:
    script = _script(("NA",))

    _run({**guarded, "bake_seconds": 60}, script)

    assert script.waits == [30, 60]


def test_a_wave_with_a_first_fleet_bakes_in_the_workflow(guarded: dict[str, Any]) -> None:
    script = _script(("NA",), ("EU", "FE"), new=("FE",))

    ended = _run(guarded, script)

    assert script.waits == [30, 120, 30, 30, 300]
    told = {each["region_code"]: each.get("is_new") for each in ended.output["regions"]}
    assert told == {"NA": None, "EU": None, "FE": True}


def test_so_does_each_wave_where_sagemaker_watches_nothing(settings: dict[str, Any]) -> None:
    script = _script(("NA",), ("EU",))

    _run(settings, script)

    assert script.waits == [30, 300, 30, 300]


@pytest.mark.parametrize(
    ("region", "begun"), [("NA", ["NA"]), ("EU", ["NA", "EU"]), ("FE", ["NA", "EU", "FE"])]
)
def test_an_alarm_after_success_takes_every_region_back(
    guarded: dict[str, Any], region: str, begun: list[str]
) -> None:
    script = _script(("NA",), ("EU",), ("FE",), look_again=_tripped_in(region, 1))

    ended = _run(guarded, script)

    assert (ended.status, ended.error) == ("FAILED", "taken_back")
    assert TRIPPED in (ended.cause or "")
    assert script.calls("update") == [f"update {each}" for each in begun]
    assert sorted(script.calls("take_back")) == ["take_back EU", "take_back FE", "take_back NA"]
    assert script.calls("record") == []


def test_every_region_is_looked_at_once_more_before_anything_is_recorded(
    guarded: dict[str, Any],
) -> None:
    script = _script(("NA",), ("EU",), ("FE",), look_again=_tripped_in("NA", 2))

    ended = _run(guarded, script)

    assert TRIPPED in (ended.cause or "")
    assert script.calls("update") == ["update NA", "update EU", "update FE"]
    assert len(script.calls("take_back")) == 3
    assert script.calls("record") == []


def test_a_second_look_goes_on_until_the_endpoint_is_at_rest(guarded: dict[str, Any]) -> None:
    left = [{"status": "in_progress"}, SERVING, {"status": "in_progress"}]
    script = _script(("NA",), look_again=lambda _event: left.pop(0) if left else SERVING)

    ended = _run(guarded, script)

    assert script.calls("look_again") == ["look_again NA"] * 4
    assert ended.output["regions"][0]["proven"] == {"invocations": 3}


def test_sample_requests_are_sent_between_the_looks(guarded: dict[str, Any]) -> None:
    left = [{"status": "in_progress"}] * 2
    script = _script(("NA",), look=lambda _event: left.pop(0) if left else {"status": "serving"})

    _run({**guarded, "bake_traffic_per_minute": 60}, script)

    assert script.calls("look", "ask") == ["look NA", "ask NA"] * 2 + ["look NA"]
    (asked, _) = (event for event in script.events if event["action"] == "ask")
    assert asked["turn_seconds"] == 30
    assert asked["prepared"] == {"endpoint_config_name": "c-NA"}


def test_and_in_turns_while_a_wave_bakes_in_the_workflow(guarded: dict[str, Any]) -> None:
    script = _script(("NA", "EU"), new=("NA", "EU"))

    ended = _run({**guarded, "bake_traffic_per_minute": 60}, script)

    assert ended.status == "SUCCEEDED"
    assert sorted(script.calls("ask")) == ["ask EU"] * 10 + ["ask NA"] * 10
    assert script.waits == [30] * 22
    assert script.calls("look_again")[:2] != script.calls("ask")[:2]
    assert script.calls().index("look_again EU") > max(
        index for index, call in enumerate(script.calls()) if call.startswith("ask")
    )


@pytest.mark.parametrize("new", [(), ("NA",)])
def test_a_request_that_cannot_be_sent_fails_nothing(
    guarded: dict[str, Any], new: tuple[str, ...]
) -> None:
    def killed(_event: Event) -> Any:
        raise FunctionFailedError("Runtime.ExitError", "signal: killed")

    left = [{"status": "in_progress"}]
    script = _script(
        ("NA",),
        new=new,
        ask=killed,
        look=lambda _event: left.pop(0) if left else {"status": "serving"},
    )

    assert _run({**guarded, "bake_traffic_per_minute": 60}, script).status == "SUCCEEDED"


def test_a_history_holds_every_look_and_every_turn_of_asking(settings: dict[str, Any]) -> None:
    """25,000 events: of the longest deployment in 20 regions, and of taking it back."""
    longest = {
        **settings,
        "bake_traffic_per_minute": 60,
        "bake_seconds": 3_600,
        "maximum_execution_timeout_seconds": 28_800,
        "waves": [[{"region_code": f"R{number}"}] for number in range(20)],
    }
    states = deployment_workflow(FUNCTION_ARN, longest)["States"]
    wave = states["Waves"]["ItemProcessor"]["States"]
    regions = wave["Regions"]["ItemProcessor"]["States"]
    pause = regions["PauseToLook"]["Seconds"]
    turns = wave["Bake"]["ItemProcessor"]["States"]["Turns"]["Parameters"]["all.$"]

    looks, bakes = (28_800 + 1_800) / pause, 3_600 / pause
    # Wait, look, choose and ask; wait, ask, and begin and end of the turn.
    assert 20 * (looks * (2 + 5 + 2 + 5) + bakes * (2 + 5 + 2)) < 9_000
    assert 20 * looks * 9 < 9_000, "of taking back"
    assert turns == f"States.ArrayRange(1, {-(-3_600 // pause)}, 1)"
    assert regions["Ask"]["Parameters"]["turn_seconds"] == pause
