"""The steps of a compiled or deployed pipeline definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

_BRANCHES: Final = ("IfSteps", "ElseSteps")


def steps_of(definition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a definition, those that wait behind a condition too, right after it."""
    yield from _steps(definition["Steps"])


def _steps(steps: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        arguments = step.get("Arguments") or {}
        for branch in _BRANCHES:
            yield from _steps(arguments.get(branch) or ())
