from __future__ import annotations

from typing import Any

import pytest

from local.runner.language.conditions import all_hold, check_conditions
from local.runner.language.errors import DefinitionError, StepFailedError


def compare(name: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": name, "LeftValue": left, "RightValue": right}


TRUE = compare("Equals", 1, 1)
FALSE = compare("Equals", 1, 2)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (compare("Equals", "a", "a"), True),
        (compare("Equals", 1, 1.0), True),
        (compare("Equals", True, False), False),
        (compare("NotEquals", "a", "b"), True),
        (compare("GreaterThan", 2, 1.5), True),
        (compare("GreaterThan", 2, 2), False),
        (compare("GreaterThanOrEqualTo", 2, 2), True),
        (compare("LessThan", 0.1, 0.2), True),
        (compare("LessThanOrEqualTo", 0.3, 0.2), False),
        (compare("LessThanOrEqualTo", 0.2, 0.2), True),
        ({"Type": "In", "QueryValue": "EU", "Values": ["NA", "EU"]}, True),
        ({"Type": "In", "QueryValue": 3, "Values": [1, 2]}, False),
        ({"Type": "Not", "Condition": FALSE}, True),
        ({"Type": "Or", "Conditions": [FALSE, TRUE]}, True),
        ({"Type": "Or", "Conditions": [FALSE, FALSE]}, False),
        ({"Type": "And", "Conditions": [TRUE, TRUE]}, True),
        ({"Type": "And", "Conditions": [TRUE, {"Type": "Not", "Condition": TRUE}]}, False),
    ],
)
def test_conditions_of_every_type(condition: dict[str, Any], expected: bool) -> None:
    check_conditions([condition], step="Gate")

    assert all_hold([condition]) is expected


def test_all_conditions_of_a_step_must_hold() -> None:
    assert all_hold([TRUE, TRUE])
    assert not all_hold([TRUE, FALSE])


@pytest.mark.parametrize(("left", "right"), [("1", 1), (True, 1), (None, "x")])
def test_values_of_different_kinds_are_not_compared(left: Any, right: Any) -> None:
    with pytest.raises(StepFailedError, match="both must be texts, numbers or booleans"):
        all_hold([compare("Equals", left, right)])


@pytest.mark.parametrize(
    "condition",
    [
        {"Type": "Xor", "Conditions": []},
        {"Type": "Equals", "LeftValue": 1},
        {"Type": "Not", "Expression": TRUE},
        {"Type": "Or", "Conditions": [{"Type": "Like"}]},
    ],
)
def test_an_unknown_condition_is_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="Condition step 'Gate' has a condition of type"):
        check_conditions([condition], step="Gate")
