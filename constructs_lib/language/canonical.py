"""The one text of a JSON value."""

from __future__ import annotations

import json


def canonical(value: object) -> str:
    """Write JSON data such that equal data, and only equal data, gives equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
