from __future__ import annotations

import json
from threading import Barrier, Event, Lock
from typing import Any

import pytest

from local.runner.language.definition import parse_definition
from local.runner.language.errors import DefinitionError, ReferenceResolutionError
from local.runner.language.graph import Dependencies, dependencies_of, run_in_order


def step(name: str, arguments: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Model", "Arguments": arguments or {}, **members}


def dependencies(*steps: dict[str, Any]) -> dict[str, set[str]]:
    document = {"Parameters": [{"Name": "P"}], "Steps": steps}
    graph = dependencies_of(parse_definition(json.dumps(document)))
    return {name: set(needed) for name, needed in graph.items()}


def run_all(graph: Dependencies, max_parallel: int = 8) -> list[str]:
    order: list[str] = []
    lock = Lock()

    def visit(name: str) -> None:
        with lock:
            order.append(name)

    run_in_order(graph, visit, max_parallel=max_parallel, stopping=Event())
    return order


def test_steps_wait_for_depends_on_and_for_what_they_refer_to() -> None:
    reference = {"Values": ["x", {"Get": "Steps.A.ModelName"}, {"Get": "Parameters.P"}]}

    assert dependencies(
        step("A"), step("B", DependsOn=["A"]), step("C", {"x": {"Std:Join": reference}})
    ) == {"A": set(), "B": {"A"}, "C": {"A"}}


def test_steps_wait_for_the_step_whose_property_file_they_read() -> None:
    files = [{"PropertyFileName": "F", "OutputName": "o", "FilePath": "f.json"}]
    get = {"PropertyFile": {"Get": "Steps.A.PropertyFiles.F"}, "Path": "x"}

    graph = dependencies(step("A", PropertyFiles=files), step("B", {"x": {"Std:JsonGet": get}}))

    assert graph["B"] == {"A"}


def test_branch_steps_wait_for_their_condition_and_for_what_they_refer_to() -> None:
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {"Type": "Equals", "LeftValue": {"Get": "Steps.A.X"}, "RightValue": "x"}
            ],
            "IfSteps": [step("If", {"x": {"Get": "Steps.B.X"}})],
            "ElseSteps": [step("Else")],
        },
    }

    assert dependencies(step("A"), step("B"), gate) == {
        "A": set(),
        "B": set(),
        "Gate": {"A"},
        "If": {"Gate", "B"},
        "Else": {"Gate"},
    }


@pytest.mark.parametrize(
    ("steps", "cycle"),
    [
        ([step("A", DependsOn=["A"])], "A -> A"),
        (
            [step("A", DependsOn=["C"]), step("B", DependsOn=["A"]), step("C", DependsOn=["B"])],
            "A -> C -> B -> A",
        ),
        (
            [step("X"), step("A", DependsOn=["B"]), step("B", {"x": {"Get": "Steps.A.Y"}})],
            "A -> B -> A",
        ),
        (
            [step("A", DependsOn=["B"]), step("B", DependsOn=["C"]), step("C", DependsOn=["B"])],
            "B -> C -> B",
        ),
    ],
)
def test_cycles_are_refused_and_shown(steps: list[dict[str, Any]], cycle: str) -> None:
    with pytest.raises(DefinitionError, match=f"Steps wait for each other: {cycle}"):
        dependencies(*steps)


def test_an_unknown_dependency_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Step 'A' depends on 'Z', which is not a step"):
        dependencies(step("A", DependsOn=["Z"]), step("B"))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("Steps.Z.Arn", "Steps has: A, B"),
        ("Parameters.Q", "Parameters has: P"),
        ("Execution.Owner", "Execution has: CurrentDateTime"),
        ("Steps.B.PropertyFiles.F", "does not exist"),
        ("Stairs.B.Arn", "Stairs has: nothing"),
    ],
)
def test_references_to_nothing_are_refused(expression: str, message: str) -> None:
    with pytest.raises(ReferenceResolutionError, match=message) as error:
        dependencies(step("A", {"x": {"Get": expression}}), step("B"))

    assert f"Step 'A' refers to '{expression}'" in str(error.value)


@pytest.mark.parametrize(
    "function",
    [{"Std:Split": {"On": "/"}}, {"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "x"}}],
)
def test_functions_that_are_not_resolved_are_refused(function: dict[str, Any]) -> None:
    with pytest.raises(ReferenceResolutionError, match=f"Step 'A' calls '{next(iter(function))}'"):
        dependencies(step("A", {"x": function}))


def test_a_thousand_steps_run_in_order() -> None:
    chain = [step(f"S{i}", DependsOn=[f"S{i - 1}"] if i else []) for i in range(1000)]
    document = json.dumps({"Steps": chain})

    assert run_all(dependencies_of(parse_definition(document))) == [f"S{i}" for i in range(1000)]


def test_a_thousand_independent_steps_run() -> None:
    names = [f"S{i}" for i in range(1000)]

    assert sorted(run_all(dict.fromkeys(names, frozenset()))) == sorted(names)


def test_independent_steps_run_at_the_same_time() -> None:
    both_running = Barrier(2, timeout=60)

    def visit(_name: str) -> None:
        both_running.wait()

    run_in_order({"A": frozenset(), "B": frozenset()}, visit, max_parallel=2, stopping=Event())


def test_no_more_steps_than_allowed_run_at_the_same_time() -> None:
    running = 0
    most = 0
    lock = Lock()

    def visit(_name: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    run_in_order({f"S{i}": frozenset() for i in range(50)}, visit, max_parallel=1, stopping=Event())

    assert most == 1


def test_a_defect_stops_the_others_and_shows() -> None:
    stopping = Event()

    def visit(name: str) -> None:
        if name == "A":
            raise ZeroDivisionError
        stopping.wait(60)

    with pytest.raises(ZeroDivisionError):
        run_in_order({"A": frozenset(), "B": frozenset()}, visit, max_parallel=2, stopping=stopping)

    assert stopping.is_set()
