"""Datapoints of metrics: the statistic of each period, and arithmetic over them.

Sources: "CloudWatch statistics definitions" and "Using math expressions with CloudWatch metrics" in
the Amazon CloudWatch user guide.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

_STATISTICS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Sum": sum,
}
_OPERATORS: Final[Mapping[type, Callable[[Any, Any], float]]] = {
    ast.Add: operator.add,
    ast.Div: lambda left, right: left / right if right else math.nan,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
    ast.Sub: operator.sub,
}


class UnknownMathError(Exception):
    """A statistic or an expression that is not evaluated here."""


def statistic(values: Sequence[float], name: str) -> float | None:
    """Return a statistic, such as ``Average`` or ``p99``; None of no values.

    Raises:
        UnknownMathError: There is no such statistic here.
    """
    if not values:
        return None
    if name in _STATISTICS:
        return float(_STATISTICS[name](values))
    if name[:1] != "p":
        raise UnknownMathError(f"The statistic {name} is not evaluated here")
    ordered = sorted(values)
    rank = math.ceil(float(name[1:]) / 100 * len(ordered))
    return float(ordered[max(rank, 1) - 1])


def expression_value(text: str, values: Mapping[str, float | None]) -> float | None:
    """Evaluate an expression in one period; None if a metric in it has no data.

    Args:
        text: Of numbers, ids, ``+ - * / ^``, comparisons, FILL and IF.
        values: By id of the metric or expression.

    Raises:
        UnknownMathError: It has something else.
    """
    try:
        parsed = ast.parse(text.replace("^", "**"), mode="eval").body
    except SyntaxError as error:
        raise UnknownMathError(f"The expression {text} is not evaluated here") from error
    value = _value(parsed, values)
    return None if value is None or math.isnan(value) else float(value)


def _value(node: ast.expr, values: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _value(operand, values)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _both(_OPERATORS[type(op)], left, right, values)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return _both(_OPERATORS[type(op)], left, right, values)
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, filler]):
            value = _value(metric, values)
            return _value(filler, values) if value is None else value
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            value = _value(condition, values)
            return None if value is None else _value(then if value else otherwise, values)
    raise UnknownMathError(f"The expression {ast.unparse(node)} is not evaluated here")


def _both(
    operate: Callable[[Any, Any], float],
    left: ast.expr,
    right: ast.expr,
    values: Mapping[str, float | None],
) -> float | None:
    first, second = _value(left, values), _value(right, values)
    return None if first is None or second is None else float(operate(first, second))
