from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from constructs_lib.language.steps import Branch
from local.runner.language.definition import PipelineDefinition, parse_definition
from local.runner.language.durations import parse_duration
from local.runner.language.errors import DefinitionError, UnsupportedStepError


def parse(*steps: dict[str, Any], **members: Any) -> PipelineDefinition:
    return parse_definition(json.dumps({"Version": "2020-12-01", "Steps": steps, **members}))


def fail_step(name: str, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "no"}, **members}


def condition_step(name: str, **branches: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Name": name, "Type": "Condition", "Arguments": {"Conditions": [], **branches}}


def test_branch_steps_stand_beside_the_others_with_their_branch() -> None:
    definition = parse(condition_step("Gate", IfSteps=[fail_step("A")], ElseSteps=[fail_step("B")]))

    assert [(step.name, step.branch) for step in definition.steps] == [
        ("Gate", None),
        ("A", Branch("Gate", outcome=True)),
        ("B", Branch("Gate", outcome=False)),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P30D", timedelta(days=30)),
        ("p30d", timedelta(days=30)),
        ("30d", timedelta(days=30)),
        ("PT12H", timedelta(hours=12)),
        ("T16m", timedelta(minutes=16)),
        ("P4DT12H", timedelta(days=4, hours=12)),
        ("P1Y2M3W", timedelta(days=365 + 60, weeks=3)),
        ("PT5S", timedelta(seconds=5)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert parse_duration(text, owner="x") == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "30", "P30", "30 days", "P1DT", "-P1D"])
def test_other_texts_are_not_durations(text: str) -> None:
    with pytest.raises(DefinitionError, match=f"ExpireAfter is '{text}', but must be an ISO 8601"):
        parse_duration(text, owner="ExpireAfter")


def test_enabled_caching_without_expiry_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"CacheConfig\.ExpireAfter of step 'A' is ''"):
        parse(fail_step("A", CacheConfig={"Enabled": True}))


def test_disabled_caching_ignores_its_expiry() -> None:
    definition = parse(fail_step("A", CacheConfig={"Enabled": False, "ExpireAfter": "soon"}))

    assert definition.steps[0].cache_expires_after is None


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"Name": "Tune", "Type": "Tuning", "Arguments": {}}, "Step 'Tune' is of type 'Tuning'"),
        (
            fail_step("A", DependsOn=[{"Step": "B", "Trigger": "Failed"}]),
            "Step 'A' has a run condition in DependsOn",
        ),
    ],
)
def test_steps_that_only_the_service_runs_are_refused(step: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedStepError, match=message):
        parse(step)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([fail_step("A"), fail_step("A")], "Several steps are called 'A'"),
        (
            [condition_step("G", IfSteps=[fail_step("A")], ElseSteps=[fail_step("A")])],
            "Several steps are called 'A'",
        ),
        ([condition_step("G", IfSteps=[condition_step("H")])], "does not nest Condition steps"),
        ([fail_step("a b")], "Step name 'a b' is not allowed"),
        ([{"Name": "A"}], "Step 'A' has no 'Type'"),
        (["A"], "'Steps' is not a list of steps"),
        (
            [condition_step("G") | {"Arguments": {"Conditions": [], "ElseSteps": "A"}}],
            "ElseSteps of step 'G' is not a list",
        ),
        ([{"Name": "A", "Type": "Model"}], "Step 'A' has no 'Arguments'"),
        (
            [fail_step("A", RetryPolicies=[{"ExceptionType": ["Step.SLOW"]}])],
            "exception type 'Step.SLOW'",
        ),
        (
            [
                fail_step(
                    "A",
                    RetryPolicies=[
                        {"ExceptionType": "Step.THROTTLING", "MaxAttempts": 1, "ExpireAfterMin": 1}
                    ],
                )
            ],
            "both MaxAttempts and ExpireAfterMin",
        ),
    ],
)
def test_definitions_that_the_service_refuses(steps: list[Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        parse(*steps)


def test_a_parameter_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Parameter 'P' is of type 'List'"):
        parse(fail_step("A"), Parameters=[{"Name": "P", "Type": "List"}])


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_definition_must_be_an_object_with_steps(text: str) -> None:
    with pytest.raises(DefinitionError):
        parse_definition(text)
