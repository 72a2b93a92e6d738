"""Step caching: which earlier result a step may reuse.

Only step types that have key attributes are cached, by only those attributes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from constructs_lib.language.caching import KEY_ATTRIBUTES
from constructs_lib.language.canonical import canonical
from local.runner.language.definition import Step
from local.runner.records import Execution, StepExecution, StepStatus


def cache_key(step: Step, arguments: Mapping[str, Any]) -> str | None:
    """Return the key of a step with resolved ``arguments``; None when the step is not cached."""
    attributes = KEY_ATTRIBUTES.get(step.type)
    if step.cache_expires_after is None or attributes is None:
        return None
    signature = [step.name, step.type, {name: arguments.get(name) for name in attributes}]
    return hashlib.sha256(canonical(signature).encode()).hexdigest()


@dataclass(frozen=True)
class EarlierResult:
    """A step that succeeded earlier, and the execution in which it did."""

    execution_arn: str
    step: StepExecution
    end_time: datetime


def find_cached(
    executions: Iterable[Execution], key: str, *, ended_after: datetime
) -> EarlierResult | None:
    """Find the most recent success with ``key`` that was not itself reused."""
    candidates = [
        EarlierResult(execution.arn, step, step.end_time)
        for execution in executions
        for step in execution.steps
        if step.cache_key == key
        and step.status is StepStatus.SUCCEEDED
        and step.cache_hit is None
        and step.end_time is not None
        and step.end_time >= ended_after
    ]
    return max(candidates, key=lambda result: result.end_time, default=None)
