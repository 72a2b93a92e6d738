"""The code of the test app's function; it is deployed, never run."""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer the event."""
    return event
