"""Every way through the workflow, by an interpreter of the language that it is written in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.faults.serving.interpreter import ExecutionOutcome, FunctionFailedError
from constructs_lib.infrastructure.serving.workflow import deployment_workflow
from tests.workflow.scripted import FUNCTION_ARN, Event, Script, execute

TWO_WAVES = (("NA",), ("EU", "FE"))
THREE_WAVES = (("NA",), ("EU",), ("FE",))
REQUEST = {"schema_version": 1, "action": "deploy", "version": 7, "requested_by": "arn:aws:iam::x"}
Answer = Callable[[Event], Any]


def _plan(waves: tuple[tuple[str, ...], ...] = TWO_WAVES, **changes: Any) -> dict[str, Any]:
    targets = [[{"region_code": code, "version": 7} for code in wave] for wave in waves]
    return {"status": "ready", "reason": "", "action": "deploy", "waves": targets, **changes}


def _script(plan: dict[str, Any] | None = None, **answers: Answer) -> Script:
    usual: dict[str, Answer] = {
        "resolve": lambda _event: plan or _plan(),
        "prepare": lambda event: {"endpoint_config_name": f"c-{_region(event)}"},
        "update": lambda _event: {"started_at": "now", "is_new": False},
        "look": lambda _event: {"status": "serving"},
        "look_again": lambda _event: {
            "status": "serving",
            "seen": {"alarms": ["a"], "proven": {"invocations": 3}},
        },
        "ask": lambda _event: {"requests": 30, "failed": 0},
        "try": lambda _event: {"answers": [{"status": 200}], "tried": 1},
        "record": lambda event: {"status": "deployed", "regions": event["results"]},
        "take_back": lambda _event: {"status": "restored", "reason": ""},
        "record_failure": lambda _event: {"status": "taken_back", "reason": "All went back."},
        "remove": lambda _event: {"status": "removed"},
    }
    return Script({**usual, **{name.rstrip("_"): answer for name, answer in answers.items()}})


def _region(event: Event) -> str:
    return str(event["target"]["region_code"])


def _in_turn(*answers: Any) -> Answer:
    """Answer one after the other, and the last one from then on."""
    left = list(answers)

    def answer(_event: Event) -> Any:
        next_one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(next_one, Exception):
            raise next_one
        return next_one

    return answer


def _failing_in(region: str, answer: Any, message: str = "No capacity in EU.") -> Answer:
    def fail(event: Event) -> Any:
        if _region(event) == region:
            raise FunctionFailedError("DeploymentError", message)
        return answer

    return fail


def _run(settings: dict[str, Any], script: Script, **request: Any) -> ExecutionOutcome:
    definition = deployment_workflow(FUNCTION_ARN, settings)
    return execute(definition, {**REQUEST, **request}, script)


def test_a_version_is_served_in_three_regions_wave_after_wave(settings: dict[str, Any]) -> None:
    script = _script()

    ended = _run(settings, script)

    assert ended.status == "SUCCEEDED"
    assert [each["region_code"] for each in ended.output["regions"]] == ["NA", "EU", "FE"]
    assert ended.output["regions"][1] == {
        "region_code": "EU",
        "version": 7,
        "prepared": {"endpoint_config_name": "c-EU"},
        "updated": {"started_at": "now", "is_new": False},
        "answers": [{"status": 200}],
        "tried": 1,
        "alarms": ["a"],
        "proven": {"invocations": 3},
    }
    first, second = script.calls()[:6], script.calls()[6:-4]
    assert first == ["resolve", "prepare NA", "update NA", "look NA", "try NA", "look_again NA"]
    assert sorted(second) == sorted(
        f"{action} {region}"
        for region in ("EU", "FE")
        for action in ("prepare", "update", "look", "try", "look_again")
    )
    last = script.calls()[-4:-1]
    assert sorted(last) == ["look_again EU", "look_again FE", "look_again NA"]
    assert script.calls()[-1] == "record"
    assert script.waits.count(300) == 2, "each wave bakes"


def test_every_task_gets_what_it_needs_to_know(settings: dict[str, Any]) -> None:
    script = _script()

    _run(settings, script)

    for event in script.events:
        assert event["settings"] == settings
        assert event["request"] == REQUEST
        assert event["execution"]["arn"].startswith("arn:aws:states:us-east-1:123456789012:")
        assert "T" in event["execution"]["started_at"]
    (update, *_) = [event for event in script.events if event["action"] == "update"]
    assert update["prepared"] == {"endpoint_config_name": "c-NA"}
    assert update["target"]["region_code"] == "NA"
    (look, *_) = [event for event in script.events if event["action"] == "look"]
    assert look["updated"] == {"started_at": "now", "is_new": False}


def test_an_endpoint_is_looked_at_until_it_serves(settings: dict[str, Any]) -> None:
    looks = [{"status": "in_progress"}] * 3 + [{"status": "serving"}]
    script = _script(_plan((("NA",),)), look=_in_turn(*looks))

    assert _run(settings, script).status == "SUCCEEDED"
    assert script.waits == [30] * 4 + [300]


@pytest.mark.parametrize("status", ["unchanged", "superseded"])
def test_where_there_is_nothing_to_do_nothing_is_changed(
    settings: dict[str, Any], status: str
) -> None:
    script = _script(
        {"status": status, "reason": "x", "action": "deploy", "version": {"number": 7}},
        record=lambda event: {"status": event["plan"]["status"]},
    )

    ended = _run(settings, script)

    assert (ended.status, ended.output) == ("SUCCEEDED", {"status": status})
    assert script.calls() == ["resolve", "record"]
    assert script.events[-1]["results"] == []


def test_a_deployment_waits_for_its_turn_and_for_approvals(settings: dict[str, Any]) -> None:
    wait = {"status": "wait", "reason": "EU is not approved yet", "action": "deploy"}
    script = _script(resolve=_in_turn(wait, wait, _plan()))

    assert _run(settings, script).status == "SUCCEEDED"
    assert script.calls("resolve", "prepare")[:4] == ["resolve"] * 3 + ["prepare NA"]


def test_what_is_refused_is_told_and_changes_nothing(settings: dict[str, Any]) -> None:
    script = _script(
        resolve=_in_turn(FunctionFailedError("DeploymentError", "Version 7 is rejected.")),
        record_failure=lambda event: {
            "status": "taken_back",
            "reason": json.loads(event["error"]["Cause"])["errorMessage"],
        },
    )

    ended = _run(settings, script)

    assert (ended.status, ended.cause) == ("FAILED", "Version 7 is rejected.")
    assert script.calls() == ["resolve", "record_failure"]
    assert (script.events[-1]["plan"], script.events[-1]["results"]) == (None, [])


@pytest.mark.parametrize(
    ("action", "region", "begun"),
    [
        ("prepare", "NA", ["NA"]),
        ("update", "EU", ["NA", "EU"]),
        ("look", "FE", ["NA", "EU", "FE"]),
        ("try", "EU", ["NA", "EU"]),
    ],
)
def test_a_failure_in_a_wave_takes_every_region_back(
    settings: dict[str, Any], action: str, region: str, begun: list[str]
) -> None:
    answers = {
        "prepare": {"endpoint_config_name": "c"},
        "update": {"is_new": False},
        "look": {"status": "serving"},
        "try": {"answers": []},
    }
    failing = _failing_in(region, answers[action])
    script = _script(_plan(THREE_WAVES), **{f"{action}_": failing})

    ended = _run(settings, script)

    assert (ended.status, ended.error) == ("FAILED", "taken_back")
    assert ended.cause == "All went back."
    assert script.calls("prepare") == [f"prepare {each}" for each in begun]
    assert sorted(script.calls("take_back")) == ["take_back EU", "take_back FE", "take_back NA"]
    told = script.events[-1]
    assert told["action"] == "record_failure"
    assert "No capacity in EU." in told["error"]["Cause"]
    assert [each["taken_back"]["status"] for each in told["results"]] == ["restored"] * 3


def test_the_other_regions_of_a_wave_come_to_their_end_before_anything_is_taken_back(
    settings: dict[str, Any],
) -> None:
    script = _script(prepare=_failing_in("EU", {"endpoint_config_name": "c"}))

    assert _run(settings, script).status == "FAILED"
    calls = script.calls()
    assert max(calls.index("try FE"), calls.index("prepare EU")) < calls.index("take_back NA")


def test_a_region_that_no_longer_serves_after_its_bake_time_takes_all_back(
    settings: dict[str, Any],
) -> None:
    gone = FunctionFailedError("DeploymentError", "The endpoint went back by itself.")
    script = _script(_plan((("NA",),)), look_again=_in_turn(gone))

    assert _run(settings, script).status == "FAILED"
    assert script.calls("take_back") == ["take_back NA"]


def test_a_version_that_cannot_be_recorded_is_taken_back(settings: dict[str, Any]) -> None:
    script = _script(record=_in_turn(FunctionFailedError("DeploymentError", "No.")))

    assert _run(settings, script).status == "FAILED"
    assert len(script.calls("take_back")) == 3


def test_taking_back_is_looked_at_until_it_is_done(settings: dict[str, Any]) -> None:
    script = _script(
        _plan((("NA",),)),
        try_=_in_turn(FunctionFailedError("DeploymentError", "Wrong answers.")),
        take_back=_in_turn(
            {"status": "in_progress", "reason": ""},
            {"status": "in_progress", "reason": ""},
            {"status": "removed", "reason": "It was the first."},
        ),
    )

    assert _run(settings, script).error == "taken_back"
    assert script.calls("take_back") == ["take_back NA"] * 3
    assert script.events[-1]["results"][0]["taken_back"]["status"] == "removed"


def test_a_region_that_cannot_be_taken_back_does_not_keep_the_others_from_it(
    settings: dict[str, Any],
) -> None:
    script = _script(
        try_=_failing_in("FE", {"answers": []}),
        take_back=_failing_in("EU", {"status": "restored", "reason": ""}, "EU is down."),
        record_failure=lambda _event: {"status": "needs_person", "reason": "EU differs."},
    )

    ended = _run(settings, script)

    assert (ended.error, ended.cause) == ("needs_person", "EU differs.")
    results = {each["region_code"]: each["taken_back"] for each in script.events[-1]["results"]}
    assert {code: each["status"] for code, each in results.items()} == {
        "NA": "restored",
        "EU": "needs_person",
        "FE": "restored",
    }
    assert "EU is down." in results["EU"]["reason"]


@pytest.mark.parametrize("action", ["record", "take_back", "record_failure"])
def test_what_has_to_be_done_is_tried_again_after_a_kill(
    settings: dict[str, Any], action: str
) -> None:
    killed = FunctionFailedError("Runtime.ExitError", "signal: killed")
    answers = {
        "record": {"status": "deployed"},
        "take_back": {"status": "restored", "reason": ""},
        "record_failure": {"status": "taken_back", "reason": "Back."},
    }
    wrong = {} if action == "record" else {"try_": _failing_in("NA", {})}
    again = {action: _in_turn(killed, killed, answers[action])}
    script = _script(_plan((("NA",),)), **wrong, **again)

    ended = _run(settings, script)

    assert len(script.calls(action)) == 3
    assert ended.status == ("SUCCEEDED" if action == "record" else "FAILED")


def test_a_known_fault_is_not_tried_again(settings: dict[str, Any]) -> None:
    script = _script(
        _plan((("NA",),)),
        try_=_failing_in("NA", {}),
        take_back=_failing_in("NA", {}, "Somebody changed it."),
    )

    _run(settings, script)

    assert script.calls("try", "take_back") == ["try NA", "take_back NA"]


def test_a_transient_error_of_lambda_is_tried_again(settings: dict[str, Any]) -> None:
    throttled = FunctionFailedError("Lambda.TooManyRequestsException", "Rate exceeded")
    script = _script(
        _plan((("NA",),)), update=_in_turn(throttled, throttled, {"is_new": True, "started_at": ""})
    )

    assert _run(settings, script).status == "SUCCEEDED"
    assert script.calls("update") == ["update NA"] * 3


def test_a_failure_that_cannot_be_recorded_says_both(settings: dict[str, Any]) -> None:
    script = _script(
        try_=_failing_in("NA", {}, "Wrong answers."),
        record_failure=_in_turn(FunctionFailedError("DeploymentError", "The topic is gone.")),
    )

    ended = _run(settings, script)

    assert ended.error == "needs_person"
    assert "Wrong answers." in (ended.cause or "")
    assert "The topic is gone." in (ended.cause or "")


def test_undeploy_removes_every_region(settings: dict[str, Any]) -> None:
    script = _script(
        _plan(action="undeploy"),
        remove=_in_turn(*[{"status": "in_progress"}] * 4, {"status": "removed"}),
        record=lambda event: {"status": "undeployed", "regions": event["results"]},
    )

    ended = _run(settings, script, action="undeploy")

    assert (ended.status, ended.output["status"]) == ("SUCCEEDED", "undeployed")
    assert set(script.calls("remove")) == {"remove NA", "remove EU", "remove FE"}
    assert [each["removed"] for each in ended.output["regions"]] == [{"status": "removed"}] * 3
    assert script.calls("prepare", "take_back") == []


def test_a_region_that_cannot_be_removed_does_not_keep_the_others_from_it(
    settings: dict[str, Any],
) -> None:
    script = _script(
        _plan(action="undeploy"),
        remove=_failing_in("NA", {"status": "removed"}, "NA is down."),
        record_failure=lambda _event: {"status": "needs_person", "reason": "NA is left."},
    )

    ended = _run(settings, script, action="undeploy")

    assert (ended.error, ended.cause) == ("needs_person", "NA is left.")
    assert len(script.calls("remove")) == 3
    assert script.calls("take_back") == []
    assert "NA is down." in script.events[-1]["error"]["Cause"]


def test_a_history_holds_every_look(settings: dict[str, Any]) -> None:
    """25,000 events: of the longest deployment in 20 regions, and of taking it back."""
    longest = {
        **settings,
        "maximum_execution_timeout_seconds": 28_800,
        "waves": [[{"region_code": f"R{number}"}] for number in range(20)],
    }
    states = deployment_workflow(FUNCTION_ARN, longest)["States"]
    regions = states["Waves"]["ItemProcessor"]["States"]["Regions"]["ItemProcessor"]["States"]

    looks = (28_800 + 1_800) / regions["PauseToLook"]["Seconds"]
    assert 2 * 20 * looks * 9 < 20_000
    usual = deployment_workflow(FUNCTION_ARN, settings)["States"]
    assert usual["TakeBackEverywhere"]["ItemProcessor"]["States"]["PauseToTakeBack"] == {
        "Type": "Wait",
        "Seconds": 30,
        "Next": "TakeBack",
    }


def test_the_time_limit_is_longer_than_all_waves_and_the_way_back(settings: dict[str, Any]) -> None:
    limit = deployment_workflow(FUNCTION_ARN, settings)["TimeoutSeconds"]

    assert limit > 2 * (3 * (3_600 + 1_800 + 300) + 3_600 + 1_800)
