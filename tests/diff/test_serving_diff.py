"""What changes for endpoints, in words and in dollars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.diff import App, AppDiff, as_json, as_markdown, as_text, compare_apps
from tests.endpoints.histories import SETTINGS

SERVE = Path(__file__).parents[2] / "docs" / "serve.md"
TOKEN = {"Fn::GetAtt": ["Role", "Arn"]}


def app(settings: dict[str, Any] | None, *, joined: bool = True) -> App:
    """An app whose only stack has a workflow with these settings."""
    resources: dict[str, Any] = {"Queue": {"Type": "AWS::SQS::Queue"}}
    if settings is not None:
        states = {"Begin": {"Parameters": {"settings": settings, "role": "ROLE"}}}
        text = json.dumps({"StartAt": "Begin", "States": states})
        before, _, after = text.partition("ROLE")
        definition = {"Fn::Join": ["", [before, TOKEN, after]]} if joined else text
        resources["Machine"] = {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": definition},
        }
    return App(pipelines={}, templates={"one": {"Resources": resources}})


def compared(old: dict[str, Any] | None, new: dict[str, Any] | None) -> AppDiff:
    return compare_apps(app(old), app(new), lambda *_: [])


def lines(diff: AppDiff) -> list[str]:
    return [line for line in as_text(diff).plain.splitlines() if not line.startswith("stack ")]


def test_a_new_section_tells_instances_regions_and_dollars() -> None:
    assert lines(compared(None, SETTINGS))[:4] == [
        "returns-risk, served: new; nothing runs before the first release deploy",
        "  + endpoints: 1 ml.m5.large in each of 3 regions",
        "  + waves: EU, then NA with FE",
        "  + endpoints, a month: 251.85 USD (at us-east-1's list price)",
    ]


def test_a_change_tells_both_sides() -> None:
    scaling = {"min_capacity": 2, "max_capacity": 4, "invocations_per_instance": 100}
    new = {**SETTINGS, "autoscaling": scaling, "bake_seconds": 600, "waves": SETTINGS["waves"][:1]}

    told = lines(compared(SETTINGS, new))

    assert told[0] == "returns-risk, served: 5 changes"
    assert "    waves: EU, then NA with FE → EU" in told
    assert "    bake seconds: 300 → 600" in told
    assert any("251.85 USD" in line and "→ 167.90 to 335.80 USD" in line for line in told)


@pytest.mark.parametrize(
    ("shift", "percentage", "told"),
    [
        ("CANARY", 10, "0.46 USD (4 more for about 20 minutes in each region)"),
        ("LINEAR", 25, "0.69 USD (4 more for about 30 minutes in each region)"),
        ("ALL_AT_ONCE", None, "0.34 USD (4 more for about 15 minutes in each region)"),
        ("ROLLING", 25, "0.30 USD (1 more for about 52 minutes in each region)"),
    ],
)
def test_a_deployment_costs_the_instances_that_it_starts_beside_the_others(
    shift: str, percentage: int | None, told: str
) -> None:
    how = {"type": shift, "percentage": percentage, "wait_seconds": 300}
    settings = {**SETTINGS, "instance_count": 4, "shift": how, "termination_wait_seconds": 120}

    assert f"  + a deployment: {told}" in lines(compared(None, settings))
    minutes = told.partition("about ")[2].partition(" ")[0]
    assert f"| {minutes} min | {told[:4]} USD |" in SERVE.read_text()


def test_a_section_that_goes_tells_that_endpoints_stay() -> None:
    diff = compared(SETTINGS, None)

    assert "endpoints that are there go on, and cost: release undeploy" in lines(diff)[0]
    assert diff.changed


def test_an_instance_type_without_a_price_says_so() -> None:
    told = lines(compared(None, {**SETTINGS, "instance_type": "ml.p5.48xlarge"}))

    assert "  + endpoints, a month: unknown: look up the hourly price of ml.p5.48xlarge" in told


@pytest.mark.parametrize("joined", [True, False])
def test_the_same_settings_are_no_change(joined: bool) -> None:
    found = compare_apps(app(SETTINGS), app(SETTINGS, joined=joined), lambda *_: [])

    assert found.serving == ()


def test_markdown_and_json_tell_it_too() -> None:
    diff = compared(None, SETTINGS)

    assert "### `returns-risk`, served: new;" in as_markdown(diff)
    assert "| endpoints, a month |  | `251.85 USD" in as_markdown(diff)
    (served,) = json.loads(as_json(diff))["serving"]
    assert (served["name"], served["status"], len(served["changes"])) == (
        "returns-risk",
        "added",
        4,
    )


def test_one_pipeline_is_told_alone() -> None:
    diff = compared(None, SETTINGS)

    assert diff.of_pipeline("returns-risk", ("-x",)).serving == diff.serving
    assert diff.of_pipeline("other", ("-x",)).serving == ()
