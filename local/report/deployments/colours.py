"""The colours of what a region serves, the same in all pictures of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from local.report.deployments.over_time import Kind
from local.report.html import Html, element
from local.report.states import css_class

_STATES: Final[Mapping[Kind, str]] = {
    "former": "Reused",
    "new": "Succeeded",
    "changing": "Executing",
    "absent": "NotExecuted",
    "unclear": "Failed",
}
"""The state of a step that has the colour."""


def colour_of(kind: Kind) -> str:
    """Return the class that gives a kind its colour."""
    return css_class(_STATES[kind])


def mark_of(kind: Kind) -> Html:
    """Draw a square in the colour of a kind, to stand before words about it."""
    return element("span", "", class_=f"mark {colour_of(kind)}", aria_hidden="true")
