"""The pipeline definition language: walks and facts that everything else builds on."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib.language.dependencies import dependencies_of_step, find_cycle
from constructs_lib.language.expressions import find_references
from constructs_lib.language.references import property_keys, referenced_step
from constructs_lib.language.steps import Branch, walk_steps
from constructs_lib.language.variables import fill, variables_in


def step(name: str, arguments: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Processing", "Arguments": arguments or {}, **members}


def test_every_step_is_found_with_its_branch_and_path() -> None:
    gate = step("Gate", {"IfSteps": [step("Yes")], "ElseSteps": [step("No")]}, Type="Condition")
    loop = step("Loop", {"ForEachBody": [step("Each")]}, Type="ForEach")

    found = list(walk_steps({"Steps": [gate, step("After"), loop]}))

    assert [(each.name, each.branch) for each in found] == [
        ("Gate", None),
        ("Yes", Branch("Gate", outcome=True)),
        ("No", Branch("Gate", outcome=False)),
        ("After", None),
        ("Loop", None),
        ("Each", Branch("Loop", outcome=None)),
    ]
    assert found[2].path == ("Steps", 0, "Arguments", "ElseSteps", 0)
    assert found[0].own_content == {"Name": "Gate", "Type": "Condition", "Arguments": {}}


@pytest.mark.parametrize("steps", [None, "Steps", 3, {"Name": "A"}, [None, "A", 3, []]])
def test_what_is_no_list_of_steps_holds_none(steps: object) -> None:
    assert list(walk_steps({"Steps": steps})) == []


def test_a_step_waits_for_what_is_around_it_declared_and_referred_to() -> None:
    uses = {"x": {"Get": "Steps.Used.Arn"}, "y": {"Get": "Parameters.P"}}
    inner = step("Inner", uses, DependsOn=["A", {"Step": "B", "Trigger": "Any"}, "A", 3])
    gate = step("Gate", {"IfSteps": [inner], "Conditions": [{"Get": "Steps.Asked.Outcome"}]})

    found = {each.name: dependencies_of_step(each) for each in walk_steps({"Steps": [gate]})}

    # What a step in a branch waits for is not what the condition waits for.
    assert found == {"Gate": ["Asked"], "Inner": ["Gate", "A", "B", "Used"]}


def test_a_cycle_is_told_in_one_way() -> None:
    waits = {"X": ["B"], "B": ["D", "C"], "C": ["B"], "D": []}

    assert find_cycle(waits) == find_cycle(dict(reversed(waits.items()))) == ["B", "C", "B"]
    assert find_cycle({"A": ["C"], "B": ["A"], "C": ["B"]}) == ["A", "C", "B", "A"]
    assert find_cycle({"A": [], "B": ["A"]}) == []


def test_only_an_object_of_one_member_is_a_reference() -> None:
    value = {"Environment": {"Get": "Parameters.P", "Other": "x"}, "a": [{"Get": "Execution.Q"}]}

    assert [each.text for each in find_references(value, ())] == ["Execution.Q"]


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("", []),
        ("Arn", ["Arn"]),
        (".Outputs['the.name'].S3Output[2]", ["Outputs", "the.name", "S3Output", 2]),
    ],
)
def test_a_path_is_split_into_keys(path: str, keys: list[str | int]) -> None:
    assert list(property_keys(path)) == keys


@pytest.mark.parametrize("path", ["a..b", "a[", "a['b", "a."])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"^[.\[]"):
        list(property_keys(path))


def test_the_step_of_a_reference() -> None:
    assert referenced_step("Steps.Train-1.ModelArtifacts.S3ModelArtifacts") == "Train-1"
    assert referenced_step("Steps.Train['x']") == "Train"
    assert referenced_step("Parameters.Steps.Train") is None


def test_variables_are_filled_where_their_value_is_known() -> None:
    text = "arn:${AWS::Partition}:${Name}:${!Literal}"

    assert variables_in(text) == ["AWS::Partition", "Name"]
    assert fill(text, {"Name": "x"}) == "arn:${AWS::Partition}:x:${!Literal}"
