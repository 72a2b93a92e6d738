"""CloudFormation's resource types as AWS publishes them: their schemas, and what means replacement.

The schemas are those of the CloudFormation registry; they come with cfn-lint (a moto dependency),
so no rule of replacement is written down here by hand.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

CUSTOM_RESOURCE: Final = "AWS::CloudFormation::CustomResource"
_CUSTOM: Final = "Custom::"


def published_type(resource_type: str) -> str:
    """Return the type that AWS publishes: those of custom resources are one, however called."""
    return CUSTOM_RESOURCE if resource_type.startswith(_CUSTOM) else resource_type


@cache
def schema_of(resource_type: str) -> Mapping[str, Any]:
    """Return the registry's schema of a resource type, such as ``AWS::KMS::Key``.

    Raises:
        KeyError: AWS publishes none.
        ModuleNotFoundError: cfn-lint is not installed.
    """
    folder = _schemas_folder()
    digests = json.loads((folder / "providers" / "us-east-1.json").read_text())
    digest = digests[published_type(resource_type)]
    schema: Mapping[str, Any] = json.loads((folder / "resources" / f"{digest}.json").read_text())
    return schema


def replacing_properties(
    resource_type: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """Return the create-only properties that differ: updating any of them means replacement.

    Raises:
        KeyError: See :func:`schema_of`.
        ModuleNotFoundError: See :func:`schema_of`.
    """
    paths = schema_of(resource_type).get("createOnlyProperties", [])
    pointers = [path.removeprefix("/properties/") for path in paths]
    return [path for path in pointers if _values_at(before, path) != _values_at(after, path)]


def _schemas_folder() -> Path:
    # Found without importing cfn-lint, which takes about a second.
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("cfn-lint, which carries the CloudFormation schemas, is missing")
    return Path(spec.submodule_search_locations[0], "data", "schemas")


def _values_at(properties: Any, path: str) -> list[Any]:
    found = [properties]
    for key in path.split("/"):
        found = [child for value in found for child in _children(value, key)]
    return found


def _children(value: Any, key: str) -> list[Any]:
    if key == "*" and isinstance(value, list):
        return value
    return [value[key]] if isinstance(value, dict) and key in value else []
