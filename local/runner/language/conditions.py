"""Evaluates the conditions of a Condition step.

All conditions of the step's list must hold. Source of types and members: the SDK's
``sagemaker.core.workflow.conditions``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from local.runner.language.errors import DefinitionError, StepFailedError

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_TYPES: Final = (*_COMPARISONS, "And", "In", "Not", "Or")


def check_conditions(conditions: Iterable[Mapping[str, Any]], *, step: str) -> None:
    """Refuse conditions that are of no known type.

    Raises:
        DefinitionError: names the step and the type.
    """
    for condition in conditions:
        match condition:
            case {"Type": "And" | "Or", "Conditions": nested}:
                check_conditions(nested, step=step)
            case {"Type": "Not", "Condition": nested}:
                check_conditions([nested], step=step)
            case {"Type": "In", "QueryValue": _, "Values": _}:
                pass
            case {"Type": str(name), "LeftValue": _, "RightValue": _} if name in _COMPARISONS:
                pass
            case _:
                raise DefinitionError(
                    f"Condition step '{step}' has a condition of type '{condition.get('Type')}' "
                    f"with members {', '.join(condition)}. Allowed types: {', '.join(_TYPES)}."
                )


def all_hold(conditions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all of the conditions, whose references are resolved, hold.

    Raises:
        StepFailedError: values of different kinds are compared.
    """
    return all(_holds(condition) for condition in conditions)


def _holds(condition: Mapping[str, Any]) -> bool:
    match condition:
        case {"Type": "And", "Conditions": nested}:
            return all_hold(nested)
        case {"Type": "Or", "Conditions": nested}:
            return any(_holds(item) for item in nested)
        case {"Type": "Not", "Condition": nested}:
            return not _holds(nested)
        case {"Type": "In", "QueryValue": value, "Values": values}:
            return any(_compare("Equals", value, item) for item in values)
    return _compare(condition["Type"], condition["LeftValue"], condition["RightValue"])


def _compare(name: str, left: Any, right: Any) -> bool:
    if _kind(left) is not _kind(right):
        raise StepFailedError(
            f"{name} compares {left!r} ({type(left).__name__}) with {right!r} "
            f"({type(right).__name__}): both must be texts, numbers or booleans."
        )
    return _COMPARISONS[name](left, right)


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
