"""How the state of a step or an execution looks: a word and a sign, never a colour alone."""

from __future__ import annotations

from typing import Final

from local.report.html import Html, element
from local.runner.records import StepExecution

_SIGNS: Final = {
    "NotExecuted": "○",
    "Starting": "…",
    "Executing": "…",
    "Succeeded": "✓",
    "Failed": "✕",
    "Stopped": "■",
    "Reused": "↺",
    "passed": "✓",
    "failed": "✕",
    "agree": "✓",
    "differ": "✕",
    "error": "✕",
    "warning": "!",
}
_WORDS: Final = {
    "NotExecuted": "Not executed",
    "passed": "Passed",
    "failed": "Failed",
    "agree": "They agree",
    "differ": "They differ",
    "error": "Error",
    "warning": "Warning",
}


def state_of(step: StepExecution) -> str:
    """Return the state of a step; a reused result is a state of its own."""
    return "Reused" if step.cache_hit else step.status.value


def word(state: str) -> str:
    """Return a state in words."""
    return _WORDS.get(state, state)


def sign(state: str) -> str:
    """Return the sign of a state."""
    return _SIGNS[state]


def css_class(state: str) -> str:
    """Return the class that gives a state its colours."""
    return f"state-{state.lower()}"


def badge(state: str) -> Html:
    """Return a state as sign and word."""
    mark = element("span", sign(state), aria_hidden="true")
    return element("span", mark, f" {word(state)}", class_=f"badge {css_class(state)}")
