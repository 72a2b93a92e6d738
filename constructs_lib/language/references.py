"""What a ``Get`` is made of.

Parameters.<name>
Execution.<variable>
Steps.<name>.<path to a property>
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

EXECUTION_VARIABLES: Final = (
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "ProcessingJobName",
    "StartDateTime",
    "TrainingJobName",
)
"""What ``Execution.`` can be followed by; the job names exist in steps that start such a job.

Source: the SDK's ``ExecutionVariables``."""

_STEP: Final = re.compile(r"Steps\.(?P<name>[A-Za-z0-9_-]+)")
_KEY: Final = re.compile(r"""\.?(?P<name>[^.\[\]'"]+)|\[(?P<index>\d+)\]|\['(?P<quoted>[^']*)'\]""")

Key: TypeAlias = str | int
"""A member of an object, the name of a list's item, or its index."""


def referenced_step(reference: str) -> str | None:
    """Name the step whose property a reference is; ``None`` for any other."""
    match = _STEP.match(reference)
    return match and match["name"]


def property_keys(path: str) -> Iterator[Key]:
    """Split a path to a property, such as ``Outputs['name'].S3Output.S3Uri``, into its keys.

    Raises:
        ValueError: It is no path; the message is the part that is none.
    """
    position = 0
    while position < len(path):
        match = _KEY.match(path, position)
        if match is None:
            raise ValueError(path[position:])
        position = match.end()
        yield int(match["index"]) if match["index"] else match["name"] or match["quoted"]
