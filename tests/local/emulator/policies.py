"""Policies in short."""

from __future__ import annotations

import json
from typing import Any

Statement = dict[str, Any]


def allow(actions: str | list[str], resources: str | list[str], **members: Any) -> Statement:
    """Write a statement that allows; ``members`` replace or add some of its members."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **members}


def document(*statements: Statement) -> str:
    """Write a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
