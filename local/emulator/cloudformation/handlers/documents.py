"""What several handlers need to turn template properties into API arguments."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from local.emulator.cloudformation.resources import Properties


def as_json(document: Any) -> str:
    """Return a policy or other document, which templates hold as an object or as text."""
    return document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))


def pick(properties: Properties, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the named properties that are present."""
    return {name: properties[name] for name in names if name in properties}


def is_true(value: Any) -> bool:
    """Return a boolean property, which templates also hold as text."""
    return value in (True, "true")


def removed_tag_keys(before: Properties, after: Properties) -> list[str]:
    """Return the keys of the tags that an update drops."""
    kept = {tag["Key"] for tag in after.get("Tags", [])}
    return [tag["Key"] for tag in before.get("Tags", []) if tag["Key"] not in kept]


def tag_map(properties: Properties) -> dict[str, str]:
    """Return the tags by key; templates hold them as a list, or as a map for some types."""
    tags = properties.get("Tags", [])
    return dict(tags) if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
